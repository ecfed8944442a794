"""Messages that nobody should have sent."""

import pytest

from roost_shared.messages import MessageError, State, VersionMismatchError, decode_json, decode_msgpack
from roost_shared.questions import CloudScore, Question
from tests.support.unreadable import NO_JSON, NO_MESSAGEPACK


@pytest.mark.parametrize("wrong", NO_JSON)
def test_what_is_no_json_is_an_error_of_the_message(wrong: str) -> None:
    with pytest.raises(MessageError):
        decode_json(NO_JSON[wrong], State)


@pytest.mark.parametrize("kind", [CloudScore, Question])
@pytest.mark.parametrize("wrong", NO_MESSAGEPACK)
def test_what_is_no_messagepack_is_an_error_of_the_message(
    wrong: str, kind: type[CloudScore] | type[Question]
) -> None:
    with pytest.raises(MessageError):
        decode_msgpack(NO_MESSAGEPACK[wrong], kind)


@pytest.mark.parametrize(("theirs", "side"), [(2, "this side"), (0, "the sender")])
def test_another_version_says_whom_to_upgrade_even_where_it_cannot_be_read(theirs: int, side: str) -> None:
    with pytest.raises(VersionMismatchError, match=f"upgrade {side}"):
        decode_json(b'{"schema_version":%d,"state":{}}' % theirs, State)
