"""Malformed messages by the hundred thousand into every reader of foreign bytes: each is read, or refused by name."""

import io
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from PIL import Image
from sqlalchemy.orm import Session

from roost_cloud.assignments.reports import read_reported, store_reported
from roost_cloud.broker.message import Message
from roost_cloud.db import Database
from roost_cloud.db.migrations import upgrade
from roost_cloud.ingest.batches import read_batch
from roost_cloud.ingest.states import read_report, store_reports
from roost_cloud.ingest.storing import store_batches
from roost_cloud.scorer.asked import read_question
from roost_shared.asking.incoming import read_score
from roost_shared.assignment import Install, Reported, Running
from roost_shared.errors import RoostError
from roost_shared.limits import InputLimits
from roost_shared.messages import Answer, ErrorInfo, State, decode_json, encode_json
from roost_shared.oip.request import read_request
from roost_shared.payload import load_pixels, open_payload
from roost_shared.questions import CloudScore, Question, decode_msgpack, encode_msgpack
from roost_shared.records import Record, Watermark
from roost_shared.shards.listing import ShardList, decode_list, encode_list
from roost_shared.trust.envelope import SealedAssignment
from roost_shared.trust.signed_time import SignedTime
from scripts.roost_campaign.mutations import spoilt
from scripts.roost_campaign.step import Room, Step
from tests.support.ingesting import add_devices
from tests.support.postgres import Postgres
from tests.support.shard_inputs import make_input
from tests.support.telling import answer, batch, late, policy, sample, window
from tests.support.tuf_repository import TufRepository

__all__ = ["LIMIT_S", "SHARE", "TYPICAL_S", "run"]

SHARE: Final = 0.7
TYPICAL_S: Final = 60.0
LIMIT_S: Final = 900.0
READ: Final = 12_000  # of each kind
PICTURES: Final = 3_000
STORED: Final = 2_500  # that also go into a database
AT_ONCE: Final = 20  # in a transaction
SLOW_S: Final = 0.5  # processor time that a message may take to be read, and for each megabyte of it more
TELEMETRY, STATE, REPORTED, ASK = (
    f"roost/1/acme/d/cam-01/{kind}" for kind in ("telemetry", "state", "reported", "ask/meter")
)


class Reader(NamedTuple):
    """Somebody who reads foreign bytes.

    Attributes:
        form: of good ones.
        seeds: good ones.
        read: reads one; what it raises of ours says that it is bad.
        store: puts what was read into a database.
    """

    form: str
    seeds: list[bytes]
    read: Callable[[bytes], Any]
    store: Callable[[Session, list[Any]], object] | None = None


def run(step: Step, room: Room) -> None:
    """Every reader many times, and what ingest reads into PostgreSQL or, every other time, into SQLite."""
    dice = step.dice()
    for name, reader in readers().items():
        times = PICTURES if reader.form == "picture" else READ
        for _ in range(times):
            _read(room, name, reader, spoilt(dice.choice(reader.seeds), reader.form, dice))
    with _database(step, room) as database:
        add_devices(database, ["cam-01"])
        for name, reader in readers().items():
            if reader.store is not None:
                _store(room, name, reader, database, dice)


def _read(room: Room, name: str, reader: Reader, data: bytes) -> list[Any]:
    room.outcome.count(f"{name}: malformed messages")
    begun_s = time.process_time()
    try:
        read = [reader.read(data)]
    except RoostError:
        room.outcome.count(f"{name}: refused by name")
        read = []
    except Exception as error:  # noqa: BLE001 - that is the finding
        room.outcome.broken(f"{name} is read or refused by name", f"{error!r} of {data[:2000]!r}")
        read = []
    took_s = time.process_time() - begun_s
    in_time = took_s < SLOW_S * (1 + len(data) / 1e6)
    told = f"{took_s:.2f} s for {len(data)} bytes, {data[:1000]!r}"
    room.outcome.require(in_time, f"{name} is read in no time", told)
    return read


