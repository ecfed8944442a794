"""What is thrown at a site in a round, and what that excuses. Each hazard heals what it broke before it returns."""

import contextlib
import random
import signal
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

import psutil

from roost_shared.messages import State, encode_json
from roost_shared.questions import CloudScore, Question, encode_msgpack
from scripts.roost_campaign.mutations import spoilt
from scripts.roost_campaign.outcome import Outcome
from scripts.roost_campaign.site.invariants import Leave
from scripts.roost_campaign.site.site import DEVICES, ROOMY, SMALL, TIMELESS, Site
from tests.support.agent import TENANT
from tests.support.http_relay import Trouble
from tests.support.telling import answer, batch, late, sample, window
from tests.support.waiting import until

__all__ = ["HAZARDS", "Hazard"]

Hazard = Callable[[Site, random.Random, Outcome], Mapping[str, Leave]]

_ALL: Final = "*"  # devices
_TEN_YEARS: Final = timedelta(days=3653)
_START_S: Final = 60.0


def agents_killed(site: Site, dice: random.Random, outcome: Outcome) -> Mapping[str, Leave]:
    """Agents, at work and while they start."""
    victims = dice.sample(DEVICES, dice.randint(1, len(DEVICES)))
    for _ in range(dice.randint(4, 8)):
        device = dice.choice(victims)
        agent = site.agents[device]
        starting = dice.random() < 0.4  # noqa: PLR2004 - it is killed again before it is there
        _kill(site, device, "agent: while it starts" if starting else "agent: at work", outcome)
        agent.start(wait=not starting)
        time.sleep(dice.uniform(0.1, 1.0))
    return dict.fromkeys(victims, Leave(late=True, redelivered=True))


def processes_killed(site: Site, dice: random.Random, outcome: Outcome) -> Mapping[str, Leave]:
    """What agents have started: workers, spoolers, installers; or they stand still for a while."""
    for _ in range(dice.randint(10, 20)):
        children = psutil.Process(site.agents[dice.choice(DEVICES)].pid).children()
        with contextlib.suppress(psutil.NoSuchProcess, IndexError):
            child = dice.choice(children)
            kind = _kind_of(child)
            if child.status() == psutil.STATUS_ZOMBIE:
                continue  # the last one's end has not been noticed yet
            if dice.random() < 0.8:  # noqa: PLR2004 - the others hang
                child.kill()
                outcome.kill(kind, "at work")
            else:
                child.suspend()
                outcome.count(f"{kind}: stopped in its tracks")
                time.sleep(dice.uniform(0.1, 2.0))
                child.resume()
        time.sleep(dice.uniform(0.05, 0.5))
    return dict.fromkeys(DEVICES, Leave())


def roles_killed(site: Site, dice: random.Random, outcome: Outcome) -> Mapping[str, Leave]:
    """Roles of the cloud."""
    for _ in range(dice.randint(3, 6)):
        role = dice.choice(sorted(site.roles))
        _kill(site, role, f"{role}: at work", outcome)
        time.sleep(dice.uniform(0.0, 0.5))
        _start_role(site, role)
    return {}


def cloud_broker_killed(site: Site, dice: random.Random, outcome: Outcome) -> Mapping[str, Leave]:
    """The cloud's broker."""
    for _ in range(dice.randint(1, 3)):
        _kill(site, "cloud's broker", "broker: the cloud's", outcome)
        time.sleep(dice.uniform(0.0, 1.0))
        site.fence.mosquitto.start()
        time.sleep(dice.uniform(0.5, 2.0))
    site.join_other()
    return {}


