"""Shards as tasks of Ray, on a cluster of two nodes of which one may die: the parts that one process writes."""

import pytest

from helpers.ray_nodes import two_nodes
from helpers.scoring import bytes_in, filled, parts, without_workers
from helpers.scripts import call
from libelle.scoring.ledger import Ledger

pytestmark = pytest.mark.slow

pytest.importorskip("ray", reason="engine=ray needs the extra ray")

FORMS = "input=forms/*.csv"


@pytest.fixture(scope="module")
def cluster(session_moto):
    """Two nodes on this machine, each with one processor and the credentials of a bucket."""
    import ray

    with pytest.MonkeyPatch.context() as patch:
        for name, value in session_moto.credentials.items():
            patch.setenv(name, value)
        with two_nodes() as (cluster, second):
            cluster.second = second
            patch.setenv("RAY_ADDRESS", cluster.address)
            yield cluster
            ray.shutdown()


def test_two_nodes_write_what_one_process_writes(place, cluster):
    with pytest.MonkeyPatch.context() as patch:
        without_workers(patch)
        assert call("runtime.py", FORMS, "output=alone/", cwd=place).returncode == 0
    answer = call("runtime.py", FORMS, "output=cluster/", "workers=2", "engine=ray", cwd=place)
    assert answer.returncode == 0, answer.stderr
    assert parts(place / "cluster") == parts(place / "alone")
    assert "forms/3.csv, line 44" in answer.stderr


def test_two_nodes_write_into_a_bucket(place, cluster, session_moto):
    bucket = filled(session_moto, place)
    answer = call(
        "runtime.py",
        FORMS,
        f"output=s3://{bucket.bucket}/scores/",
        "workers=2",
        "engine=ray",
        *bucket.place,
        cwd=place,
    )
    assert answer.returncode == 0, answer.stderr
    alone = {path.name: path.read_bytes() for path in (place / "alone").glob("part-*")}
    assert bytes_in(bucket, "scores/part-") == alone


def test_a_mistake_on_a_node_is_a_sentence(place, cluster):
    answer = call("runtime.py", FORMS, "output=stopped/", "engine=ray", "on_error=stop", cwd=place)
    assert answer.returncode == 2
    assert "forms/3.csv, line 44: 3 fields" in answer.stderr


def test_the_shards_of_a_node_that_dies_are_scored_by_another(place, cluster, monkeypatch):
    add = Ledger.add

    def add_and_end_a_node(ledger, outcome):
        if not ledger.done:
            cluster.remove_node(cluster.second, allow_graceful=False)
        add(ledger, outcome)

    monkeypatch.setattr(Ledger, "add", add_and_end_a_node)
    answer = call("runtime.py", FORMS, "output=lost/", "workers=2", "engine=ray", cwd=place)
    assert answer.returncode == 0, answer.stderr
    assert parts(place / "lost") == parts(place / "cluster")


def test_a_cluster_that_is_not_there_is_a_sentence(place, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    answer = call("runtime.py", FORMS, "output=away/", "engine=ray", cwd=place)
    assert answer.returncode == 2
    assert "engine=ray: 127.0.0.1:1 does not answer" in answer.stderr
