"""`roost-agent check` of what the device is assigned: as it lies on the disk, on this machine."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from roost_edge.check import check_bundles
from roost_edge.settings.config import AgentConfig, CloudConfig, ContestantConfig, TaskConfig
from roost_shared.bundle import Bundle, open_bundle
from roost_shared.bundle.layout import blob_path
from roost_shared.tflite.dense import DenseLayer, write_dense
from tests.support.bundles import with_another_model
from tests.support.install_work import FolderCloud, assign, install_from
from tests.support.served_cloud import bundle_like
from tests.support.split_bundles import split_bundle
from tests.support.worker_rig import argmax_bundle


@pytest.fixture(scope="module")
def argmax(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle of base and head, version 1; read only."""
    return open_bundle(split_bundle(tmp_path_factory.mktemp("argmax") / "argmax-1"))


@pytest.fixture(scope="module")
def second(argmax: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundle_like(argmax, tmp_path_factory.mktemp("second") / "2", version="2")


def lines(state_dir: Path, **tasks: TaskConfig) -> dict[str, str]:
    """What is said, by whom it is said of."""
    config = AgentConfig(tenant="acme", device="cam-01", state_dir=state_dir, cloud=CloudConfig(), tasks=tasks)
    said = [str(one).partition(": ") for one in check_bundles(config)]
    assert len({who for who, _, _ in said}) == len(said)
    return {who: what for who, _, what in said}


def run(state_dir: Path, version: int, bundle: Bundle) -> Path:
    """Have a bundle in force; the folder it lies in."""
    install_from(FolderCloud([bundle]), state_dir, assign(version, bundle))
    return state_dir / "bundles" / bundle.digest.removeprefix("sha256:")


def test_what_is_in_force_and_what_was_before_it_are_tried(argmax: Bundle, second: Bundle, tmp_path: Path) -> None:
    run(tmp_path, 1, argmax)
    assert set(lines(tmp_path)) == {"assignment", "argmax/c0"}
    run(tmp_path, 2, second)
    said = lines(tmp_path)
    assert said["assignment"] == "ok: version 2 is in force, confirmed"
    assert said["argmax/c0"].startswith(f"ok: {second.reference}, 3 golden vectors, ")
    assert said["argmax/c0 of version 1"].startswith(f"ok: {argmax.reference}, 3 golden vectors, ")


def test_a_blob_that_the_disk_has_spoilt_is_refused(argmax: Bundle, second: Bundle, tmp_path: Path) -> None:
    head = blob_path(run(tmp_path, 1, argmax), f"sha256:{argmax.stage_path('head').name}")
    run(tmp_path, 2, second)
    head.write_bytes(head.read_bytes()[:-1] + b"x")
    said = lines(tmp_path)
    assert said["argmax/c0 of version 1"].startswith("refused: bundle.altered_blob: ")
    assert said["argmax/c0"].startswith(("ok: ", "refused: bundle.altered_blob: ")), "they may share it"


def test_another_bundle_in_its_place_is_refused(argmax: Bundle, second: Bundle, tmp_path: Path) -> None:
    folder = run(tmp_path, 1, argmax)
    folder.rename(tmp_path / "aside")
    shutil.copytree(second.folder, folder)
    assert lines(tmp_path)["argmax/c0"] == (
        f"refused: bundle.altered_blob: {folder}: holds {second.digest}, assigned is {argmax.digest}"
    )


def test_one_that_does_not_give_its_golden_outputs_here_is_refused(tmp_path: Path) -> None:
    model = write_dense([DenseLayer(-np.eye(3), np.zeros(3), "softmax")], input_shape=(1, 3))
    true = open_bundle(argmax_bundle(tmp_path / "true"))
    run(tmp_path / "state", 1, with_another_model(true, model, tmp_path / "other"))
    assert lines(tmp_path / "state")["argmax/c0"].startswith("refused: bundle.golden_mismatch: ")


def test_a_pointer_that_cannot_be_read_is_named(argmax: Bundle, tmp_path: Path) -> None:
    run(tmp_path, 1, argmax)
    (tmp_path / "assignments/pointer.json").write_bytes(b"{")
    assert lines(tmp_path)["assignment"].startswith("refused: install.pointer_damaged: ")


def test_a_task_that_nobody_is_assigned_to_is_said_to_be_so(tmp_path: Path) -> None:
    assert lines(tmp_path, meter=TaskConfig()) == {"meter": "ok: nobody is assigned to it yet, so nobody answers"}


def test_what_agent_toml_states_itself_goes_before_what_is_assigned(argmax: Bundle, tmp_path: Path) -> None:
    run(tmp_path, 1, argmax)
    said = lines(tmp_path, argmax=TaskConfig(contestants=[ContestantConfig(name="own", bundle=argmax.folder)]))
    assert set(said) == {"assignment", "argmax/own", "argmax"}
    assert said["argmax"] == "ok: is assigned, but runs as agent.toml states it"
