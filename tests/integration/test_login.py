"""`roost login`, `tenant`, `token` and `audit` against a cloud at a real port."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from roost_cloud.__main__ import app
from roost_shared.errors import RoostError
from tests.support.probes import secret_of
from tests.support.served_cloud import ServedCloud, serve_cloud

Roost = Callable[..., Result]


@pytest.fixture
def served(newest_sqlite: Path, tmp_path: Path) -> Iterator[ServedCloud]:
    shutil.copy(newest_sqlite, tmp_path / "roost.db")
    with serve_cloud(tmp_path / "cloud", f"sqlite:///{tmp_path / 'roost.db'}") as cloud:
        yield cloud


@pytest.fixture
def roost(tmp_path: Path) -> Roost:
    """Run the command as a user of one's own."""
    home = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "ROOST_URL": "", "ROOST_TOKEN": "", "ROOST_PROFILE": ""}

    def run(*arguments: str, stdin: str = "", environment: dict[str, str] | None = None) -> Result:
        runner = CliRunner()
        return runner.invoke(app, list(arguments), input=stdin, env=home | (environment or {}))

    return run


def said(result: Result) -> str:
    assert result.exception is None, result.exception
    return result.stdout


def refusal(result: Result) -> str:
    assert isinstance(result.exception, RoostError), result.output
    return str(result.exception)


def test_who_logs_in_is_remembered_in_a_file_of_their_own(served: ServedCloud, roost: Roost, tmp_path: Path) -> None:
    token = served.token("acme", "operator")
    assert said(roost("login", served.url, "--token", token)).endswith("operator of tenant acme\n")
    assert f"operator of tenant acme at {served.url}" in said(roost("whoami"))
    assert json.loads(said(roost("whoami", "--json")))["role"] == "operator"
    file = tmp_path / "config" / "roost" / "credentials.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert said(roost("logout")) == "logged out\n"
    assert token not in file.read_text()
    assert "nobody has logged in. Run: roost login URL" in refusal(roost("whoami"))


def test_a_token_is_asked_for_unseen(served: ServedCloud, roost: Roost) -> None:
    token = served.token()
    result = roost("login", served.url, stdin=f"{token}\n")
    assert "admin of tenant acme" in said(result)
    assert token not in result.output


def test_a_token_that_is_wrong_leaves_the_login_there_was(served: ServedCloud, roost: Roost) -> None:
    said(roost("login", served.url, "--token", served.token()))
    wrong = roost("login", served.url, "--token", "roost_0123456789abcdef_nonsense")
    assert "401 auth.unauthenticated: the token is unknown" in refusal(wrong)
    assert "admin of tenant acme" in said(roost("whoami"))


def test_several_logins_have_names(served: ServedCloud, roost: Roost) -> None:
    said(roost("login", served.url, "--token", served.token("acme", "viewer")))
    said(roost("login", served.url, "--token", served.token(None), "--profile", "platform"))
    assert "admin of the platform" in said(roost("whoami"))
    assert "viewer of tenant acme" in said(roost("--profile", "default", "whoami"))
    assert "viewer of tenant acme" in said(roost("whoami", environment={"ROOST_PROFILE": "default"}))
    assert "'nobody'" in refusal(roost("--profile", "nobody", "whoami"))
    assert said(roost("logout")) == "logged out; now 'default' is current\n"


def test_the_environment_stands_in_for_a_login(served: ServedCloud, roost: Roost) -> None:
    environment = {"ROOST_URL": served.url, "ROOST_TOKEN": served.token("acme", "viewer")}
    assert "viewer of tenant acme" in said(roost("whoami", environment=environment))
    assert "ROOST_TOKEN: missing" in refusal(roost("whoami", environment=environment | {"ROOST_TOKEN": ""}))


def test_a_platform_makes_a_tenant_whose_admin_makes_tokens(served: ServedCloud, roost: Roost) -> None:
    said(roost("login", served.url, "--token", served.token(None)))
    made = said(roost("tenant", "create", "zeta"))
    assert "zeta" in said(roost("tenant", "list"))
    assert "409 conflict" in refusal(roost("tenant", "create", "zeta"))
    said(roost("login", served.url, "--token", made.split()[-1], "--profile", "zeta"))
    token = said(roost("token", "create", "CI of [bold]meters[/bold]", "--role", "operator", "--days", "1")).strip()
    listed = said(roost("token", "list"))
    assert "CI of [bold]meters[/bold]" in listed.replace("\n", " ")
    assert secret_of(token) not in listed
    (identity,) = (one["id"] for one in json.loads(said(roost("token", "list", "--json"))) if "CI" in one["name"])
    assert said(roost("token", "revoke", identity)) == f"token {identity} is revoked\n"
    assert "404 not_found" in refusal(roost("token", "revoke", "0123456789abcdef"))
    audit = json.loads(said(roost("audit", "--json")))
    assert [entry["action"] for entry in audit] == ["token.revoke", "token.issue", "token.issue"]
    assert len(json.loads(said(roost("audit", "--limit", "1", "--json")))) == 1
    assert "token.revoke" in said(roost("audit"))


def test_who_logs_out_may_end_the_token_too(served: ServedCloud, roost: Roost) -> None:
    token = served.token("acme", "viewer")
    said(roost("login", served.url, "--token", token))
    said(roost("logout", "--revoke"))
    assert "was revoked" in refusal(roost("login", served.url, "--token", token))


def test_a_cloud_that_is_away_is_one_line(roost: Roost) -> None:
    line = refusal(roost("login", "http://127.0.0.1:9", "--token", "roost_x"))
    assert "Connection refused" in line
    assert "HTTPConnection(" not in line
    assert "\n" not in line


def test_a_token_is_never_sent_in_the_clear(roost: Roost) -> None:
    assert "is not encrypted" in refusal(roost("login", "http://roost.example", "--token", "roost_x"))
