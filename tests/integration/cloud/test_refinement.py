"""From labels to a better model and no further than the gate lets it: real trainer, real gate, real registry."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from roost_cloud.db.tables import BundleVersion
from roost_cloud.ingest.batches import Delivery
from roost_cloud.ingest.storing import store_batches
from roost_cloud.labels.recording import NewLabel, Who, record
from roost_cloud.registry.lineage import lineage
from roost_shared.bundle import Bundle, open_bundle
from roost_shared.bundle.build import build_bundle
from roost_shared.records import Batch, encode_record
from roost_shared.tflite.dense import DenseLayer, write_dense
from tests.support.cloud import Cloud
from tests.support.reference_sets import reference_sample
from tests.support.stocked import stock_shard
from tests.support.telling import sample
from tests.support.training_site import TrainingSite, sites_cloud

__all__ = ["sites_cloud"]

LABELS = ("north", "east", "south")
CORNERS = np.array([[0.0, 2.0], [2.0, 0.0], [0.0, -2.0]])
MOVED = np.array([0.9, 1.2])  # by which the world changes: what is south comes to lie nearer to east
GATE = "roost_cloud.gate"
INCUMBENT = "1"


def points(number: int, shift: NDArray[np.float64], seed: int) -> list[tuple[bytes, str]]:
    """Payloads with what they are."""
    random = np.random.default_rng(seed)
    found = []
    for place in range(number):
        file = io.BytesIO()
        point = CORNERS[place % 3] + random.normal(0, 0.2, 2) + shift
        np.save(file, point[np.newaxis].astype(np.float32))
        found.append((file.getvalue(), LABELS[place % 3]))
    return found


@pytest.fixture(scope="module")
def incumbent(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Good at the old world, of which it carries 400 inputs to judge its successors by."""
    angles = np.arange(8) * np.pi / 4
    base = DenseLayer(np.stack([np.sin(angles), np.cos(angles)]), np.full(8, 0.3), "relu")
    aims = np.maximum(CORNERS @ base.weights + base.bias, 0)
    head = DenseLayer(aims.T, -(aims**2).sum(axis=1) / 2, "softmax")
    known = [
        reference_sample(payload, label, suffix="npy", part="train" if number % 3 else "test")
        for number, (payload, label) in enumerate(points(600, np.zeros(2), seed=1))
    ]
    return build_bundle(
        {"base": write_dense([base], input_shape=(1, 2)), "head": write_dense([head], input_shape=(1, 8))},
        tmp_path_factory.mktemp("incumbent") / "one",
        name="sure",
        version=INCUMBENT,
        labels=LABELS,
        task="light",
        reference=known,
    ).bundle


@pytest.fixture
def site(sites_cloud: Cloud, incumbent: Bundle, tmp_path: Path) -> TrainingSite:
    """Its devices have uploaded what the world looks like now, and nobody has labelled it yet."""
    return TrainingSite(sites_cloud, incumbent.folder, tmp_path / "workshop")


def label(site: TrainingSite, *, wrong: int = 0) -> None:
    """Each device uploads fifteen inputs; people say what they show, and of every `wrong` one something else."""
    labels = []
    for place, device in enumerate(site.names):
        payloads, records = {}, []
        for number, (payload, shown) in enumerate(points(15, MOVED, seed=10 + place)):
            one = sample(number, payload=payload, task="light", label="east", boot=f"b{place}")
            payloads[one.sample] = payload
            records.append(encode_record(one))
            labels.append(NewLabel("here", device, one.sample, LABELS[(LABELS.index(shown) + wrong) % 3]))
        boot = hashlib.sha256(device.encode()).hexdigest()[:8]
        batch = Batch(boot=boot, first=1, oldest=1, records=records)
        with site.services.database.begin() as session:
            store_batches(session, [Delivery("acme", device, batch, site.services.now())])
        stock_shard(site.services, "acme", device, payloads, media_type="application/x-npy")
    who = Who("person", "ann", "token:test")
    now = site.services.now()
    record(site.services.database, site.services.objects, "acme", labels, who, new=LABELS, now=now)


def test_a_refined_head_is_registered_with_its_lineage(site: TrainingSite) -> None:
    label(site)
    run = site.open(trainer="head", labels_wanted=12)
    with site.trainer(gate=GATE) as trainer:
        assert trainer.work("w1")
        (brought,) = (open_bundle(path) for path in (site.folder.parent / "bundle-cache").iterdir())
        assert brought.reference_set_path is None, "the part to judge by is in it"
    row = site.run(run)
    assert row.state == "registered", row.verdict or row.problem
    assert row.verdict is not None
    checks = {reason["check"]: reason for reason in row.verdict["reasons"]}
    assert checks["better"]["figure"] <= 0.05
    assert checks["reference"]["figure"] < 0.02
    assert row.verdict["inputs"][1] == 200
    with site.services.database.read() as session:
        version = session.get_one(BundleVersion, ("acme", "sure", row.version))
        known = lineage(session, version)
        (successor,) = lineage(session, session.get_one(BundleVersion, ("acme", "sure", INCUMBENT))).runs
    assert known.origin is not None
    assert (known.origin.run.id, successor.id) == (run, run)
    assert known.origin.run.trainer_version == "1"
    assert [one.version for one in known.parents] == [INCUMBENT]
    assert version.digest == row.candidate == row.verdict["candidate"]
    assert b"reference.tar" in version.manifest, "the next run is judged by the same"


def test_what_learnt_wrong_labels_is_refused_and_nothing_of_it_is_kept(site: TrainingSite) -> None:
    """Even where people are wrong alike in what was held back: what the incumbent was good at tells."""
    label(site, wrong=1)
    run = site.open(trainer="head", labels_wanted=12)
    site.work(gate=GATE)
    row = site.run(run)
    assert row.state == "refused", row.problem
    assert row.verdict is not None
    assert "reference" in [reason["check"] for reason in row.verdict["reasons"] if not reason["passed"]]
    assert site.versions() == [INCUMBENT]
    assert site.leftovers() == []
