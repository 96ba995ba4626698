"""A bucket of a real server: what it did not get is sent by another process, and a killed run goes on."""

from collections.abc import Iterator

import pytest

from faults.going_on import same
from faults.kills import TRAIN, Place
from faults.proxy import Message, Proxy, proxied
from faults.test_requests import hurry
from faults.test_whole_operations import place_at
from faults.warm import Warm
from helpers.counts import Count
from helpers.scripts import start
from helpers.servers import S3Server
from libelle.runs.run import COMPLETED

pytestmark = [pytest.mark.slow, pytest.mark.faults]


@pytest.fixture(scope="module")
def proxy(session_ceph: S3Server) -> Iterator[Proxy]:
    with proxied(session_ceph.endpoint) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def place(home, session_ceph: S3Server, proxy: Proxy, module_patch: pytest.MonkeyPatch) -> Place:
    hurry(module_patch)
    return place_at(proxy, session_ceph, home, module_patch)


def in_another_process(place: Place, script: str, *arguments: str) -> None:
    process = start(script, *arguments, *place.options, cwd=place.folder)
    _, said = process.communicate()
    assert process.returncode == 0, said


def test_what_a_bucket_did_not_get_is_sent_by_another_process(place: Place, proxy: Proxy, count: Count) -> None:
    def away(request: Message) -> str | None:
        return "reset before the server" if "predictions" in request.first_line else None

    proxy.fault = away
    ended = place.status("train.py", *TRAIN)
    proxy.fault = lambda _: None
    assert ended == 2
    first, second = place.ids()
    assert place.statuses()[second] != COMPLETED
    in_another_process(place, "runs.py", "sync")
    assert place.statuses()[second] == COMPLETED
    same(place, first, second)
    place.settle()
    count("runs sent to a real bucket by another process", {"tried": 1, "lost": len(place.faults.found)})
    assert place.faults.found == []


def test_a_killed_run_whose_store_is_a_bucket_resumes(place: Place, warm: Warm, count: Count) -> None:
    before = place.ids()
    assert warm.run("train.py", *TRAIN, *place.options, cwd=place.folder, at=130).returncode == -9
    (killed,) = [run_id for run_id in place.ids() if run_id not in before]
    assert place.statuses()[killed] == "lost"
    in_another_process(place, "train.py", f"resume={killed}")
    assert place.statuses()[killed] == COMPLETED
    same(place, before[0], killed)
    place.settle()
    count("killed runs resumed in a real bucket", {"tried": 1, "lost": len(place.faults.found)})
    assert place.faults.found == []
