from pathlib import Path

import pytest

from roost_edge.identity.enrol import read_token
from roost_shared.enrolment import EnrolmentToken, EnrolmentTokenError

TOKEN = EnrolmentToken(id="0f", secret="s3cret", ca=f"sha256:{'ab' * 32}")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{}", id="alone"),
        pytest.param("{}\n", id="a-line"),
        pytest.param("roost-agent enrol --url http://127.0.0.1:8080 --token {}\n", id="the-line-that-showed-it"),
    ],
)
def test_a_token_is_read_from_a_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "token"
    file.write_text(text.format(TOKEN.text()))
    assert read_token(None, file) == TOKEN


def test_a_token_that_was_broken_over_two_lines_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN.text()[:40]}\n{TOKEN.text()[40:]}")
    with pytest.raises(EnrolmentTokenError, match="copy it whole"):
        read_token(None, file)


def test_a_file_without_one_is_refused_and_not_repeated(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("a password")
    with pytest.raises(EnrolmentTokenError, match="begins with 'roostenrol_'") as refused:
        read_token(None, file)
    assert "password" not in str(refused.value)
