"""Drift, models, labelling, training and rollouts in a real browser: what is done there is looked at by the API.

One cloud and one window for all, and nothing that works by itself: a test that changes something leaves what the
others look at.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from roost_cloud.db.tables import Alarm, RolloutRow
from roost_cloud.rollouts import notes
from roost_cloud.rollouts.notes import Note
from roost_shared.bundle import Bundle
from tests.support.browser import CHROMIUM, WIDTHS
from tests.support.dashboard_site import DashboardSite, open_dashboard, stock
from tests.support.registry_fixtures import *  # noqa: F403 - for pytest to find them by name
from tests.support.stocked import stock_alarm
from tests.support.tab_walk import not_reached
from tests.support.telling import BOOT, sample

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium; Debian has one: apt-get install chromium"
)


@dataclass
class Panes(DashboardSite):
    """A dashboard with a dataset and an alarm more."""

    dataset: str
    second_alarm: str

    def paths(self) -> dict[str, str]:
        return {
            "fleet": "fleet",
            "device": "devices/cam-02",
            "rollouts": "rollouts",
            "rollout": f"rollouts/{self.stocked.rollout}",
            "new": "rollouts/new",
            "alarms": "alarms",
            "alarm": f"alarms/{self.stocked.alarm}",
            "drift": "drift",
            "drift-of-some": "drift?task=meter&label=site%3Dnorth",
            "drift-device": "drift/cam-01/meter",
            "labelling": "labelling?task=meter",
            "disputed": f"labelling?task={self.stocked.fleet.task}&rollout={self.stocked.rollout}",
            "answers": "answers?device=cam-02",
            "answer": f"answers/cam-02/{BOOT}-8",
            "models": "models",
            "model": "models/argmax",
            "version": "models/argmax/2?device=cam-01",
            "compare": "compare?first=argmax:1&second=argmax:2",
            "dataset": f"datasets/{self.dataset}",
            "training": "training",
            "run": f"training/{self.stocked.run}",
        }


@pytest.fixture(scope="module")
def site(argmax: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panes]:
    folder = tmp_path_factory.mktemp("panes")
    with stock(folder, argmax) as stocked:
        work = stocked.labelling
        work.tell("cam-09", range(5))
        work.say({f"cam-09/{number}": str(number % 3) for number in range(5)})
        asked = {"task": "meter", "incumbent": "meter:1", "labels_min": 4}
        dataset = work.ask("POST", "/datasets", asked)["digest"]
        second = stock_alarm(stocked.cloud.services, "acme", "cam-02", since=timedelta(minutes=30))
        with open_dashboard(folder, stocked, role="api,dashboard") as site:
            yield Panes(**vars(site), dataset=dataset, second_alarm=second)


NEW = ["drift", "drift-of-some", "drift-device", "disputed", "answers", "compare", "dataset", "version", "alarm"]


@pytest.mark.parametrize("name", NEW)
def test_a_page_opens_without_complaint_for_everybody(site: Panes, name: str) -> None:
    look = site.look
    look.open(site.paths()[name])
    assert [width for width in WIDTHS if look.overflows(width)] == []
    look.page.set_viewport_size({"width": WIDTHS[0], "height": 900})
    assert look.barriers() == []
    assert (look.complaints, look.elsewhere) == ([], [])


@pytest.mark.timeout(300)
def test_everything_on_every_page_is_reached_by_the_tab_key_and_seen_there(site: Panes) -> None:
    found = {}
    for name, path in site.paths().items():
        site.look.open(path)
        site.look.page.wait_for_load_state("networkidle")
        if problems := not_reached(site.look.page):
            found[name] = problems
    assert found == {}


def test_a_page_says_that_it_cannot_be_brought_up_to_date_until_it_is(site: Panes) -> None:
    page, services = site.look.page, site.stocked.cloud.services
    alarm = site.second_alarm
    site.look.open(f"alarms/{alarm}")

    def call(before: str, after: str) -> None:
        with services.database.begin() as session:
            session.execute(update(Alarm).where(Alarm.id == before).values(id=after))

    call(alarm, "mislaid")
    page.get_by_text(f"Not brought up to date any more: there is no alarm '{alarm}'").wait_for()
    assert page.get_by_role("button", name="Resolve").is_visible()  # as it was
    call("mislaid", alarm)
    page.get_by_text("Not brought up to date any more").wait_for(state="detached")


def test_how_long_ago_things_were_stays_true_while_a_page_stands_open(site: Panes) -> None:
    page = site.look.page
    site.look.open("devices/cam-02")
    moment = page.locator("time").last
    before = moment.inner_text()
    assert before.endswith("min ago")
    page.evaluate("() => { const now = Date.now; Date.now = () => now() + 7200e3; }")  # two hours go by
    page.wait_for_function("[...document.querySelectorAll('time')].at(-1).textContent === '2 h ago'", timeout=20_000)


def test_a_device_leads_to_its_answers_drift_and_alarms(site: Panes) -> None:
    page = site.look.page
    site.look.open("devices/cam-02")
    page.get_by_role("link", name="cam-02: fine detail fell").first.wait_for()
    for says, shows in (
        ("All answers it kept", ".answers img"),
        ("Its drift", "tbody tr"),
        ("All its alarms", "tbody tr"),
    ):
        site.look.open("devices/cam-02")
        page.get_by_role("link", name=says).click()
        page.wait_for_url("**device=cam-02**")
        page.locator(shows).first.wait_for()


def test_answers_show_on_a_device_s_page_as_they_come(site: Panes) -> None:
    page, stocked = site.look.page, site.stocked
    site.look.open("devices/cam-02")
    answers = page.locator(".answers li")
    before = answers.count()
    stocked.labelling.store("cam-02", [sample(99, label="fresh", confidence=0.9)])
    page.get_by_role("link", name="fresh", exact=True).wait_for()
    assert answers.count() == before + 1
    assert page.locator(".answers img").count() == before  # of the new one the input has yet to come


def test_all_that_happened_in_a_rollout_is_come_to(site: Panes) -> None:
    page, services, path = site.look.page, site.stocked.cloud.services, f"rollouts/{site.stocked.rollout}"
    first = site.api(f"/{path}/events")["items"][0]
    with services.database.begin() as session:
        row = session.get_one(RolloutRow, ("acme", site.stocked.rollout))
        notes.put(session, row, [Note("pause", stage=0)] * 70, actor="somebody", now=services.now())
    site.look.open(path)
    assert page.get_by_text(first["message"], exact=True).count() == 0
    page.get_by_role("link", name="Earlier events").click()
    page.get_by_text(first["message"], exact=True).wait_for()
    page.get_by_role("link", name="Newest events").click()
    page.get_by_role("link", name="Earlier events").wait_for()


def test_the_budget_is_set_and_what_is_no_number_is_refused(site: Panes) -> None:
    page = site.look.page
    site.look.open("drift")
    for entered, says in (("many", "is no number of alarms a week"), ("2.5", "the budget is set")):
        site.look.press("Change the budget")
        page.get_by_role("dialog").get_by_role("textbox", name="False alarms a week").fill(entered)
        page.get_by_role("button", name="Set it").click()
        page.get_by_text(says).first.wait_for()
    page.locator(".budget strong", has_text="2.5 a week").wait_for()
    assert site.api("/drift/settings")["alarms_a_week"] == 2.5
    site.look.press("What would other budgets have come to?")
    page.get_by_text("12.5 a week").first.wait_for()


def test_drift_leads_to_a_device_and_its_alarm(site: Panes) -> None:
    page = site.look.page
    site.look.open("drift")
    page.get_by_role("link", name="cam-01 / meter").click()
    page.wait_for_url("**/ui/drift/cam-01/meter")
    page.get_by_role("img", name="Distance from its own beginnings: last 61, threshold 20.5").wait_for()
    page.get_by_role("link", name="cam-01: fine detail fell").click()
    page.wait_for_url(f"**/ui/alarms/{site.stocked.alarm}")
    page.get_by_role("link", name="How it went over time").click()
    page.wait_for_url("**/ui/drift/cam-01/meter#input")


def test_an_alarm_is_muted_told_of_again_and_resolved(site: Panes) -> None:
    path = f"/alarms/{site.second_alarm}"
    site.look.open(path[1:])
    site.look.press("Mute for a day", "Do so")
    site.look.page.get_by_text("Muted until").wait_for()
    assert site.api(path)["is_muted"]
    site.look.press("Tell again", "Do so")
    site.look.page.get_by_role("button", name="Mute for a day").wait_for()
    assert not site.api(path)["is_muted"]
    site.look.press("Resolve", "Resolve it")
    site.look.page.locator(".pill", has_text="resolved").first.wait_for()
    assert site.api(path)["state"] == "resolved"
    assert not site.look.page.get_by_role("button", name="Begin anew").is_visible()


def test_a_device_begins_anew_and_its_alarm_is_over(site: Panes) -> None:
    other = stock_alarm(site.stocked.cloud.services, "acme", "cam-03")
    site.look.open(f"alarms/{other}")
    site.look.press("Begin anew")
    page = site.look.page
    page.get_by_role("dialog").get_by_role("textbox", name="Note").fill("new lamps")
    page.get_by_role("dialog").get_by_role("button", name="Begin anew").click()
    page.locator(".pill", has_text="resolved").first.wait_for()
    assert site.api(f"/alarms/{other}")["state"] == "resolved"
    (kind,) = site.api("/drift/status?device=cam-03")["items"][0]["kinds"]
    assert (kind["standing"], kind["note"]) == ("commissioning", "new lamps")


def test_an_alias_is_moved(site: Panes) -> None:
    page = site.look.page
    site.look.open("models/argmax")
    site.look.press("Move an alias")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Alias").fill("stable")
    dialog.get_by_role("combobox", name="Version").click()
    page.get_by_role("option", name="1", exact=True).click()
    dialog.get_by_role("button", name="Move it").click()
    page.get_by_text("stable points at argmax:1").wait_for()
    page.locator("td, th", has_text="stable").first.wait_for()
    (alias,) = site.api("/bundles/argmax/aliases")["items"]
    assert (alias["alias"], alias["version"]) == ("stable", "1")


def test_labels_are_given_by_tapping_and_those_after_a_guess_are_not_blind(site: Panes) -> None:
    page = site.look.page
    page.set_viewport_size({"width": WIDTHS[1], "height": 844})
    try:
        site.look.open("labelling?task=meter")
        before = site.api("/labels?task=meter&source=" + site.api("/labels?task=meter")["items"][0]["source"])["items"]
        page.get_by_text("Input 1 of").wait_for()
        page.locator(".sheet button").nth(2).click()
        page.get_by_text("Input 3 of").wait_for()
        page.get_by_role("button", name="1", exact=True).click()
        page.get_by_text("Input 4 of").wait_for()
        site.look.press("Show what models guess")
        page.get_by_role("heading", name="What models say of input 4").wait_for()
        page.get_by_role("heading", name="saw just before and after").wait_for()
        page.locator(".note", has_text="is under way").get_by_role("link").wait_for()  # how near the next run is
        page.get_by_role("button", name="2", exact=True).click()
        page.get_by_text("2 chosen").wait_for()
        site.look.press("Save 2 and go on")
        page.get_by_text("2 labels are saved").wait_for()
    finally:
        page.set_viewport_size({"width": WIDTHS[0], "height": 900})
    said = [one for one in site.api("/labels?task=meter")["items"] if one["id"] not in {was["id"] for was in before}]
    told = {one["label"]: (one["informed"], one["drawn"] is not None) for one in said if one["source"] != "ann"}
    assert told == {"1": (False, True), "2": (True, True)}


def test_a_run_is_approved_cancelled_and_another_opened(site: Panes) -> None:
    page, path = site.look.page, f"/runs/{site.stocked.run}"
    site.look.open(f"training/{site.stocked.run}")
    site.look.press("Approve", "Approve it")
    page.locator(".pill", has_text="queued").first.wait_for()
    assert site.api(path)["state"] == "queued"
    assert not page.get_by_role("button", name="Approve").is_visible()
    site.look.press("Cancel", "Cancel it")
    page.locator(".pill", has_text="cancelled").first.wait_for()
    site.process.client(site.operator).call(
        "PUT", "/training/policies/meter", dict[str, Any], body={"bundle": "meter:1"}
    )
    site.look.open("training")
    site.look.press("Open a run")
    assert page.get_by_role("dialog").get_by_role("textbox", name="Task").input_value() == "meter"
    page.get_by_role("dialog").get_by_role("button", name="Open it").click()
    page.get_by_text("a run of meter is opened").wait_for()
    page.locator(".pill", has_text="queued").first.wait_for()
    newest, *_ = site.api("/runs")["items"]
    assert (newest["state"], newest["cause"], newest["reason"]) == ("queued", "person", "asked for at the dashboard")


def test_an_alarm_has_its_inputs_brought_and_a_run_opened(site: Panes) -> None:
    page, client = site.look.page, site.process.client(site.operator)
    for run in site.api("/runs?is_open=true")["items"]:
        client.call("POST", f"/runs/{run['id']}/cancel", dict[str, Any], body={})
    client.call("PUT", "/training/policies/meter", dict[str, Any], body={"bundle": "meter:1"})
    alarm = stock_alarm(site.stocked.cloud.services, "acme", "cam-03", kind="model")
    site.look.open(f"alarms/{alarm}")
    site.look.press("Bring its inputs", "Bring them")
    told = page.get_by_text("inputs are here").inner_text()
    (wanted,) = client.get("/wanted", list[dict[str, Any]])
    assert (wanted["device"], wanted["task"], wanted["here"]) == ("cam-03", "meter", 8)
    assert told.startswith(f"8 of {wanted['samples']} inputs are here")
    site.look.press("Open a training run", "Open it")
    page.wait_for_url("**/ui/training/**")
    opened = site.api(f"/runs/{page.url.rpartition('/')[2]}")
    assert (opened["task"], opened["cause"], alarm in opened["alarms"]) == ("meter", "person", True)
    site.look.open(f"alarms/{alarm}")
    page.get_by_role("link", name=opened["candidate"]).wait_for()
    assert page.get_by_role("button", name="Open a training run").count() == 0  # one sees to it


def test_a_rollout_is_paused_resumed_and_aborted(site: Panes) -> None:
    look, path = site.look, f"/rollouts/{site.stocked.rollout}"
    look.open(path[1:])
    look.press("Pause", "Pause it")
    look.page.get_by_role("button", name="Resume", exact=True).wait_for()
    assert site.api(path)["state"] == "paused"
    look.press("Resume", "Resume it")
    look.page.get_by_role("button", name="Pause", exact=True).wait_for()
    assert site.api(path)["state"] != "paused"
    look.press("Abort", "Abort it")
    look.page.locator(".pill", has_text="aborting").first.wait_for()
    assert site.api(path)["state"] == "aborting"


def test_a_viewer_sees_no_action_there(site: Panes) -> None:
    look = site.look
    look.sign_in(site.viewer)
    allowed = {"Light or dark", "Sign out", "Show", "Compare", "What would other budgets have come to?"}
    try:
        for name in (*NEW, "model", "labelling"):
            look.open(site.paths()[name])
            assert set(look.page.get_by_role("button").all_inner_texts()) <= allowed, name
            assert look.page.get_by_text("Roll out").count() == 0
    finally:
        look.sign_in(site.operator)
