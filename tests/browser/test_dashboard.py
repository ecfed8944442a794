"""The dashboard in a real browser, of a real `roost cloud serve`; what is done there is looked at by the API.

One cloud and one window for all: a test that changes something leaves what the others look at.
"""

from collections.abc import Iterator

import pytest
from sqlalchemy import update

from roost_cloud.db.tables import Device
from roost_shared.bundle import Bundle
from tests.support.browser import CHROMIUM, WIDTHS
from tests.support.dashboard_cloud import CAMERAS
from tests.support.dashboard_site import DashboardSite, open_dashboard, stock
from tests.support.registry_fixtures import *  # noqa: F403 - for pytest to find them by name
from tests.support.telling import BOOT
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium; Debian has one: apt-get install chromium"
)


@pytest.fixture(scope="module")
def site(argmax: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DashboardSite]:
    folder = tmp_path_factory.mktemp("dashboard")
    with stock(folder, argmax) as stocked:
        stocked.add_devices(120)
        with open_dashboard(folder, stocked, role="api,dashboard,director") as site:
            yield site


PAGES = ["fleet", "device", "rollouts", "rollout", "new", "alarms", "alarm", "labelling", "models", "model", "version"]
PAGES += ["answer", "training", "run", "tasks", "task"]
EMPTY = ["fleet", "tasks", "rollouts", "rollouts/new", "alarms", "drift", "labelling", "training", "models", "answers"]
EMPTY += ["compare"]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_without_complaint_for_everybody(site: DashboardSite, name: str) -> None:
    paths = {
        "device": "devices/cam-02",
        "rollout": f"rollouts/{site.stocked.rollout}",
        "new": "rollouts/new",
        "alarm": f"alarms/{site.stocked.alarm}",
        "task": "tasks/meter?contestant=primary&bar=50",
        "run": f"training/{site.stocked.run}",
        "model": "models/argmax",
        "version": "models/argmax/2",
        "answer": f"answers/cam-02/{BOOT}-8",
    }
    look = site.look
    look.open(paths.get(name, name))
    assert [width for width in WIDTHS if look.overflows(width)] == []
    look.page.set_viewport_size({"width": WIDTHS[0], "height": 900})
    assert look.barriers() == []
    assert (look.complaints, look.elsewhere) == ([], [])


def test_devices_are_found_by_page_name_and_label(site: DashboardSite) -> None:
    look = site.look
    look.open("fleet")
    rows = look.page.locator("tbody tr")
    assert rows.count() == 50
    look.page.get_by_role("link", name="Next page").click()
    look.page.get_by_role("link", name="First page").wait_for()
    look.page.get_by_label("Name contains").fill("-0011")
    look.page.get_by_role("button", name="Show").click()
    look.page.wait_for_url("**named=-0011**")
    assert rows.locator("th").all_inner_texts() == [f"edge-0011{number}" for number in range(10)]
    look.page.get_by_label("Labels").fill("site=north")
    look.page.get_by_role("button", name="Show").click()
    look.page.wait_for_url("**site%3Dnorth**")
    assert set(rows.locator(".tagged").all_inner_texts()) == {"site=north"}


def test_a_device_says_what_it_runs_and_nothing_of_it_is_markup(site: DashboardSite) -> None:
    site.look.open("devices/cam-02")
    assert site.look.page.get_by_text("killed by <b>SIGKILL</b>").count() == 1
    site.look.press("Change labels")
    site.look.page.get_by_role("textbox", name="Labels").fill("site line=7")
    site.look.page.get_by_role("button", name="Save").click()
    site.look.page.get_by_text("the labels are changed").wait_for()
    assert site.api("/devices/cam-02")["labels"] == {"line": "7"}
    site.look.page.get_by_text("line=7").first.wait_for()  # the page follows by itself


def test_a_task_shows_its_rules_its_figures_and_what_another_bar_would_do(site: DashboardSite) -> None:
    page = site.look.page
    site.look.open("tasks")
    told = site.api("/activity/tasks/meter")
    page.locator("tbody tr", has_text="meter").get_by_text(
        f"{told['deadline_rate']:.1%}".replace("%", " %")
    ).wait_for()
    page.get_by_role("link", name="meter").click()
    page.wait_for_url("**/ui/tasks/meter**")
    assert page.get_by_role("img", name="Whose answer will do when, on devices").locator("rect").count() == 4
    page.get_by_text("In words").press("Enter")
    page.get_by_text("primary: from the start with a confidence of 80 % or more; from 250 ms with any").wait_for()
    agree = page.get_by_role("group", name="Inputs of which two contestants said the same")
    pair = next(one for one in told["pairs"] if {one["one"], one["other"]} == {"backup", "old"})
    assert f"{pair['agreement']:.0%} of {pair['compared']}".replace("%", " %") in agree.inner_text().replace("\n", " ")
    page.locator("tbody tr", has_text="primary / old").wait_for()
    page.get_by_role("combobox", name="Contestant").select_option("primary")
    page.get_by_label("Needs a confidence of, in %").fill("50")
    page.get_by_role("button", name="Replay").click()
    page.get_by_text("5 of 30 answers would be another").wait_for()
    found = site.api("/activity/tasks/meter/what-if?contestant=primary&bar=0.5")
    assert (found["changed"]["count"], found["replayed"]) == (5, 30)
    page.get_by_role("link", name="the last hour").click()
    page.get_by_role("heading", name="Answers, the last hour").wait_for()


