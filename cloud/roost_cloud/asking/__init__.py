"""The rendezvous in the cloud: a caller without a device asks, scorers score, and one answer leaves by the deadline.

    route ── Inquiry ──▶ AskingDesk ── Question ──▶ ask/{task}
      ▲                   │     ▲                       │
      └──── Answer ───────┘     └──── CloudScore ◀── score

It asks as a device asks, so scorers know no difference. `asking` decides, by a `case` for each `inquiry` and by how
far away scorers are (`reaches`), and is pure; `desk` has the thread, and carries out the `outcomes`. `catalogue` knows
tasks' policies, `label_spaces` what their contestants can say.
"""

from roost_cloud.asking.catalogue import Catalogue
from roost_cloud.asking.desk import AskingDesk, make_desk
from roost_cloud.asking.inquiry import Inquiry

__all__ = ["AskingDesk", "Catalogue", "Inquiry", "make_desk"]
