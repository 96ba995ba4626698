"""A cluster of Ray's on this machine, of two nodes, each with one processor."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest


@contextlib.contextmanager
def two_nodes() -> Iterator[tuple[Any, Any]]:
    """The cluster and its second node, once both have run something.

    A node may fail to start workers on a busy machine, among whose connections it looks for free ports; what a test
    then waits for never comes. Such a cluster is made anew, so that a test is about libelle alone.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        for _ in range(3):
            cluster, second = _started()
            try:
                if _both_work(cluster.address):
                    yield cluster, second
                    return
            finally:
                cluster.shutdown()
        pytest.fail("Ray starts no two nodes that work.")


def _started() -> tuple[Any, Any]:
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    return cluster, cluster.add_node(num_cpus=1)


def _both_work(address: str) -> bool:
    """Whether each node runs a task within a minute."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ray.init(address=address, log_to_driver=False)
    try:
        nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
        ends = [NodeAffinitySchedulingStrategy(node, soft=False) for node in nodes]
        task = ray.remote(max_retries=0)(lambda: True)
        return len(ray.get([task.options(scheduling_strategy=end).remote() for end in ends], timeout=60)) == 2
    except ray.exceptions.RayError:
        return False
    finally:
        ray.shutdown()