def test_a_device_says_how_it_is_and_how_its_answers_fare(site: DashboardSite) -> None:
    page = site.look.page
    site.look.open("devices/cam-02")
    told = site.api("/activity/devices/cam-02")
    assert (told["health"]["temperature_c"], told["answers"]) == (51.5, 40)
    for says in ("51.5 °C", "300 MB of 1.07 GB", "97.5 %"):
        page.get_by_text(says).first.wait_for()
    page.get_by_role("link", name="meter", exact=True).click()
    page.wait_for_url("**/ui/tasks/meter")


def test_the_fleet_says_what_asks_for_time_and_what_fails_and_follows(site: DashboardSite) -> None:
    page = site.look.page
    site.look.open("fleet?named=cam-0")
    (rollout,) = [one for one in site.api("/rollouts")["items"] if one["ended_at"] is None]
    assert rollout["state"] == "approval"
    page.locator(".sums a", has_text="unresolved alarms").get_by_text("1", exact=True).wait_for()
    page.locator(".sums a", has_text="rollouts under way, 1 to approve").wait_for()
    row = page.locator("tbody tr", has=page.get_by_role("link", name="cam-02", exact=True))
    row.locator("td", has_text="backup").locator(".pill", has_text="failed").wait_for()
    page.get_by_role("link", name="cam-03", exact=True).focus()

    def become(state: str) -> None:
        with site.stocked.cloud.services.database.begin() as session:
            session.execute(update(Device).where(Device.name == "cam-02").values(state=state))

    become("offline")
    row.locator(".pill", has_text="offline").wait_for()  # the page follows by itself
    become("online")
    page.wait_for_function("document.activeElement.textContent === 'cam-03'")  # drawn anew, it has the focus again


def test_a_device_is_revoked(site: DashboardSite) -> None:
    site.look.open("devices/edge-00119")
    site.look.press("Revoke", "Revoke it")
    site.look.page.locator(".pill", has_text="revoked").first.wait_for()
    assert site.api("/devices/edge-00119")["status"] == "revoked"


@pytest.mark.parametrize("name", EMPTY)
def test_a_page_of_a_tenant_who_has_nothing_yet_says_what_to_do(site: DashboardSite, name: str) -> None:
    look = site.look
    look.sign_in(site.stocked.cloud.token("gamma", "operator"))
    try:
        look.open(name)
        assert look.page.locator(".empty").first.inner_text().count(" ") > 4
        assert [width for width in WIDTHS if look.overflows(width)] == []
        look.page.set_viewport_size({"width": WIDTHS[0], "height": 900})
        assert look.barriers() == []
        assert (look.complaints, look.elsewhere) == ([], [])
    finally:
        look.sign_in(site.operator)


def test_somebody_of_two_tenants_sees_one_at_a_time(site: DashboardSite) -> None:
    page = site.look.page
    site.look.open("fleet")
    page.locator(".tenants summary").press("Enter")
    page.get_by_role("link", name="Sign in to another tenant").click()
    page.get_by_label("Token").fill(site.stocked.cloud.token("beta", "viewer"))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("No device has enrolled yet").wait_for()
    assert page.get_by_role("link", name="cam-01").count() == 0
    page.locator(".tenants summary", has_text="beta, viewer").click()
    page.get_by_role("button", name="acme, operator").click()
    page.get_by_role("link", name="cam-01").wait_for()
    page.locator(".tenants summary", has_text="acme, operator").wait_for()
    site.look.sign_in(site.operator)


def test_an_alarm_is_acknowledged_with_a_note(site: DashboardSite) -> None:
    site.look.open(f"alarms/{site.stocked.alarm}")
    site.look.press("Acknowledge")
    site.look.page.get_by_role("dialog").get_by_role("textbox", name="Note").fill("lens is dirty")
    site.look.page.get_by_role("button", name="Acknowledge it").click()
    site.look.page.get_by_text("lens is dirty").first.wait_for()
    told = site.api(f"/alarms/{site.stocked.alarm}")
    assert (told["state"], told["note"]) == ("acknowledged", "lens is dirty")


