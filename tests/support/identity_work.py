"""What `step_killer` ends at each step: enrolling, and renewing."""

import json
from pathlib import Path

from roost_edge.identity.enrol import enrol_device
from roost_edge.identity.renew import renew
from roost_shared.enrolment import EnrolmentToken

__all__ = ["enrol", "renew_there"]


def enrol(folder: Path, argument: str) -> None:
    """Enrol in `folder`, by JSON of address and token; where there is an identity already, replace it."""
    url, token = json.loads(argument)
    enrol_device(url=url, token=EnrolmentToken.parse(token), state_dir=folder, expected=None, replace=True)


def renew_there(folder: Path, _: str) -> None:
    """Renew what is enrolled in `folder`."""
    renew(folder)