def site_broker_killed(site: Site, dice: random.Random, outcome: Outcome) -> Mapping[str, Leave]:
    """The site's broker, with whatever it has not saved; or it stands still."""
    if dice.random() < 0.3:  # noqa: PLR2004
        site.broker.pause()
        time.sleep(dice.uniform(0.5, 4.0))
        site.broker.resume()
        return dict.fromkeys(DEVICES, Leave(late=True, redelivered=True))
    for _ in range(dice.randint(1, 2)):
        _kill(site, "site's broker", "broker: the site's", outcome)
        time.sleep(dice.uniform(0.0, 0.5))
        site.broker.start()
        time.sleep(dice.uniform(0.5, 2.0))
    return dict.fromkeys(DEVICES, Leave(late=True, redelivered=True, lost_by_broker=True))


def database_killed(site: Site, dice: random.Random, outcome: Outcome) -> Mapping[str, Leave]:
    """PostgreSQL: one of its processes, which has it recover, or all of it."""
    for _ in range(dice.randint(1, 3)):
        if dice.random() < 0.5:  # noqa: PLR2004
            site.postgres.stop(signal.SIGQUIT)
            outcome.kill("database", "the server")
            time.sleep(dice.uniform(0.0, 3.0))
            site.postgres.start()
        else:
            backends = [one for one in site.postgres.processes() if "roost" in " ".join(one.cmdline())]
            if backends:
                dice.choice(backends).kill()
                outcome.kill("database", "a backend")
        time.sleep(dice.uniform(0.5, 2.0))
    return {}


def links_bad(site: Site, dice: random.Random, outcome: Outcome) -> Mapping[str, Leave]:
    """The way to the cloud: swallowed, refused, cut, slow, flapping; answers lost, half, or errors, by HTTP."""
    link, web = site.cloud.link, site.cloud.web
    for _ in range(dice.randint(2, 6)):
        how = dice.choice(("black hole", "refused", "cut", "slow"))
        outcome.count(f"links: {how}")
        match how:
            case "black hole":
                link.black_hole()
            case "refused":
                link.refuse()
            case "cut":
                link.cut()
            case _:
                link.delay_s = dice.uniform(0.05, 0.5)
        trouble: Any = dice.choice((503, 500, 429, "cut", "lost", "half"))
        web.troubles = [Trouble(dice.choice(("/device", "PUT ", ".")), trouble, times=dice.randint(1, 30))]
        outcome.count(f"requests: {trouble}", web.troubles[0].times)
        time.sleep(dice.uniform(0.2, 3.0))
        link.delay_s = 0.0
        link.restore()
    web.troubles = []
    return {}


def clocks_jump(site: Site, dice: random.Random, outcome: Outcome) -> Mapping[str, Leave]:
    """A device's wall clock, ten years and less either way, at work and over a restart."""
    for _ in range(dice.randint(2, 4)):
        site.clock.set(dice.choice((1, -1)) * dice.random() * _TEN_YEARS)
        outcome.count("clocks: jumps")
        time.sleep(dice.uniform(0.5, 1.5))
    restarted = dice.random() < 0.5  # noqa: PLR2004
    if restarted:
        _kill(site, TIMELESS, "agent: with a wrong clock", outcome)
        site.agents[TIMELESS].start()
    site.clock.set(timedelta())
    return {TIMELESS: Leave(late=restarted, redelivered=restarted)}


def disk_full(site: Site, dice: random.Random, outcome: Outcome) -> Mapping[str, Leave]:
    """A device's disk, and it is killed or not."""
    agent = site.agents[SMALL]
    filler = agent.state_dir / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(64 << 10)):
            pass
    outcome.count("disks: full")
    time.sleep(dice.uniform(1.0, 4.0))
    filler.unlink()
    until(lambda: agent.status["capture"]["unsettled"] == 0, "what waited is settled", _START_S)
    return {}


