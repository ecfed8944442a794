"""Bad inputs and bad bundles against a live agent: each gets its answer or its refusal, and the next is served."""

import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from roost_shared.bundle import Bundle, open_bundle
from tests.support.agent import AgentProcess, Caller, run_command, task_toml
from tests.support.bundles import SIDE, Bundles, npy, picture, with_another_model
from tests.support.mosquitto import Mosquitto

DATA = Path(__file__).parents[3] / "shared" / "data"
UNKNOWN_OPERATOR = DATA / "models" / "model_invoking_error.tflite"  # LiteRT refuses it when tensors are allocated


class Site(NamedTuple):
    """A broker and an agent that all bad inputs go to."""

    broker: Mosquitto
    agent: AgentProcess


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, bundles: Bundles) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("bad-inputs")
    tasks = task_toml("light", {"only": bundles.sure})
    with Mosquitto(folder) as broker, AgentProcess(folder / "agent", broker.url, tasks) as agent:
        yield Site(broker, agent.start())


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size, and has next to no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


JPEG = picture(255, (64, 64), "JPEG")
SQUARE = np.full((SIDE, SIDE), 255, np.uint8)

BAD = [
    pytest.param(JPEG[: len(JPEG) // 2], "input.truncated", id="truncated-jpeg"),
    pytest.param(JPEG[:4], None, id="four-bytes-of-a-jpeg"),
    pytest.param(png_header(50_000, 50_000), "input.too_many_pixels", id="huge-png"),
    pytest.param(png_header(64, 64), None, id="png-without-its-pixels"),
    pytest.param(b"hello, is anybody there?", "input.unknown_type", id="text"),
    pytest.param(b"", "input.empty", id="empty"),
    pytest.param(bytes(18 << 20), "input.too_large", id="18-MiB"),
    pytest.param(npy(np.zeros((3, 5), np.uint8)), "input.wrong_shape", id="wrong-shape-npy"),
    pytest.param(npy(SQUARE)[:-10], "input.truncated", id="truncated-npy"),
    pytest.param(npy(np.full((SIDE, SIDE), np.nan)), "input.not_finite", id="nan-npy"),
    pytest.param(npy(np.array(["a"])), "input.bad_array", id="text-npy"),
    pytest.param(b"[[NaN, 1], [2, 3]]", "input.bad_json", id="json-nan"),
    pytest.param(b"[[1e999, 1], [2, 3]]", None, id="json-infinity"),
    pytest.param(b"[[1, 2], [3]]", "input.bad_json", id="ragged-json"),
    pytest.param(b"[" * 100_000, "input.bad_json", id="deep-json"),
]


@pytest.mark.parametrize(("payload", "code"), BAD)
def test_a_bad_input_gets_the_default_with_an_error_is_counted_and_the_next_is_answered(
    site: Site, payload: bytes, code: str | None
) -> None:
    before = site.agent.status["complaints"]
    with Caller(site.broker.port) as caller:
        answer = caller.ask(payload)
        error = answer["error"]
        assert error["code"] == (code or error["code"])
        assert error["code"].startswith("input.")
        assert error["message"]
        assert (answer["label"], answer["reason"], answer["contestant"]) == ("unknown", "default", None)
        assert answer["deadline_met"]
        assert site.agent.status["complaints"][error["code"]] == before.get(error["code"], 0) + 1
        assert caller.ask(picture(255))["label"] == "bright"
        assert caller.ask(npy(SQUARE))["label"] == "bright"
    assert site.agent.contestant("light", "only")["restarts"] == 0


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_an_array_of_objects_is_never_unpickled(site: Site, tmp_path: Path) -> None:
    crater = tmp_path / "crater"
    armed = npy(np.array([Bomb(crater)], dtype=object))
    (tmp_path / "armed.npy").write_bytes(armed)
    np.load(tmp_path / "armed.npy", allow_pickle=True)
    assert crater.exists(), "the bomb works"
    crater.unlink()
    with Caller(site.broker.port) as caller:
        for content_type in (None, "application/x-npy"):
            answer = caller.ask(armed, **({"ContentType": content_type} if content_type else {}))
            assert answer["error"]["code"] == "input.object_array"
        assert caller.ask(picture(0))["label"] == "dark"
    assert not crater.exists()


@pytest.mark.parametrize("task", ["no-such-task", "Light", "light 2", "ä"])
def test_an_unknown_task_is_answered_on_its_own_topic_and_told_what_there_is(site: Site, task: str) -> None:
    with Caller(site.broker.port) as caller:
        answer = caller.ask(picture(255), task)
        assert (answer["task"], answer["label"], answer["reason"]) == (task, None, "default")
        assert answer["error"]["code"] == "task.unknown"
        assert "light" in answer["error"]["message"]
        assert site.agent.status["complaints"]["task.unknown"] > 0
        assert caller.ask(picture(255))["label"] == "bright"


def test_what_ends_a_sender_s_connection_does_not_end_the_agent_s(site: Site) -> None:
    with Caller(site.broker.port) as caller, Caller(site.broker.port, name="greedy") as greedy:
        greedy.publish(bytes(110_000_000), wait=False)  # over the broker's own limit
        greedy.peer.wait(lambda: bool(greedy.peer.disconnects), "the broker has had enough")
        assert caller.ask(picture(255))["label"] == "bright"
    assert site.agent.status["broker"]["losses"] == 0


# ---- bad bundles


def unknown_operator(good: Bundle, folder: Path) -> None:
    if not UNKNOWN_OPERATOR.exists():
        pytest.skip("../shared/data is not here")
    with_another_model(good, UNKNOWN_OPERATOR.read_bytes(), folder)


def no_model(good: Bundle, folder: Path) -> None:
    with_another_model(good, b"TFL3 this is no model", folder)


def model_of_another(good: Bundle, folder: Path) -> None:
    other = open_bundle(good.folder.parent / "sure")
    with_another_model(good, other.stage_path("model").read_bytes(), folder)


def missing_blob(good: Bundle, folder: Path) -> None:
    model_in(good, folder).unlink()


def altered_blob(good: Bundle, folder: Path) -> None:
    blob = model_in(good, folder)
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 1
    blob.write_bytes(content)


def escaping_link(good: Bundle, folder: Path) -> None:
    outside = folder.parent / "outside"
    blob = model_in(good, folder)
    blob.rename(outside)
    blob.symlink_to(outside)


def escaping_digest(good: Bundle, folder: Path) -> None:
    shutil.copytree(good.folder, folder)
    index = folder / "index.json"
    index.write_text(index.read_text().replace(good.digest, f"sha256:../../../../{'a' * 40}"))


def no_folder(_good: Bundle, _folder: Path) -> None:
    return


def model_in(good: Bundle, folder: Path) -> Path:
    """The model's blob in a copy of a bundle."""
    shutil.copytree(good.folder, folder)
    return folder / good.stage_path("model").relative_to(good.folder)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (unknown_operator, "model.unloadable"),
        (no_model, "model.unloadable"),
        (model_of_another, "bundle.golden_mismatch"),
        (missing_blob, "bundle.missing_blob"),
        (altered_blob, "bundle.altered_blob"),
        (escaping_link, "bundle.bad_path"),
        (escaping_digest, "bundle.bad_path"),
        (no_folder, "bundle.missing_blob"),
    ],
)
def test_a_bad_bundle_is_refused_by_check_and_the_others_answer_without_it(
    mosquitto: Mosquitto, bundles: Bundles, tmp_path: Path, spoil: Callable[[Bundle, Path], None], code: str
) -> None:
    spoil(open_bundle(bundles.contrary), tmp_path / "bad")
    tasks = task_toml("light", {"primary": tmp_path / "bad", "backup": bundles.sure})
    with AgentProcess(tmp_path / "agent", mosquitto.url, tasks) as agent:
        check = run_command("check", "--config", agent.config)
        assert check.returncode == 1
        assert f"light/primary: refused: {code}" in check.stderr
        assert "light/backup: ok: sure:1@" in check.stdout
        assert "Traceback" not in check.stderr
        agent.start()
        with Caller(mosquitto.port) as caller:
            answer = caller.ask(picture(255))
        assert (answer["label"], answer["contestant"]) == ("bright", "backup")
        refusal = next(one for one in answer["candidates"] if one["contestant"] == "primary")["error"]
        assert refusal["code"] in (code, "worker.failed")
        assert code in f"{refusal['code']} {refusal['message']}"
        primary = agent.contestant("light", "primary")
        assert primary["state"] in ("refused", "failed")
        assert primary["last_error"]["code"] == code
        assert agent.stop() == 0


def test_a_task_whose_every_bundle_is_bad_answers_with_the_default_and_says_why(
    mosquitto: Mosquitto, bundles: Bundles, tmp_path: Path
) -> None:
    altered_blob(open_bundle(bundles.sure), tmp_path / "bad")
    with (
        AgentProcess(tmp_path / "agent", mosquitto.url, task_toml("light", {"only": tmp_path / "bad"})) as agent,
        Caller(mosquitto.port) as caller,
    ):
        agent.start()
        answer = caller.ask(picture(255))
        assert (answer["label"], answer["reason"], answer["error"]["code"]) == (
            "unknown",
            "default",
            "bundle.altered_blob",
        )
        assert answer["deadline_met"]