def _store(room: Room, name: str, reader: Reader, database: Database, dice: random.Random) -> None:
    """What can be read can be stored: else ingest would meet it again and again."""
    store = reader.store
    if store is None:
        return
    for _ in range(STORED // AT_ONCE):
        spoils = [spoilt(dice.choice(reader.seeds), reader.form, dice) for _ in range(AT_ONCE)]
        read = [one for data in spoils for one in _read(room, name, reader, data)]
        try:
            with database.begin() as session:
                store(session, read)
        except Exception as error:  # noqa: BLE001 - that is the finding
            room.outcome.broken(f"{name} that can be read can be stored", f"{error!r} of {read!r}"[:4000])
        else:
            room.outcome.count(f"{name}: odd ones stored", len(read))


def readers() -> dict[str, Reader]:
    """All of them, by what they read."""
    now = datetime.now(UTC)

    def message(topic: str) -> Callable[[bytes], Message]:
        return lambda data: Message(topic, data, 1, False, 0, now, 1, 1)

    ask, state, reported = message(ASK), message(STATE), message(REPORTED)
    return {
        "telemetry": Reader(
            "msgpack", _batches(), lambda data: read_batch("acme", "cam-01", data, now), store_batches
        ),
        "state": Reader("json", _states(), lambda data: read_report(state(data)), store_reports),
        "reported": Reader("json", _reported(), lambda data: read_reported(reported(data)), store_reported),
        "question": Reader("msgpack", _questions(), lambda data: read_question(ask(data))),
        "score": Reader("msgpack", _scores(), lambda data: read_score(data, retained=False)),
        "watermark": Reader(
            "msgpack", [encode_msgpack(Watermark(boot="b", sequence=7))], lambda data: decode_msgpack(data, Watermark)
        ),
        "assignment": Reader(
            "json", [TufRepository().seal(3)], lambda data: SealedAssignment.parse(data).assignment()
        ),
        "signed time": Reader("json", [TufRepository().tell_time("n")], SignedTime.parse),
        "answer": Reader("json", [encode_json(answer())], lambda data: decode_json(data, Answer)),
        "shard list": Reader("json", _lists(), decode_list),
        "inference request": Reader("json", _inferences(), read_request),
        "picture": Reader("picture", _pictures(), _open),
        "array": Reader("json", [b"[[1, 2.5], [3, 4]]", b"[0.0, 9.0]"], _open),
    }


def _open(data: bytes) -> object:
    """As a worker does."""
    opened = open_payload(data, limits=InputLimits())
    if isinstance(opened, Image.Image):
        load_pixels(opened)
    return opened


def _batches() -> list[bytes]:
    records: list[Record] = [
        sample(1),
        late(1),
        policy(),
        window(1),
        sample(2, payload=None),
        window(2, contestant="primary"),
    ]
    return [batch(records), batch(records[:2], first=5, oldest=3), batch([], first=1)]


def _states() -> list[bytes]:
    born = State(state="online", boot="b1", session=1, version="1.0")
    return [encode_json(born), encode_json(State(state="offline", boot="b1", session=1, reason="lost"))]


def _reported() -> list[bytes]:
    running = {"meter": {"primary": Running(bundle="meter:7@sha256:00", state="ready")}}
    error = ErrorInfo("install.slow", "too slow")
    install = Install(
        task="meter", contestant="primary", bundle="m:7@sha256:00", phase="failed", error=error, evidence={"scored": 5}
    )
    told = Reported(boot="b", version=3, confirmed=True, desired=4, problem=error, tasks=running, installs=[install])
    return [encode_json(told), encode_json(Reported(boot="b", version=0, confirmed=False, desired=1))]


def _questions() -> list[bytes]:
    asked = Question(
        id="b-1", contestants=["big"], remaining_ms=200.0, payload=b"[1]", content_type="application/json"
    )
    return [encode_msgpack(asked)]


def _scores() -> list[bytes]:
    error = ErrorInfo("scorer.busy", "no room")
    return [
        encode_msgpack(CloudScore(id="b-1", contestant="big", label="7", confidence=0.9)),
        encode_msgpack(CloudScore(id="b-1", contestant="big", error=error)),
    ]


def _lists() -> list[bytes]:
    entries = [make_input(f"b-{number}", b"%d" % number, task="meter").entry for number in range(3)]
    return [encode_list(ShardList(task="meter", entries=entries))]


def _inferences() -> list[bytes]:
    tensor = {"name": "input", "datatype": "FP32", "shape": [1, 3], "data": [1.0, 2.0, 3.0]}
    text = {"name": "input", "datatype": "BYTES", "shape": [1], "data": ["[1, 2]"]}
    more = {"id": "a", "parameters": {"deadline_ms": 100, "policy": "force:big"}, "outputs": [{"name": "label"}]}
    return [msgspec.json.encode({"inputs": [tensor]}), msgspec.json.encode({"inputs": [text], **more})]


def _pictures() -> list[bytes]:
    image = Image.frombytes("RGB", (16, 12), random.Random(0).randbytes(16 * 12 * 3))
    found = []
    for kind in ("PNG", "JPEG", "BMP", "WEBP"):
        file = io.BytesIO()
        image.save(file, kind)
        found.append(file.getvalue())
    for array in (np.zeros((2, 3), np.float32), np.arange(6, dtype=np.uint8)):
        file = io.BytesIO()
        np.save(file, array, allow_pickle=False)
        found.append(file.getvalue())
    return found


@contextmanager
def _database(step: Step, room: Room) -> Iterator[Database]:
    """PostgreSQL minds more of what it is given."""
    with Postgres() as cluster:
        url = f"sqlite:///{room.folder / 'roost.db'}" if step.number % 2 else cluster.url(cluster.new_database())
        database = Database(url)
        try:
            upgrade(database)
            yield database
        finally:
            database.close()
