"""A token means what was put into it, whatever that is."""

from hypothesis import given
from hypothesis import strategies as st

from roost_shared.enrolment import EnrolmentToken

CA = "sha256:" + 64 * "a"


@given(identifier=st.text(min_size=1, max_size=50), secret=st.text(min_size=1, max_size=50))
def test_a_token_survives_being_carried(identifier: str, secret: str) -> None:
    token = EnrolmentToken(id=identifier, secret=secret, ca=CA)
    text = token.text()
    assert text.isascii()
    assert EnrolmentToken.parse(text) == token
