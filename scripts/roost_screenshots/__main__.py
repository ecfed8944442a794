"""`scripts/screenshots`: a fleet of 10,000 made-up devices and a rollout that waits, as the dashboard shows them."""

import sys
import tempfile
from pathlib import Path
from typing import Final

from roost_shared.bundle import open_bundle
from tests.support.browser import CHROMIUM, looking
from tests.support.cloud_process import CloudProcess
from tests.support.dashboard_cloud import stock_dashboard
from tests.support.split_bundles import split_bundle

__all__ = ["main"]

_HERE: Final = Path(__file__).parent
_DEVICES: Final = 9_997  # beside three that follow what they are assigned
_SIZE: Final = {"x": 0, "y": 0, "width": 1280, "height": 760}


def main() -> None:
    """Take them."""
    if CHROMIUM is None:
        sys.exit("scripts/screenshots: there is no Chromium; Debian has one: apt-get install chromium")
    with tempfile.TemporaryDirectory(prefix="roost-screenshots-") as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'roost.db'}"
        bundle = open_bundle(split_bundle(folder / "argmax-1"))
        with stock_dashboard(folder / "data", url, bundle) as stocked:
            stocked.add_devices(_DEVICES)
            token = stocked.cloud.token(role="operator")
        with CloudProcess(folder, "--database-url", url, "--role", "dashboard") as process:
            _take(process.start().url, token, {"fleet": "fleet", "rollout": f"rollouts/{stocked.rollout}"})


def _take(url: str, token: str, pages: dict[str, str]) -> None:
    with looking(url) as look:
        look.sign_in(token)
        for name, path in pages.items():
            look.open(path)
            look.page.wait_for_load_state("networkidle")
            look.page.screenshot(path=_HERE / f"{name}.png", clip=_SIZE, full_page=True)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
