"""The dashboard as a role of its own, in a process beside the API's."""

from collections.abc import Iterator

import pytest

from roost_shared.bundle import Bundle
from tests.support.browser import CHROMIUM
from tests.support.cloud_process import CloudProcess
from tests.support.dashboard_site import DashboardSite, open_dashboard, stock
from tests.support.registry_fixtures import *  # noqa: F403 - for pytest to find them by name

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium; Debian has one: apt-get install chromium"
)


@pytest.fixture
def site(argmax: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DashboardSite]:
    folder = tmp_path_factory.mktemp("roles")
    with stock(folder, argmax) as stocked, open_dashboard(folder, stocked, role="dashboard") as site:
        yield site


def test_what_is_done_in_the_dashboard_s_process_is_seen_in_the_api_s(site: DashboardSite) -> None:
    path = f"/rollouts/{site.stocked.rollout}"
    assert site.process.ask(f"/api/v1{path}").status == 404  # it serves no API
    site.look.open(path[1:])
    site.look.press("Pause", "Pause it")
    site.look.page.get_by_role("button", name="Resume", exact=True).wait_for()
    url = f"sqlite:///{site.process.folder / 'roost.db'}"
    with CloudProcess(site.process.folder, "--database-url", url, "--role", "api") as api:
        assert api.start().client(site.operator).get(path, dict[str, object])["state"] == "paused"
        assert api.ask("/ui/fleet").status == 404
    assert (site.look.complaints, site.look.elsewhere) == ([], [])
