"""What asks cloud contestants, put together: the desk asks the downscaler, that the link; scores come back so too."""

from roost_edge.asking.ledger import Ledger
from roost_edge.asking.link import CloudLink
from roost_edge.desk import Desk
from roost_edge.loop.reactor import Reactor
from roost_edge.settings.config import AgentConfig
from roost_edge.shrinking.downscaler import Downscaler
from roost_edge.shrinking.shrinker import Shrinker
from roost_shared.complaints import Complaints
from roost_shared.topics import DeviceTopics

__all__ = ["make_asker"]


def make_asker(
    config: AgentConfig, topics: DeviceTopics, boot: str, desk: Desk, reactor: Reactor, complaints: Complaints
) -> tuple[Downscaler, CloudLink]:
    """The desk's asker, and the link that it goes by."""
    budget = 0 if config.cloud is None else config.cloud.ask_bytes_per_day
    ledger = Ledger(config.state_dir, budget, reactor, complaints)
    downscaler = Downscaler(Shrinker(reactor, complaints, config.limits.of_inputs), reactor, desk)
    link = CloudLink(topics, boot, ledger, reactor, complaints, downscaler)
    downscaler.asker = link
    desk.asker = downscaler
    return downscaler, link