def test_a_training_run_is_cancelled_with_a_note(site: DashboardSite) -> None:
    page = site.look.page
    site.look.open(f"training/{site.stocked.run}")
    page.get_by_text("7 days have gone by").first.wait_for()
    site.look.press("Cancel")
    page.get_by_role("dialog").get_by_role("textbox", name="Note").fill("not now")
    page.get_by_role("button", name="Cancel it").click()
    page.locator(".pill", has_text="cancelled").first.wait_for()
    assert site.api(f"/runs/{site.stocked.run}")["state"] == "cancelled"
    assert not page.get_by_role("button", name="Approve").is_visible()


def test_inputs_are_labelled_by_keyboard_and_a_slip_is_undone(site: DashboardSite) -> None:
    look = site.look
    look.open("labelling?task=meter")
    look.page.get_by_text("Input 1 of 12").wait_for()
    for key, says in (("1", "Input 2"), ("2", "Input 3"), ("u", "Input 2"), ("x", "Input 3"), ("0", "Input 4")):
        look.page.keyboard.press(key)
        look.page.get_by_text(f"{says} of 12").wait_for()
    look.page.keyboard.press("s")
    look.page.get_by_text("2 samples are labelled").wait_for()
    told = site.api("/labels/summary?task=meter")
    assert (told["labels"], told["states"]["cannot_tell"]) == ({"0": 1, "1": 1}, 1)


def test_a_viewer_sees_no_action(site: DashboardSite) -> None:
    look = site.look
    look.sign_in(site.viewer)
    try:
        for path in (
            "devices/cam-02",
            f"rollouts/{site.stocked.rollout}",
            f"alarms/{site.stocked.alarm}",
            "labelling",
            "tasks/meter",
            "rollouts",
            "training",
        ):
            look.open(path)
            names = look.page.get_by_role("button").all_inner_texts()
            assert set(names) <= {"Light or dark", "Sign out", "Show", "Replay"}, path
            assert look.page.get_by_text("Start a rollout").count() == 0
        look.open("rollouts/new")
        assert "needs the role operator" in look.page.get_by_role("alert").inner_text()
    finally:
        look.complaints.clear()  # of the page that was refused
        look.sign_in(site.operator)


def test_dark_stays_dark_on_the_next_page(site: DashboardSite) -> None:
    look = site.look
    look.open("fleet")
    look.press("Light or dark")
    look.page.locator("body.body--dark").wait_for()
    look.open("rollouts")
    look.page.locator("body.body--dark").wait_for()
    assert look.barriers() == []
    look.press("Light or dark")
    look.page.locator("body.body--light").wait_for()


def test_an_answer_leads_back_to_models_and_alarms(site: DashboardSite) -> None:
    page = site.look.page
    site.look.open("devices/cam-01")
    page.locator(".answers a").first.click()
    page.wait_for_url("**/ui/answers/cam-01/**")
    assert "by a rule that was open from the start" in page.locator(".lead").inner_text()
    page.get_by_role("link", name="cam-01: fine detail fell").click()
    page.wait_for_url(f"**/ui/alarms/{site.stocked.alarm}")


def test_a_rollout_is_approved_reverted_and_another_started(site: DashboardSite) -> None:
    look, path = site.look, f"/rollouts/{site.stocked.rollout}"
    look.open(path[1:])
    look.press("Approve", "Approve it")
    look.page.get_by_text("the next stage is approved").wait_for()
    until(lambda: site.api(path)["stage"] == 1, "the director begins with the next stage")
    look.page.locator("[aria-current=step]", has_text="2. all").wait_for()
    look.press("Revert", "Revert it")
    until(lambda: site.api(path)["state"] == "reverting", "it is being reverted")

    def reverted() -> bool:
        site.stocked.fleet.follow(*CAMERAS)
        return bool(site.api(path)["state"] == "reverted")

    until(reverted, "all devices are back")
    look.page.locator(".pill", has_text="reverted").first.wait_for()
    assert {"Pause", "Abort", "Revert"} & set(look.page.get_by_role("button").all_inner_texts()) == set()
    look.open("rollouts/new?bundle=argmax:2")
    look.page.get_by_text(
        "quarter: on 25 % of the fleet, about 31 of 123 devices, it answers, for 1 h at least"
    ).wait_for()
    look.press("Start")
    look.heading().filter(has_text="argmax:2 for").wait_for()
    (newest, _) = site.api("/rollouts")["items"]
    assert look.page.url.endswith(newest["id"])
    assert (newest["state"], newest["stages"]) == ("running", 4)


def test_what_is_not_there_says_so(site: DashboardSite) -> None:
    site.look.open("devices/nobody")
    assert site.look.page.get_by_role("alert").inner_text() == "there is no device 'nobody'"
    site.look.open("nonsense")
    site.look.page.get_by_text("Nothing of Roost is at /ui/nonsense").wait_for()
    site.look.page.get_by_role("link", name="Go to the fleet").click()
    site.look.page.wait_for_url("**/ui/fleet")
    site.look.complaints.clear()
