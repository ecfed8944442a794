"""Debian's Chromium, looking at a dashboard: what it complains of, and where it goes, is remembered."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page, Request, sync_playwright

__all__ = ["CHROMIUM", "WIDTHS", "Look", "looking"]

CHROMIUM: Final = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WIDTHS: Final = (1280, 390)
_HEIGHT: Final = 900
_SERIOUS: Final = frozenset({"serious", "critical"})


@dataclass
class Look:
    """A browser's window.

    Attributes:
        page: what Playwright has.
        url: of the cloud.
        complaints: errors and warnings of its console, and of scripts.
        elsewhere: requests to other hosts.
    """

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def sign_in(self, token: str, *, after: str = "/ui/") -> None:
        self.page.context.clear_cookies()
        self.page.goto(self.url + after)
        self.page.get_by_label("Token").fill(token)
        self.page.get_by_role("button", name="Sign in").click()
        self.heading().wait_for()

    def open(self, path: str) -> None:
        self.page.goto(f"{self.url}/ui/{path}")
        self.heading().wait_for()

    def heading(self) -> Any:
        return self.page.get_by_role("heading", level=1)

    def press(self, name: str, confirm: str | None = None) -> None:
        """Press a button; and that of the dialog it opens."""
        self.page.get_by_role("button", name=name, exact=True).click()
        if confirm is not None:
            self.page.get_by_role("dialog").get_by_role("button", name=confirm, exact=True).click()

    def barriers(self) -> list[str]:
        """What axe finds serious, light and dark; the page is left as it was."""
        found = []
        for _ in range(2):
            self.page.evaluate("window.Quasar?.Dark.set(!document.body.classList.contains('body--dark'))")
            found += Axe().run(self.page).response["violations"]
        return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found if one["impact"] in _SERIOUS]

    def overflows(self, width: int) -> bool:
        """Whether the page is wider than the window."""
        self.page.set_viewport_size({"width": width, "height": _HEIGHT})
        return bool(self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))


@contextmanager
def looking(url: str) -> Iterator[Look]:
    """Open a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(viewport={"width": WIDTHS[0], "height": _HEIGHT}).new_page()
        look = Look(page, url)

        def heard(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                look.complaints.append(message.text)

        def asked(request: Request) -> None:
            if urlsplit(request.url).scheme != "data" and urlsplit(request.url).netloc != urlsplit(url).netloc:
                look.elsewhere.append(request.url)

        page.on("console", heard)
        page.on("pageerror", lambda error: look.complaints.append(str(error)))
        page.on("request", asked)
        yield look
        browser.close()
