"""What README.md shows is true of the code."""

import ast
import re
import shlex
from pathlib import Path

import pytest
import typer.core
import typer.main

from roost_cloud.__main__ import app
from roost_cloud.settings import load_settings
from roost_edge.__main__ import _parser
from roost_edge.settings.config import FolderConfig
from roost_edge.settings.loading import load_config
from roost_shared.messages import Answer, decode_json
from roost_shared.runtime_settings import RuntimeSettings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_agent_takes_the_worked_example(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text("\n".join(blocks("toml")))
    config = load_config(file)
    task = config.tasks["meter"]
    assert [one.name for one in task.contestants] == ["primary", "backup", "baseline", "accelerated"]
    assert [rule.after_ms for rule in task.rules] == [0, 80, 250]
    assert task.folder == FolderConfig(path=Path("/var/spool/roost/meter"))
    accelerated = RuntimeSettings(name="litert", delegate="libedgetpu.so.1", delegate_options={"device": "usb"})
    assert task.contestants[3].runtime_settings == accelerated
    assert task.contestants[0].bundle == tmp_path / "bundles/meter-7"


def test_the_answer_shown_is_an_answer() -> None:
    (text,) = blocks("json")
    answer = decode_json(text.encode(), Answer)
    assert answer.contestant == "backup"
    shown = set(re.findall(r'^  "(\w+)":', text, re.MULTILINE))
    assert shown == set(Answer.__struct_fields__)


COMMANDS = sorted({line.partition("  ")[0] for block in blocks("sh") for line in block.splitlines()})


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("roost-agent ")])
def test_the_device_takes_the_command(line: str) -> None:
    _parser().parse_args(shlex.split(line)[1:])


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("roost ")])
def test_the_operators_command_is_there_and_has_these_options(line: str) -> None:
    command = typer.main.get_command(app)
    for word in shlex.split(line)[1:]:
        if isinstance(command, typer.core.TyperGroup):
            command = command.commands[word]
        elif word.startswith("--"):
            known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
            assert word in known


PLACES = re.findall(r"\b(?:scripts|firmware-config|edge|cloud|shared)/[\w/]+(?:\.\w+)?|(?<=\]\()[\w.]+(?=\))", README)


@pytest.mark.parametrize("place", sorted(set(PLACES)))
def test_a_place_it_names_is_there(place: str) -> None:
    assert (ROOT / place).exists()


ROOTS = ("shared/roost_shared", "edge/roost_edge", "cloud/roost_cloud")
ARCHITECTURE = README.partition("\n## Architecture\n")[2].partition("\n## ")[0]


def rooms_named() -> set[str]:
    """The folders of the tree, each with those that it lies in: a line is a folder, two spaces deeper lies within."""
    rooms: set[str] = set()
    above: list[str] = []
    for indent, name in re.findall(r"^( *)([\w/-]+)/ +\S.*$", ARCHITECTURE, re.MULTILINE):
        above = [*above[: len(indent) // 2], name]
        rooms.add("/".join(above))
    return rooms


def test_every_room_is_in_its_architecture_and_every_room_there_exists() -> None:
    packages = {str(file.parent.relative_to(ROOT)) for root in ROOTS for file in (ROOT / root).rglob("__init__.py")}
    assert {room for room in rooms_named() if room.startswith(ROOTS)} == packages
    assert all((ROOT / room).is_dir() for room in rooms_named())


ONE_A_NOUN = ("roost_cloud/api", "roost_cloud/commands", "dashboard/pages", "db/tables", "db/migrations", "/versions")
PACKAGES = [
    file.parent
    for root in ROOTS
    for file in sorted((ROOT / root).rglob("__init__.py"))
    if not str(file.parent).endswith(ONE_A_NOUN)
]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_a_room_says_what_each_of_its_modules_and_folders_does(package: Path) -> None:
    says = set(re.findall(r"\w+", ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""))
    modules = {file.stem for file in package.glob("*.py")} - {"__init__", "__main__", "errors"}
    folders = {file.parent.name for file in package.glob("*/__init__.py")}
    assert not (modules | folders) - says


FILES = sorted(set(re.findall(r"`((?:\w+/)*\w+\.py)`", ARCHITECTURE)))


@pytest.mark.parametrize("file", FILES)
def test_a_file_its_architecture_names_is_in_one_of_the_packages(file: str) -> None:
    assert any((ROOT / root / file).is_file() for root in ROOTS)


def test_its_walks_name_files() -> None:
    assert len(FILES) > 40


def test_the_cloud_takes_the_settings_shown(tmp_path: Path) -> None:
    (shown,) = re.findall(r"^```\n(# cloud\.toml\n.*?)^```$", README, re.MULTILINE | re.DOTALL)
    file = tmp_path / "cloud.toml"
    file.write_text(shown)
    settings = load_settings(file, environment={}, overrides={})
    assert settings.broker_certfile == tmp_path / "broker/roost-cloud.crt"
    assert settings.objects_url is not None
    assert settings.objects_url.startswith("s3://")
