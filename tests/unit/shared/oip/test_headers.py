import pytest

from roost_shared.oip import OipError, check_encoding, header_length


@pytest.mark.parametrize("text", ["", "-1", "1.5", "0x10", "１", "9" * 16])
def test_a_header_length_is_a_number(text: str) -> None:
    with pytest.raises(OipError) as caught:
        header_length(text)
    assert caught.value.code == "oip.bad_header_length"


@pytest.mark.parametrize("encoding", [None, "identity", "Identity"])
def test_a_body_may_come_as_it_is(encoding: str | None) -> None:
    check_encoding(encoding)


@pytest.mark.parametrize("encoding", ["gzip", "br", "gzip, identity", ""])
def test_a_body_may_not_come_compressed(encoding: str) -> None:
    with pytest.raises(OipError, match="without Content-Encoding") as caught:
        check_encoding(encoding)
    assert (caught.value.code, caught.value.status) == ("http.encoding", 415)
