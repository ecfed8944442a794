"""Training on a real Ray cluster of two nodes, one of which is killed in the middle."""

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from roost_cloud.runs import store
from roost_cloud.runs.ray_executor import RayExecutor
from tests.support.training_site import TrainingSite, bare_site, site, sites_cloud
from tests.support.waiting import until

__all__ = ["bare_site", "site", "sites_cloud"]

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(300)]

STORE_BYTES = 80 << 20


@pytest.fixture
def cluster(site: TrainingSite) -> Iterator[Any]:
    """Two nodes with a processor each, and a head with none; it inherits where the test's trainers are."""
    assert site.names
    utils = pytest.importorskip("ray.cluster_utils", reason="Ray is not installed: pip install 'roost[ray]'")
    small = {"object_store_memory": STORE_BYTES}
    made = utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **small})
    try:
        for _ in range(2):
            made.add_node(num_cpus=1, **small)
        yield made
    finally:
        made.shutdown()


def trainers() -> list[psutil.Process]:
    """Processes that train on a node of a cluster."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "roost_cloud.training" in words and any("roost-node" in word for word in words):
            found.append(process)
    return found


def kill_node_of(cluster: Any, process: psutil.Process) -> None:
    """End the node that a process runs on as a power cut would, with all that runs there."""
    above = {one.pid for one in process.parents()}
    for node in cluster.worker_nodes:
        own = [info.process.pid for infos in node.all_processes.values() for info in infos]
        if above & set(own):
            below = [one for pid in own for one in psutil.Process(pid).children(recursive=True)]
            for pid in {*own, *(one.pid for one in below)}:
                os.kill(pid, signal.SIGKILL)
            cluster.remove_node(node, allow_graceful=False)
            return
    raise AssertionError(f"no node has {process}")


def test_a_run_goes_on_elsewhere_when_its_node_is_killed(site: TrainingSite, cluster: Any) -> None:
    executor = RayExecutor(cluster.address)
    run = site.open(parameters={"do": "wait", "once": str(site.folder.parent / "once")})
    with site.trainer(executor) as trainer:
        thread = threading.Thread(target=trainer.work, args=("w1",))
        thread.start()
        until(lambda: site.run(run).what == "waiting", "it trains", otherwise=lambda: site.log(run))
        (process,) = trainers()
        kill_node_of(cluster, process)
        thread.join(120)
        assert not thread.is_alive()
    row = site.run(run)
    assert (row.state, row.problem_code, row.failures) == ("queued", "run.cluster_lost", 1), site.log(run)
    assert site.versions() == ["1"]
    site.work(executor=executor)
    row = site.run(run)
    assert (row.state, row.attempt) == ("registered", 2), site.log(run)
    assert len(site.versions()) == 2
    assert trainers() == []


def test_a_run_on_a_cluster_is_cancelled_and_its_process_ends(site: TrainingSite, cluster: Any) -> None:
    run = site.open(parameters={"do": "wait"})
    with site.trainer(RayExecutor(cluster.address)) as trainer:
        thread = threading.Thread(target=trainer.work, args=("w1",))
        thread.start()
        until(lambda: site.run(run).what == "waiting", "it trains", otherwise=lambda: site.log(run))
        with site.services.database.begin() as session:
            store.cancel(session, "acme", run, note=None, actor="token:ann", now=site.services.now())
        thread.join(60)
        assert not thread.is_alive()
    assert site.run(run).state == "cancelled"
    until(lambda: trainers() == [], "its process has ended")


def test_a_cluster_that_is_not_there_costs_an_attempt_and_says_so(site: TrainingSite) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'roost[ray]'")
    run = site.open()
    executor = RayExecutor("127.0.0.1:1")
    site.work(executor=executor)
    row = site.run(run)
    assert (row.state, row.problem_code) == ("queued", "run.cluster_lost")
    assert executor.problem is not None
