"""`roost samples`, against a real HTTP server."""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from roost_cloud.__main__ import app
from roost_cloud.client import ApiClient, Reply
from roost_cloud.export import plan
from roost_cloud.samples.expiry import expire
from tests.support.fleet import API, FleetDevice, enrolled_device
from tests.support.served_cloud import ServedCloud, serve_cloud
from tests.support.stocked import picture, stock_shard
from tests.support.telling import BOOT, batch, late, sample

COUNT = 7


@pytest.fixture
def cloud(newest_sqlite: Path, tmp_path: Path) -> Iterator[ServedCloud]:
    file = tmp_path / "roost.db"
    file.write_bytes(newest_sqlite.read_bytes())
    # The server's log would come where the command's output is read.
    with capture_logs(), serve_cloud(tmp_path / "cloud", f"sqlite:///{file}") as served:
        yield served


def payload_of(number: int) -> bytes:
    return picture((16, 8), level=number % 256) + str(number).encode()


def stock(cloud: ServedCloud, count: int = COUNT) -> FleetDevice:
    """Samples, and inputs of all but the last."""
    cam = enrolled_device(cloud, "cam.01")
    records = [sample(number, payload=payload_of(number), label=str(number % 3)) for number in range(1, count + 1)]
    told = cloud.client.post(f"{API}/device/records", content=batch([*records, late(1)]), headers=cam.headers())
    assert told.status_code == 200
    inputs = {f"{BOOT}-{number}": payload_of(number) for number in range(1, count)}
    stock_shard(cloud.services, "acme", cam.device, inputs, probability=0.125)
    return cam


def run(cloud: ServedCloud, *arguments: str | Path, fails: str | None = None) -> str:
    env = {"ROOST_URL": cloud.url, "ROOST_TOKEN": cloud.token(role="viewer"), "COLUMNS": "200"}
    result = CliRunner().invoke(app, ["samples", *map(str, arguments)], env=env)
    if fails is not None:
        assert result.exit_code != 0
        assert fails in f"{result.output}{result.exception!r}"
        return result.output
    assert result.exit_code == 0, f"{result.output}{result.exception!r}"
    return result.output


def test_samples_are_listed_and_shown(cloud: ServedCloud) -> None:
    stock(cloud)
    listed = run(cloud, "list").splitlines()
    assert [line.split()[0] for line in listed] == ["SAMPLE", *(f"cam.01/{BOOT}-{n}" for n in range(COUNT, 0, -1))]
    assert [line.split()[-1] for line in listed[1:3]] == ["device", "cloud"]
    assert len(json.loads(run(cloud, "list", "--limit", "3", "--json"))) == 3
    found = json.loads(run(cloud, "list", "--label", "1", "--input", "--min-confidence", "0.5", "--json"))
    assert [one["sample"] for one in found] == [f"{BOOT}-4", f"{BOOT}-1"]
    assert json.loads(run(cloud, "list", "--until", "2026-11-01", "--json")) == []
    assert len(json.loads(run(cloud, "list", "--disagreement", "--json"))) == 1
    shown = run(cloud, "show", f"cam.01/{BOOT}-1")
    for text in ("late by cloud", "1 0.970 after 412 ms", "worker.died after 20 ms", "0.125"):
        assert text in shown
    assert json.loads(run(cloud, "show", f"cam.01/{BOOT}-1", "--json"))["record"]["sample"] == f"{BOOT}-1"
    run(cloud, "show", f"cam.01/{BOOT}-99", fails="there is no sample")
    run(cloud, "show", "cam.01", fails="write DEVICE/SAMPLE")
    run(cloud, "list", "--since", "yesterday", fails="is no moment")


def exported_lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "samples.jsonl").read_text().splitlines()]


def test_a_folder_has_inputs_and_an_index(cloud: ServedCloud, tmp_path: Path) -> None:
    stock(cloud)
    out = tmp_path / "new" / "out"
    assert f"{COUNT - 1} samples" in run(cloud, "export", "--out", out)
    lines = exported_lines(out)
    assert [line["sample"] for line in lines] == [f"{BOOT}-{number}" for number in range(COUNT - 1, 0, -1)]
    for line in lines:
        data = (out / "inputs" / line["file"]).read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (line["sha256"], line["size_bytes"])
        assert (line["probability"], line["weight"]) == (0.125, 8.0)
    first = lines[-1]
    assert first["label"] == "1"
    assert [one["contestant"] for one in first["candidates"]] == ["primary", "backup"]
    assert [one["contestant"] for one in first["late"]] == ["cloud"]
    assert sorted(path.name for path in out.iterdir()) == ["inputs", "samples.jsonl"]
    run(cloud, "export", "--out", out, "--label", "2")
    assert {line["label"] for line in exported_lines(out)} == {"2"}