def garbage(site: Site, dice: random.Random, outcome: Outcome) -> Mapping[str, Leave]:
    """Malformed messages on every topic of the cloud's broker, and assignments and states that nobody has signed."""
    seeds = {
        "telemetry": ("msgpack", batch([sample(1), late(1), window(1)], boot="feedfeed00000000")),
        "state": ("json", encode_json(State(state="online", boot="b", session=1, version="1.0"))),
        "reported": ("json", b'{"schema_version":1,"boot":"b","version":1}'),
        "score": ("msgpack", encode_msgpack(CloudScore(id="b-1", contestant="big", label="7"))),
        "ask/argmax": ("msgpack", encode_msgpack(Question(id="b-1", contestants=["big"], remaining_ms=200.0))),
        "watermark": ("msgpack", batch([])),
        "desired": ("json", encode_json(answer())),
    }
    with site.fence.enter_openly() as anybody:
        for _ in range(dice.randint(500, 2000)):
            kind = dice.choice(sorted(seeds))
            form, seed = seeds[kind]
            # What reads well goes to a device that is not there: it would be believed.
            device = "cam-99" if kind in ("telemetry", "state", "reported", "watermark") else dice.choice(DEVICES)
            anybody.publish(f"roost/1/{TENANT}/d/{device}/{kind}", spoilt(seed, form, dice), qos=0, wait=False)
            outcome.count("messages: malformed, by the broker")
            time.sleep(0.002)
    return {}


def rollout(site: Site, dice: random.Random, outcome: Outcome) -> Mapping[str, Leave]:
    """A rollout to the other version while agents, directors and the API are killed; it ends in a stated state."""
    version = "2" if _version(site) == "1" else "1"
    stages = '[[stages]]\nname = "all"\nshare = 1.0\n'
    if dice.random() < 0.5:  # noqa: PLR2004
        stages = '[[stages]]\nname = "one"\nshare = 0.3\n' + stages
    begun = site.rollouts.start(f"argmax:{version}", stages)
    killed = set()
    for _ in range(dice.randint(3, 6)):
        time.sleep(dice.uniform(0.2, 2.0))
        if dice.random() < 0.5:  # noqa: PLR2004
            device = dice.choice(DEVICES)
            _kill(site, device, "agent: in a rollout", outcome)
            site.agents[device].start()
            killed.add(device)
        else:
            role = dice.choice(("director", "director", "api", "ingest"))
            _kill(site, role, f"{role}: in a rollout", outcome)
            _start_role(site, role)
    ended = site.rollouts.until_over(begun)
    outcome.count(f"rollouts {ended['state']}")
    states = set(ended["devices"])
    fitting = {"confirmed"} if ended["state"] == "finished" else {"returned", "confirmed", "waiting", "left"}
    whole = states and states <= fitting
    outcome.require(whole, "every rollout ends in a stated state", site.rollouts.story(begun))
    return dict.fromkeys(killed, Leave(late=True, redelivered=True))


def _version(site: Site) -> str:
    """Of what the first device was last assigned."""
    installs = site.rollouts.installs(ROOMY[0])
    return str(installs[0]["bundle"]).partition("@")[0].rpartition(":")[2]


def _kill(site: Site, name: str, point: str, outcome: Outcome) -> None:
    """Kill one of a site's processes; what had ended before is no kill of ours, but a finding."""
    victim, _, where = point.partition(": ")
    if site.kill(name):
        outcome.kill(victim, where)
    else:
        outcome.broken("nobody ends who was not killed", name)


def _start_role(site: Site, role: str) -> None:
    if role == "api":
        site.cloud.start()
    else:
        site.roles[role].start()


def _kind_of(child: psutil.Process) -> str:
    """What a process of an agent's is, by its module."""
    words = [word for word in child.cmdline() if word.startswith("roost_edge.")]
    return words[0].split(".")[1].rstrip("s") if words else "helper"


HAZARDS: Final[Mapping[str, Hazard]] = {
    "agents killed": agents_killed,
    "processes killed": processes_killed,
    "roles killed": roles_killed,
    "cloud's broker killed": cloud_broker_killed,
    "site's broker killed": site_broker_killed,
    "database killed": database_killed,
    "links bad": links_bad,
    "clocks jump": clocks_jump,
    "disk full": disk_full,
    "garbage": garbage,
    "rollout": rollout,
}
