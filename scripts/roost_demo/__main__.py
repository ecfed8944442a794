"""`scripts/demo`: build models, start the house, play, report.

Exit code 0 if every picture was answered by its deadline, every input that a device kept came to the cloud exactly
once, the devices ran what they should and nothing else, the cloud noticed whose lens was dirty, and what was learnt of
that came to all devices and nothing worse to any; 1 if not, 2 if the demo could not be played.
"""

import argparse
import itertools
import json
import os
import re
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from roost_shared.durable import write_durably
from roost_shared.errors import RoostError
from scripts.roost_demo import terms
from scripts.roost_demo.agreement import agreement_line
from scripts.roost_demo.capture import truth_of
from scripts.roost_demo.contestants import Contestant, build_cast
from scripts.roost_demo.escalation import escalation_line, measure_escalation
from scripts.roost_demo.house import House
from scripts.roost_demo.pictures import Album, AlbumError, digits_album, folder_album
from scripts.roost_demo.play import Play
from scripts.roost_demo.recovery import recovery_line
from scripts.roost_demo.report import (
    cloud_lines,
    describe_cloud,
    drift_line,
    fleet_line,
    input_table,
    keeps_promise,
    make_report,
    renewal_line,
    story_lines,
    summary_table,
    verdict,
)
from scripts.roost_demo.screen import Screen, open_screen
from scripts.roost_demo.what_if import BAR, replay_command, replay_line, replay_other_bar

_BUSY = 3  # times as many as there are cores, programs that wanted one
_SLOW_RATE = 1.0  # pictures a second on each device once the play is over


