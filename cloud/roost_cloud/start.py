"""`roost` as it is installed: says what to install where the extra `cloud` is not, as on a device."""

import sys

from roost_shared.missing_packages import what_to_install

__all__ = ["main"]


def main() -> None:
    """Run the command line.

    Raises:
        ModuleNotFoundError: A module of Roost's own is not there.
    """
    try:
        from roost_cloud.__main__ import main as run  # noqa: PLC0415 - typer may not be there
    except ModuleNotFoundError as error:
        if (advice := what_to_install(error, "cloud")) is None:
            raise
        sys.exit(f"roost: {advice}")
    run()
