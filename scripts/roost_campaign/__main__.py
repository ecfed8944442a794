"""`scripts/campaign`: hazards without end, and what must hold all the same.

Exit code 0 if everything held, 1 if something did not, 2 if it could not be run.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from roost_shared.errors import RoostError
from scripts.roost_campaign.journal import Done, Journal
from scripts.roost_campaign.plan import Terms, next_scenario, step_number
from scripts.roost_campaign.report import as_markdown, summary, write_report
from scripts.roost_campaign.running import run_step
from scripts.roost_campaign.stalls import Sleeper, Stalls
from scripts.roost_campaign.step import Scenario, Step, load_scenario, scenario_names

ROOT: Final = Path(__file__).parents[2]
_MINUTES: Final = 240.0
_ROOM_BYTES: Final = 2 << 30


def main() -> int:
    """Run the campaign that the command line describes, or go on with it."""
    arguments = _parse()
    scenarios = {name: load_scenario(name) for name in arguments.only}
    folder: Path = arguments.folder or ROOT / ".campaign" / f"seed-{arguments.seed}"
    if arguments.list:
        for name, scenario in scenarios.items():
            print(f"{name:10} {(scenario.__doc__ or '').partition(chr(10))[0]}")
        return 0
    # Of its own: a step that is repeated beside a campaign must not take that one's.
    own = Path(tempfile.mkdtemp(prefix="roost-campaign-stalls-"))
    sleeper = Sleeper(own / "stalls")
    try:
        if arguments.repeat is not None:
            return _repeat(arguments.repeat, arguments.seed, sleeper.stalls)
        return _go_on(folder, arguments.seed, arguments.minutes, scenarios, sleeper.stalls)
    except RoostError as error:
        print(f"scripts/campaign: {error}", file=sys.stderr)
        return 2
    finally:
        sleeper.stop()
        shutil.rmtree(own)


def _go_on(folder: Path, seed: int, minutes: float, scenarios: dict[str, Scenario], stalls: Stalls) -> int:
    terms = {name: Terms(one.SHARE, one.TYPICAL_S) for name, one in scenarios.items()}
    with Journal(folder / "journal.jsonl", seed) as journal:
        while (name := next_scenario(journal.done, terms, minutes * 60 - journal.spent_s)) is not None:
            step = Step(name, step_number(journal.done, name), seed)
            journal.begin(name, step.number)
            journal.end(_run(step, scenarios[name], stalls))
            _tell(journal.done)
            write_report(folder, summary(seed, journal.done, stalls.all(), list(scenarios)))
        found = summary(seed, journal.done, stalls.all(), list(scenarios))
    write_report(folder, found)
    print(as_markdown(found))
    print(f"written to {folder}/report.json and report.md")
    return 1 if found["violations"] else 0


def _repeat(name: str, seed: int, stalls: Stalls) -> int:
    """Run one step alone."""
    scenario, _, number = name.partition(":")
    done = _run(Step(scenario, int(number), seed), load_scenario(scenario), stalls)
    print(as_markdown(summary(seed, [done], stalls.all(), [scenario])))
    return 1 if done.outcome.violations else 0


def _run(step: Step, scenario: Scenario, stalls: Stalls) -> Done:
    folder = Path(tempfile.mkdtemp(prefix=f"roost-campaign-{step.scenario}-{step.number}-", dir=_fast_folder()))
    folder.chmod(0o755)  # PostgreSQL's own user passes through
    done = run_step(step, scenario, folder, stalls)
    if done.outcome.violations:
        print(f"{step.name}: what there was is kept in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return done


def _fast_folder() -> str | None:
    """In memory where there is room, unless the environment names another: most of what a step does is to sync."""
    memory = Path("/dev/shm")  # noqa: S108 - where Linux keeps files in memory; a folder of our own is made in it
    if "TMPDIR" not in os.environ and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ROOM_BYTES:
        return str(memory)
    return None


def _tell(done: Sequence[Done]) -> None:
    """A line for whoever watches."""
    one = done[-1]
    kills = sum(each.outcome.killed for each in done)
    fate = f"{len(one.outcome.violations)} VIOLATIONS" if one.outcome.violations else "held"
    print(f"{one.scenario}:{one.number} {fate}, {one.seconds:.0f} s; {kills} kills so far", flush=True)
    for each in one.outcome.violations:
        print(f"   {each.invariant}: {each.detail}", flush=True)


def _parse() -> argparse.Namespace:
    names = scenario_names()
    parser = argparse.ArgumentParser(prog="scripts/campaign", description="Throw hazards at Roost, and check it.")
    parser.add_argument("--minutes", type=float, default=_MINUTES, metavar="N", help="the budget; default 240")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="what follows from chance follows from it")
    parser.add_argument(
        "--only", type=lambda text: text.split(","), default=names, metavar="NAME,…", help=f"of {', '.join(names)}"
    )
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="of journal and report: the same again goes on; default by seed"
    )
    parser.add_argument("--repeat", metavar="SCENARIO:STEP", help="run one step of this seed alone")
    parser.add_argument("--list", action="store_true", help="say what the scenarios do, and run none")
    arguments = parser.parse_args()
    asked = [*arguments.only, *([arguments.repeat.partition(":")[0]] if arguments.repeat else [])]
    if unknown := set(asked) - set(names):
        parser.error(f"no scenario named {', '.join(sorted(unknown))}; there are: {', '.join(names)}")
    if arguments.repeat and not arguments.repeat.partition(":")[2].isdecimal():
        parser.error("--repeat takes SCENARIO:STEP, such as spool:3")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
