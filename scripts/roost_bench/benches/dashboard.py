"""How soon a browser shows a page of 10,000 devices, and what 1,000 page loads leave in the dashboard's memory."""

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from roost_cloud.activity.hours import last_hours
from roost_cloud.db import Base
from roost_cloud.db.tables import Device, DeviceHour, DeviceLabel, TaskHour
from roost_cloud.people import tenants, tokens
from roost_cloud.services import Services, open_services
from roost_cloud.settings import load_settings
from roost_shared.sketches import LatencyHistogram, ReasonCounts
from scripts.roost_bench.bench import Goal, Options, Result
from scripts.roost_bench.site import pss_mb
from tests.support.browser import CHROMIUM
from tests.support.cloud_process import CloudProcess

GOALS = (
    Goal("cold_ms", at_most=1500, unit="ms"),
    Goal("slowest_ms", at_most=1500, unit="ms"),
    Goal("growth_mb", at_most=5, unit="MB"),
)
COMPARED_WITH = (
    "nothing: absolute; from the navigation to the first frame with rows of the table in it, in Debian's Chromium "
    "without a window, of a real `roost cloud serve --role dashboard` on SQLite with 10,000 devices and a day's "
    "figures of each; `cold_ms` with nothing in the browser's cache, `slowest_ms` the slowest of the medians by kind "
    "of page; growth is the process's memory (PSS) after all page loads less that after a tenth of them, both once "
    "the windows were forgotten"
)

DEVICES: Final = 10_000
HOURS: Final = 24
LOADS: Final = 1000
SITES: Final = 4
FORGOTTEN_S: Final = 20  # a window that is closed is remembered for 10 s
PATHS: Final = {
    "first": "fleet",
    "label": "fleet?label=site%3Ds3",
    "two_labels_and_state": "fleet?label=model%3Dpi-5+site%3Ds3&state=online",
    "name": "fleet?named=-099",
    "deep": "fleet?after=cam-09000",
    "task": "tasks/meter",
}
VISITED: Final = ("fleet", "devices/cam-00042", "tasks", "tasks/meter", "alarms", "rollouts", "fleet?label=site%3Ds3")
# In the page, before anything of its own: notes when the first rows, or what stands where there are none, are painted.
WATCH: Final = """
(() => {
  const look = () => document.querySelector('tbody tr, .empty')
    ? requestAnimationFrame(() => { window.usefulMs = performance.now(); })
    : requestAnimationFrame(look);
  look();
})();
"""


def run(options: Options) -> Result:
    """Measure, where there is a Chromium."""
    if CHROMIUM is None:
        unknown = {goal.figure: None for goal in GOALS}
        return {**unknown, "limited_by": "there is no Chromium: apt-get install chromium"}
    loads, rounds = (LOADS // 10, 3) if options.quick else (LOADS, 15)
    with tempfile.TemporaryDirectory() as name, _served(Path(name)) as (process, token), _browser() as browser:
        cold_ms = statistics.median(_cold_ms(browser, process.url, token) for _ in range(rounds))
        page = _signed_in(browser, process.url, token)
        medians = {
            kind: statistics.median(_useful_ms(page, f"{process.url}/ui/{path}") for _ in range(rounds))
            for kind, path in PATHS.items()
        }
        memory = list(_memory_mb(process, page, loads))
    return {
        "cold_ms": cold_ms,
        "slowest_ms": max(medians.values()),
        "growth_mb": memory[1] - memory[0],
        "medians_ms": medians,
        "memory_mb": {str(loads // 10): memory[0], str(loads): memory[1]},
        "devices": DEVICES,
    }


@contextmanager
def _served(folder: Path) -> Iterator[tuple[CloudProcess, str]]:
    """A fleet's dashboard, and a token that opens it."""
    url = f"sqlite:///{folder / 'roost.db'}"
    settings = load_settings(None, environment={}, overrides={"data_dir": folder / "data", "database_url": url})
    with open_services(settings) as services:
        token = _stock(services)
    with CloudProcess(folder, "--database-url", url, "--role", "dashboard") as process:
        yield process.start(), token


@contextmanager
def _browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def _signed_in(browser: Browser, url: str, token: str) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.add_init_script(WATCH)
    page.goto(f"{url}/ui/")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", level=1).wait_for()
    return page


def _cold_ms(browser: Browser, url: str, token: str) -> float:
    """The fleet's page, with no more in the browser than the session."""
    before = _signed_in(browser, url, token)
    context = browser.new_context(storage_state=before.context.storage_state())
    page = context.new_page()
    page.add_init_script(WATCH)
    try:
        return _useful_ms(page, f"{url}/ui/fleet")
    finally:
        context.close()
        before.context.close()


def _useful_ms(page: Page, address: str) -> float:
    page.goto(address)
    page.wait_for_function("window.usefulMs !== undefined")
    return float(page.evaluate("window.usefulMs"))


def _memory_mb(process: CloudProcess, page: Page, loads: int) -> Iterator[float]:
    """What the process takes after a tenth of the page loads, and after all."""
    ways = cycle(VISITED)
    for count in (loads // 10, loads - loads // 10):
        for path in islice(ways, count):
            _useful_ms(page, f"{process.url}/ui/{path}")
        page.goto("about:blank")
        time.sleep(FORGOTTEN_S)
        yield pss_mb(process.pid)


def _stock(services: Services) -> str:
    """Fill the database; return a viewer's token."""
    now = services.now()
    names = [f"cam-{number:05}" for number in range(DEVICES)]
    with services.database.begin() as session:
        tenants.create(session, "acme", actor="bench", now=now)
        states = ("online", "online", "online", "online", "offline")  # of each site four of five
        devices = [
            {
                "name": name,
                "enrolled_at": now,
                "state": states[number % len(states)],
                "last_seen": now - timedelta(minutes=number % 600),
            }
            for number, name in enumerate(names)
        ]
        _insert(session, Device, devices)
        labels = [
            {"device": name, "key": key, "value": value}
            for number, name in enumerate(names)
            for key, value in {"site": f"s{number % SITES}", "model": "pi-5"}.items()
        ]
        _insert(session, DeviceLabel, labels)
        figures = {"answers": 3600, "reasoned": 3600, "others": 40, "timed": 3600, "missed": 2}
        for hour in last_hours(now, HOURS).hours:
            _insert(
                session, DeviceHour, [{"hour": hour, "device": name, "task": "meter", **figures} for name in names]
            )
            _insert(session, TaskHour, [_task_hour(hour, contestant) for contestant in ("", "primary", "backup")])
        issued = tokens.issue(
            session, tenant="acme", name="bench", role="viewer", lifetime=None, actor="bench", now=now
        )
    with services.database.begin() as session:
        session.execute(text("ANALYZE"))
    return issued.text


def _task_hour(hour: Any, contestant: str) -> dict[str, Any]:
    reasons, latency = ReasonCounts(), LatencyHistogram()
    for _ in range(100):
        reasons.update("preferred")
        latency.update(20)
    sketches = {"reasons": reasons.to_bytes(), "latency": latency.to_bytes(), "confidence": None}
    counts = {"count": 36_000_000, "timed": 36_000_000, "missed": 20_000}
    key = {"task": "meter", "hour": hour, "contestant": contestant, "lane": 0}
    return {**key, **counts, **sketches, "disagreements": None}


def _insert(session: Session, table: type[Base], rows: list[dict[str, Any]]) -> None:
    session.execute(insert(table), [{"tenant": "acme", **row} for row in rows])