def test_tars_are_read_by_plain_tar_and_paired_as_webdataset_does(
    cloud: ServedCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "PIECE_SAMPLES", 4)
    stock(cloud)
    out, again = tmp_path / "out", tmp_path / "again"
    for folder in (out, again):
        run(cloud, "export", "--format", "webdataset", "--out", folder)
    tars = sorted(out.iterdir())
    assert [tar.name for tar in tars] == ["samples-000000.tar", "samples-000001.tar"]
    assert [tar.read_bytes() for tar in tars] == [tar.read_bytes() for tar in sorted(again.iterdir())]
    names: list[str] = []
    for tar in tars:
        told = subprocess.run(["tar", "-tf", tar], capture_output=True, text=True, check=True)
        assert told.stderr == ""
        names += told.stdout.splitlines()
        subprocess.run(["tar", "-xf", tar, "-C", tmp_path], check=True)
    numbers = range(COUNT - 1, 0, -1)
    assert names == [f"cam.01/{BOOT}-{number}.{kind}" for number in numbers for kind in ("png", "json")]
    for number in numbers:
        assert (tmp_path / f"cam.01/{BOOT}-{number}.png").read_bytes() == payload_of(number)
        told_of = json.loads((tmp_path / f"cam.01/{BOOT}-{number}.json").read_text())
        assert (told_of["label"], told_of["weight"]) == (str(number % 3), 8.0)
    run(cloud, "export", "--format", "webdataset", "--out", out, fails="holds a finished export")


@pytest.mark.parametrize("kind", ["folder", "webdataset"])
def test_what_was_interrupted_goes_on_and_ends_the_same(
    cloud: ServedCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(plan, "PIECE_SAMPLES", 2)
    cam = stock(cloud)
    whole, out = tmp_path / "whole", tmp_path / "out"
    run(cloud, "export", "--format", kind, "--out", whole)
    [key] = [info.key for info in cloud.services.objects.list_objects("acme/shards/")]
    with cloud.services.objects.open(key) as reader:
        tar = reader.read()
    offset = tar.index(payload_of(2))  # of the last piece
    cloud.services.objects.put(key, tar[:offset] + b"?" + tar[offset + 1 :])
    run(cloud, "export", "--format", kind, "--out", out, fails="AlteredInputError")
    there = {path.relative_to(out) for path in out.rglob("*") if path.is_file() and ".export" not in path.parts}
    assert Path("samples.jsonl") not in there
    for path in there:
        if not path.name.startswith("."):
            assert (out / path).read_bytes() == (whole / path).read_bytes(), "whole, or not there"
    run(cloud, "export", "--format", kind, "--out", out, "--label", "2", fails="unfinished export of other samples")
    cloud.services.objects.put(key, tar)
    more = batch([sample(99, boot="b2")], boot="b2")  # comes on top of the list meanwhile
    assert cloud.client.post(f"{API}/device/records", content=more, headers=cam.headers()).status_code == 200
    stock_shard(cloud.services, "acme", cam.device, {"b2-99": b"an input"})
    run(cloud, "export", "--format", kind, "--out", out)
    assert contents(out) == contents(whole)


@pytest.mark.parametrize("kind", [pytest.param("folder", marks=pytest.mark.campaign), "webdataset"])
def test_killed_anywhere_it_leaves_no_half_file(cloud: ServedCloud, tmp_path: Path, kind: str) -> None:
    stock(cloud, 100)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "roost_cloud", "samples", "export", "--format", kind, "--out", str(out)]
    env = {**os.environ, "ROOST_URL": cloud.url, "ROOST_TOKEN": cloud.token(role="viewer")}
    known = {hashlib.sha256(payload_of(number)).hexdigest() for number in range(1, 100)}
    for size_bytes in (1, 4000):
        with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            by_s = time.monotonic() + 60
            while process.poll() is None and written_bytes(out) < size_bytes and time.monotonic() < by_s:
                time.sleep(0.002)
            process.kill()
        for path in out.glob("inputs/*/[!.]*"):
            assert hashlib.sha256(path.read_bytes()).hexdigest() in known
        assert list(out.glob("[!.]*.tar")) == list(out.glob("samples.jsonl")) == []
    run(cloud, "export", "--format", kind, "--out", out)
    run(cloud, "export", "--format", kind, "--out", tmp_path / "whole")
    assert contents(out) == contents(tmp_path / "whole")


def written_bytes(out: Path) -> int:
    """Of inputs and tars, whole or not."""
    sizes = 0
    for path in out.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # it has its own name by now
            sizes += path.stat().st_size if path.is_file() and ".export" not in path.parts else 0
    return sizes


def contents(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", ["folder", "webdataset"])
def test_an_export_says_what_was_removed_while_it_ran(cloud: ServedCloud, tmp_path: Path, kind: str) -> None:
    stock(cloud)
    planned = plan.make_plan
    services = cloud.services

    def remove_then(*arguments: Any) -> plan.Plan:
        made = planned(*arguments)
        expire(services.database, services.objects, services.now() + timedelta(days=1), now=services.now())
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("roost_cloud.export.run.make_plan", remove_then)
        run(cloud, "export", "--format", kind, "--out", tmp_path / "out", fails="was removed from the cloud after")
    assert not (tmp_path / "out" / "samples.jsonl").exists()
    assert not list((tmp_path / "out").glob("samples-*.tar"))


def test_a_sample_that_is_not_as_the_api_says_is_an_answer_that_cannot_be_read(
    cloud: ServedCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock(cloud)
    whole = json.loads(run(cloud, "show", f"cam.01/{BOOT}-1", "--json"))
    odds: list[dict[str, Any]] = [{"candidates": 7}, {"late": [{"label": "4"}]}, {"input": {"size_bytes": "x"}}]
    for odd in odds:
        data = json.dumps(whole | odd).encode()
        monkeypatch.setattr(ApiClient, "send", lambda *_, data=data, **__: Reply(200, {}, data))
        run(cloud, "show", f"cam.01/{BOOT}-1", fails="ApiAnswerError")
