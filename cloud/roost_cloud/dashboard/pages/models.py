"""Models: bundles by name."""

from datetime import datetime
from typing import Final

from starlette.requests import Request

from roost_cloud.api import bundles
from roost_cloud.api.bundles import BundleModel
from roost_cloud.api.pages import PageQuery
from roost_cloud.dashboard import parts, words
from roost_cloud.dashboard.frame import page, show
from roost_cloud.dashboard.markup import address, link, table, tag
from roost_cloud.dashboard.visitor import Visitor

_ROWS: Final = 50
_BUILD: Final = (
    "roost bundle build meter.tflite --name meter --version 8 "
    "--labels labels.txt --examples photos --out bundles/meter-8"
)
_PUSH: Final = "roost bundle push bundles/meter-8 --alias stable"


@page("/models", "Models")
async def models(visitor: Visitor, asked: Request) -> None:
    """Bundles by name."""
    after = asked.query_params.get("after")
    found = await visitor.call(bundles.list_bundles, page=PageQuery(_ROWS, after))
    if not found.items and after is None:
        says = "No bundle is here yet. Build one of a model, and push it:"
        show(tag("h1", "Models"), parts.empty(says, parts.command(_BUILD), parts.command(_PUSH)))
        return
    way = link(address("compare"), "Compare two bundles", kind="button plain")
    show(tag("div", tag("h1", "Models"), way, kind="head"))
    now = visitor.services.now()
    shown = table(("Bundle", "Versions", "Newest"), (_bundle(one, now) for one in found.items), caption="Bundles")
    show(tag("section", shown, parts.pages("models", {"after": after}, found.next)))


def _bundle(one: BundleModel, now: datetime) -> tuple[object, ...]:
    return link(address("models", one.name), one.name), words.count_of(one.versions), parts.moment(one.updated_at, now)
