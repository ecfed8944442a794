"""The rendezvous policy: several contestants score every request, one answer leaves by the deadline.

Dunning and Friedman, *Machine Learning Logistics* (O'Reilly, 2017). Pure: no I/O, no clock. The same code runs on the
device, in the cloud and in replay. Read `policy` for what a task asks for, `mailbox` for the rules of one request,
`rendezvous` for all that are open, `events` for what goes in and comes out. Beside it: `memory` of answers given,
`shedding`, `agreement`, and the policy as a `document`.
"""

from roost_shared.rendezvous.agreement import agree, compare_with_answer
from roost_shared.rendezvous.document import PolicyDocument, PolicyDocumentError
from roost_shared.rendezvous.events import (
    Answer,
    Ask,
    Close,
    Duplicate,
    Effect,
    Late,
    Link,
    Request,
    Score,
    Seen,
)
from roost_shared.rendezvous.mailbox import is_sampled
from roost_shared.rendezvous.memory import AnswerMemory
from roost_shared.rendezvous.policy import (
    AskMode,
    Contestant,
    PolicyError,
    Role,
    Rule,
    Sample,
    TaskPolicy,
    default_rules,
)
from roost_shared.rendezvous.rendezvous import Rendezvous
from roost_shared.rendezvous.shedding import SHED, Pressure, pressure_of, roles_to_shed

__all__ = [
    "SHED",
    "Answer",
    "AnswerMemory",
    "Ask",
    "AskMode",
    "Close",
    "Contestant",
    "Duplicate",
    "Effect",
    "Late",
    "Link",
    "PolicyDocument",
    "PolicyDocumentError",
    "PolicyError",
    "Pressure",
    "Rendezvous",
    "Request",
    "Role",
    "Rule",
    "Sample",
    "Score",
    "Seen",
    "TaskPolicy",
    "agree",
    "compare_with_answer",
    "default_rules",
    "is_sampled",
    "pressure_of",
    "roles_to_shed",
]
