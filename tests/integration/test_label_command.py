"""`roost label` and `roost dataset`, against a real HTTP server."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from roost_cloud.__main__ import app
from roost_shared.bundle import Bundle
from tests.support.labelled import Labelling, payload_of
from tests.support.served_cloud import ServedCloud, serve_cloud
from tests.support.telling import BOOT


@pytest.fixture(scope="module")
def work(newest_sqlite: Path, argmax: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labelling]:
    """One for all: each test has devices of its own."""
    folder = tmp_path_factory.mktemp("labelling")
    (folder / "roost.db").write_bytes(newest_sqlite.read_bytes())
    # The server's log would come where the command's output is read.
    with capture_logs(), serve_cloud(folder / "cloud", f"sqlite:///{folder / 'roost.db'}") as served:
        made = Labelling(served)
        made.publish(argmax, folder)
        yield made


def run(work: Labelling, *arguments: str | Path, fails: str | None = None) -> str:
    assert isinstance(work.cloud, ServedCloud)
    env = {"ROOST_URL": work.cloud.url, "ROOST_TOKEN": work.cloud.token(role="operator"), "COLUMNS": "200"}
    result = CliRunner().invoke(app, [*map(str, arguments)], env=env)
    if fails is not None:
        assert result.exit_code != 0
        assert fails in f"{result.output}{result.exception!r}"
        return result.output
    assert result.exit_code == 0, f"{result.output}{result.exception!r}"
    return result.output


def test_labels_are_added_listed_and_counted(work: Labelling) -> None:
    work.tell("cam-01", range(1, 4))
    name = f"cam-01/{BOOT}-1"
    assert "1 labels added, 0 said already" in run(work, "label", "add", name, "0", "--by", "ann")
    run(work, "label", "add", f"cam-01/{BOOT}-2", "--cannot-tell")
    run(work, "label", "add", name, "O", fails="'O' is no label of task meter")
    run(work, "label", "add", name, fails="say a LABEL, or --cannot-tell")
    assert "new to the task: O" in run(work, "label", "add", name, "O", "--new-label", "--by", "ben")
    listed = run(work, "label", "list", "--device", "cam-01").splitlines()
    assert [line.split()[0] for line in listed] == ["SAMPLE", name, f"cam-01/{BOOT}-2", name]
    told = run(work, "label", "status", "meter")
    for text in ("0, 1, 2, O", "tied 1", "cannot_tell 1"):
        assert text in told
    assert "cannot be told" not in run(work, "label", "agreement", "meter")
    assert "no teacher is believed; 10% are seen by two" in run(work, "label", "settings", "meter")
    changes = ("--teacher", "cloud", "--min-confidence", "0.9", "--second-opinions", "0.5")
    assert "from 0.9 on: cloud; 50%" in run(work, "label", "settings", "meter", *changes)
    assert json.loads(run(work, "label", "settings", "meter", "--no-teachers", "--json"))["teachers"] == []


def test_a_sheet_is_taken_filled_in_imported_and_becomes_a_dataset(work: Labelling, tmp_path: Path) -> None:
    devices = [f"cam-1{number}" for number in range(6)]
    for device in devices:
        work.tell(device, range(2))
    asked = [word for device in devices for word in ("--device", device)]
    out = tmp_path / "todo"
    told = run(work, "label", "queue", "meter", "--count", "12", *asked, "--out", out)
    assert "12 samples" in told
    table = out / "labels.csv"
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        number = int(row["sample"].rpartition("-")[2])
        assert (out / row["file"]).read_bytes() == payload_of(row["device"], number)
    assert "0 labels added" in run(work, "label", "import", table)
    lines = [f"{row['device']},{row['sample']},{row['sample'][-1]}\n" for row in rows]
    table.write_text("device,sample,label\n" + "".join(lines))
    assert "12 labels added" in run(work, "label", "import", table)
    run(work, "label", "queue", "meter", "--out", out, fails="there already")
    table.write_text("device,sample,label\n" + lines[0] + "cam-10,nobodys,1\n")
    run(work, "label", "import", table, fails="line 3: there is no sample")
    made = run(work, "dataset", "make", "meter", "--incumbent", "meter:1", *asked)
    assert re.search(r"of \d+ devices, split by", made), made
    assert "split by device" in made
    digest = made.split()[1]
    assert digest in run(work, "dataset", "list", "--task", "meter")
    assert json.loads(run(work, "dataset", "show", digest, "--json"))["summary"]["sources"] == {"person": 12}
    assert len(run(work, "dataset", "show", digest, "--items").splitlines()) == 13
    run(work, "dataset", "show", "sha256:1", fails="is no digest")
    run(work, "dataset", "make", "meter", "--incumbent", "meter@best", fails="there is no alias")
