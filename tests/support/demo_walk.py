"""Looking at what a real house made: the demo's devices, alarms, runs and rollouts, in a real browser.

Every figure here is of real agents that answered, a real monitor that raised alarms, a real trainer and gate.
"""

import re
from typing import Any, Final

from roost_cloud.client import ApiClient
from roost_cloud.credentials import Credentials
from tests.support.browser import WIDTHS, Look, looking

__all__ = ["walk_demo"]

_CLOUD: Final = re.compile(r"ROOST_URL=(\S+) ROOST_TOKEN=(\S+)")
_DIRTY: Final = "cam-02"


def walk_demo(printed: str) -> None:
    """Go from an answer to all that it came of, and back from each, do what can be done, and find nothing wrong."""
    found = _CLOUD.search(printed)
    assert found is not None, printed
    url, token = found.groups()
    with ApiClient(Credentials(url=url, token=token)) as api, looking(url) as look:
        look.sign_in(token)
        _Walk(api, look).go()


class _Walk:
    def __init__(self, api: ApiClient, look: Look) -> None:
        self._api = api
        self._look = look

    def go(self) -> None:
        self._drift()
        self._why()
        self._act()

    def _ask(self, path: str) -> Any:
        return self._api.get(path, dict[str, Any])

    def _check(self) -> None:
        """That nothing is wrong with the page that is looked at."""
        look = self._look
        look.page.wait_for_load_state("networkidle")
        assert [width for width in WIDTHS if look.overflows(width)] == []
        look.page.set_viewport_size({"width": WIDTHS[0], "height": 900})
        assert look.barriers() == []
        assert (look.complaints, look.elsewhere) == ([], [])

    def _drift(self) -> None:
        """The device whose lens got dirty is seen to be off, and what of it."""
        page = self._look.page
        self._look.open("drift?task=digits")
        page.locator("tr", has_text=_DIRTY).locator(".pill", has_text="alarmed").first.wait_for()
        self._check()
        page.get_by_role("link", name=f"{_DIRTY} / digits").click()
        page.wait_for_url(f"**/ui/drift/{_DIRTY}/digits")
        page.get_by_role("img", name=re.compile(r"contrast: .*; [1-9]\d* decisions outside")).wait_for()
        self._check()

    def _why(self) -> None:
        """From an answer to model, run, data, alarm and rollout, by the links that pages have; and back from each."""
        page = self._look.page
        *_, run = self._ask("/runs?state=registered")["items"]  # the first: those after it learnt wrong labels
        name, _, version = run["candidate"].partition(":")
        digest = self._ask(f"/bundles/{name}/versions/{version}")["digest"]
        given, *_ = self._ask(f"/samples?task=digits&digest={digest}&limit=1")["items"]
        alarms = self._ask(f"/runs/{run['id']}")["alarms"]
        here = f"answers/{given['device']}/{given['sample']}"
        self._look.open(here)
        self._check()
        rollout = self._ask("/rollouts")["items"][-1]["id"]
        data = self._ask(f"/runs/{run['id']}")["snapshot"]
        for leads_to in (
            f"models/{name}/{version}",
            f"training/{run['id']}",
            f"alarms/{alarms[0]}",
            f"rollouts/{rollout}",
        ):
            self._look.open(here)
            page.locator(f'a[href="/ui/{leads_to}"]').first.click()
            page.wait_for_url(f"**/ui/{leads_to}")
            self._look.heading().wait_for()
            if leads_to.startswith(("models", "rollouts")):
                self._check()
            self._back()
        self._look.open(f"training/{run['id']}")
        page.get_by_text("passed all 10 checks").first.wait_for()
        page.get_by_role("table", name=f"What {run['candidate']} said of inputs, by what these show").first.wait_for()
        page.get_by_role("link", name="what it learnt from").click()
        page.wait_for_url(f"**/ui/datasets/{data.replace(':', '%3A')}")
        self._check()
        page.locator('a[href^="/ui/answers/"]').first.click()
        page.wait_for_url("**/ui/answers/**")
        self._look.heading().filter(has_text="Why").wait_for()

    def _back(self) -> None:
        """From wherever that led, by one link or two, to an answer again."""
        page = self._look.page
        ways = page.locator('#content a[href^="/ui/answers"]')
        ways.first.wait_for()
        ways.last.click()
        page.wait_for_url("**/ui/answers**")
        if "/ui/answers?" in page.url:
            page.locator('.answers a[href^="/ui/answers/"]').first.click()
            page.wait_for_url("**/ui/answers/**")
        self._look.heading().filter(has_text="Why").wait_for()

    def _act(self) -> None:
        """Label, move an alias, acknowledge: on what is really there."""
        page = self._look.page
        self._look.open("labelling?task=digits")
        page.get_by_text("Input 1 of").wait_for()
        self._check()
        for key, says in (("7", "Input 2"), ("x", "Input 3"), ("u", "Input 2"), ("3", "Input 3")):
            page.keyboard.press(key)
            page.get_by_text(f"{says} of").wait_for()
        page.keyboard.press("s")
        page.get_by_text("2 labels are saved").wait_for()
        # The newest words: a teacher may have said something before, so that the summary need not grow.
        said = self._ask("/labels?task=digits&kind=person&limit=2")["items"]
        assert sorted(one["label"] for one in said) == ["3", "7"]
        alarm = self._ask(f"/alarms?device={_DIRTY}&kind=input")["items"][0]["id"]
        self._look.open(f"alarms/{alarm}")
        page.locator(".answers img").first.wait_for()
        self._check()
        self._look.press("Acknowledge")
        page.get_by_role("dialog").get_by_role("textbox", name="Note").fill("wiped the lens")
        page.get_by_role("button", name="Acknowledge it").click()
        page.get_by_text("wiped the lens").first.wait_for()
        assert self._ask(f"/alarms/{alarm}")["state"] == "acknowledged"
        assert (self._look.complaints, self._look.elsewhere) == ([], [])