def main() -> int:
    """Run the demo as the command line says."""
    options = _parse()
    console = Console(no_color=options.plain or None)
    signal.signal(signal.SIGTERM, _leave)  # so that everything started is ended
    try:
        return _demonstrate(options, console)
    except RoostError as error:
        print(f"scripts/demo: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _demonstrate(options: argparse.Namespace, console: Console) -> int:
    with (
        tempfile.TemporaryDirectory(prefix="roost-demo-") as folder_name,
        open_screen(console, plain=options.plain) as screen,
    ):
        folder = Path(folder_name)
        album = _album(options)
        screen.note(f"Building the models of '{album.task}'…")
        own_model = _read_model(options.model) if options.model else None
        contestants, successors = build_cast(album, folder, own_model)
        for one in contestants:
            screen.note(f"   {one.name:8}  {_described(one)}")
        screen.note("Starting the cloud, a site's broker and four devices…")
        with House(folder, album.task, options.deadline_ms, contestants, successors) as house:
            for line in cloud_lines(house):
                screen.note(f"   {line}")
            pictures = itertools.cycle(album.streaming)
            play = Play(house, album, options.deadline_ms, pictures, screen)
            play.perform(options.seconds, options.rate)
            replay = _replay(play, house, album, folder, screen)
            report = _report(play, house, album, options, contestants, replay)
            if options.report is not None:
                write_durably(options.report, (json.dumps(report, indent=2) + "\n").encode())
            _sum_up(report, screen)
            if not options.exit:
                _stay(play, house, album, folder, screen)
    return 0 if keeps_promise(report) else 1


def _replay(play: Play, house: House, album: Album, folder: Path, screen: Screen) -> dict[str, Any]:
    """Ask what another bar would have come to, while all was well."""
    screen.note(f"What if the primary's bar were {BAR:g} instead of {terms.BAR:g}?")
    screen.note(f"   roost {' '.join(replay_command(album.task, *play.before_renewal))} --labels labels.csv")
    truth = truth_of(play.outcomes, play.spools.recorded)
    replay = replay_other_bar(house.cloud, folder, truth, album.task, *play.before_renewal)
    screen.note(f"   {replay_line(replay)}")
    return replay


def _sum_up(report: Mapping[str, Any], screen: Screen) -> None:
    screen.note("")
    screen.note(summary_table(report))
    screen.note(input_table(report["capture"]))
    screen.note(agreement_line(report["agreement"]).capitalize() + ".")
    if report["escalation"] is not None:
        screen.note(escalation_line(report["escalation"]))
    screen.note(renewal_line(report["new_versions"]))
    screen.note(drift_line(report["drift"]))
    for line in story_lines(report):
        screen.note(line)
    if report["story"] is not None:
        screen.note(recovery_line(report["accuracy"], report["drift"]["dirty"]))
    screen.note(fleet_line(report["cloud"]))
    screen.note(verdict(report))
    load, cores = os.getloadavg()[1], os.cpu_count() or 1
    if not keeps_promise(report) and load > _BUSY * cores:
        screen.note(f"This machine was busy, load {load:.0f} on {cores} cores, and much of this is a matter of time.")


def _report(
    play: Play,
    house: House,
    album: Album,
    options: argparse.Namespace,
    contestants: Sequence[Contestant],
    replay: Mapping[str, Any],
) -> dict[str, Any]:
    return make_report(
        play.outcomes,
        acts=play.acts,
        task=album.task,
        deadline_ms=options.deadline_ms,
        contestants=contestants,
        unexpected=sum(sensor.unexpected for sensor in house.sensors),
        agreement=play.agreement,
        shared=play.shared,
        parts={
            "cloud": describe_cloud(house),
            "escalation": measure_escalation(play.together, contestants),
            "capture": play.spools.describe(),
            "new_versions": play.new_versions.describe(),
            "drift": play.dirty_lens.describe(),
            "replay": replay,
            "accuracy": play.accuracy,
            "story": None if play.story is None else play.story.describe(),
        },
    )


def _stay(play: Play, house: House, album: Album, folder: Path, screen: Screen) -> None:
    """Stream slowly until Ctrl-C, saying how to join in."""
    example = folder / "picture"
    example.write_bytes(album.streaming[0].payload)
    try:
        _invite(house, album, example, screen)
        play.go_on(_SLOW_RATE)
    except KeyboardInterrupt:
        screen.note("Ending the demo.")


def _invite(house: House, album: Album, example: Path, screen: Screen) -> None:
    topics = house.sensors[-1].topics
    screen.note("")
    screen.note(f"The devices keep running; Ctrl-C ends the demo. {topics.device} is yours, by any MQTT client:")
    screen.note(f"   mosquitto_sub -h 127.0.0.1 -p {house.port} -t '{topics.root}/#' -v")
    screen.note(f"   mosquitto_pub -h 127.0.0.1 -p {house.port} -t {topics.input(album.task)} -f {example}")
    roost = Path(sys.executable).with_name("roost")
    screen.note("The cloud is yours too:")
    screen.note(f"   export ROOST_URL={house.cloud.url} ROOST_TOKEN={house.cloud.token}")
    screen.note(f"   {house.cloud.url}/ui in a browser, with that token")
    screen.note(f"   {roost} device list; {roost} bundle list; {roost} audit; {roost} device revoke {topics.device}")
    screen.note(f"   {roost} drift status; {roost} alarm list")
    screen.note(f"   {roost} train status; {roost} rollout list; {roost} device why {topics.device}")
    screen.note(f"   {roost} assign --show {topics.device}; {roost} trust status")
    screen.note(f"   {roost} samples list --disagreement; {roost} samples export --out samples")


def _album(options: argparse.Namespace) -> Album:
    if options.images is None:
        return digits_album()
    name = re.sub(r"[^a-z0-9._-]+", "-", options.images.resolve().name.lower()).strip("._-")[:63]
    return folder_album(options.images, options.labels, name or "pictures")


def _read_model(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise AlbumError(f"--model {file}: cannot be read ({error.strerror})") from error


def _described(contestant: Contestant) -> str:
    config = contestant.bundle.config
    kilobytes = sum(stage.size_bytes for stage in config.stages) / 1000
    accuracy = "" if contestant.accuracy is None else f", {contestant.accuracy:.0%} right on pictures held out"
    return f"{config.name}:{config.version}, {kilobytes:.0f} kB{accuracy}"


def _leave(*_: object) -> None:
    sys.exit(128 + signal.SIGTERM)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="A cloud, four devices and their models on this machine: break the models, lose no answer; let "
        "the world change, and watch a better model come.",
    )
    parser.add_argument("--exit", action="store_true", help="end after the play instead of staying up")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the figures there as JSON")
    parser.add_argument("--seconds", type=float, default=25.0, help="for acts that wait for nothing (default: 25)")
    parser.add_argument("--rate", type=float, default=20.0, help="pictures a second on each device (default: 20)")
    parser.add_argument("--deadline-ms", type=int, default=200, metavar="MS", help="of each answer (default: 200)")
    parser.add_argument("--plain", action="store_true", help="plain lines without colours")
    own = parser.add_argument_group("with pictures and a model of your own (all three)")
    own.add_argument("--images", type=Path, metavar="DIR", help="labelled pictures, DIR/<label>/*")
    own.add_argument("--model", type=Path, metavar="FILE", help="a .tflite image classifier")
    own.add_argument("--labels", type=Path, metavar="FILE", help="its labels, one a line, in the order of its outputs")
    options = parser.parse_args()
    given = [options.images, options.model, options.labels]
    if any(given) and not all(given):
        parser.error("--images, --model and --labels go together")
    if options.seconds <= 0 or options.rate <= 0 or options.deadline_ms < 20:  # noqa: PLR2004 - the rules need room
        parser.error("--seconds and --rate must be above 0, --deadline-ms at least 20")
    return options


if __name__ == "__main__":
    sys.exit(main())
