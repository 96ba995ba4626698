"""A cluster of Ray's on this machine, of two nodes, each with one processor."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest


@contextlib.contextmanager
def two_nodes() -> Iterator[tuple[Any, Any]]:
    """The cluster and its second node."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        try:
            yield cluster, cluster.add_node(num_cpus=1)
        finally:
            cluster.shutdown()
