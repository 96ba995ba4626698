"""The service as a process: it starts, answers, replaces what is killed, follows the store, and ends."""

import os
import shutil
import signal
import socket
import threading
from collections import Counter
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pytest

import libelle
from helpers.scripts import call
from helpers.serving import PATIENCE, serving
from helpers.tiny import make_forms
from libelle.publication import publish, rollback
from libelle.published import versions
from libelle.runs.run import Run
from libelle.runs.run_list import run_ids
from libelle.stores.local import LocalStore

RECORDS = make_forms(40, seed=3)[["form", "employer", "job"]].to_dict("records")
TOKEN = "0123456789abcdef0123"


def ask(service, records=RECORDS):
    status, answer = service.ask("/models/forms/predict", {"records": records})
    assert status == 200, answer
    return answer


def publish_again(place, threshold):
    store = LocalStore(str(place / "store"))
    return publish(store, Run.open(store, next(iter(run_ids(store)))), "forms", threshold=threshold)


@pytest.fixture(scope="module")
def service(published, tmp_path_factory):
    place = tmp_path_factory.mktemp("serving")
    shutil.copytree(published.root, place / "store")
    with serving(place, "published=forms", "reload=0.1") as running:
        running.place = place
        yield running


def test_it_answers_as_the_pipeline_does_and_says_where_it_listens(service):
    assert "serving forms@" in service.log
    assert "anybody on this machine may ask, and nobody else" in service.log
    store = LocalStore(str(service.place / "store"))
    expected = libelle.load_published("forms", store).predict(RECORDS)["score"]
    np.testing.assert_allclose([one["score"] for one in ask(service)["results"]], expected, atol=1e-6)


def test_connections_that_come_at_once_are_shared_out(service):
    connections = [HTTPConnection("127.0.0.1", service.port) for _ in range(16)]
    for connection in connections:
        connection.connect()
    workers = Counter()
    for connection in connections:
        connection.request("GET", "/health/live")
        workers[connection.getresponse().headers["x-request-id"][:16]] += 1  # how a worker's ids begin
        connection.close()
    assert len(workers) == 2


def test_a_worker_that_is_killed_is_replaced(service):
    victim, other = answering(service)
    os.kill(victim, signal.SIGKILL)
    service.until(lambda: len({*answering(service)} - {victim, other}) == 1)
    assert service.until(lambda: service.ask("/health")[1]["restarts"]) == 1
    assert len(ask(service)["results"]) == len(RECORDS)
    assert "a worker ended (by SIGKILL); another one takes its place" in service.log


def answering(service):
    """The workers: another child looks at the store, and has no event loop."""
    return [pid for pid in service.children() if any("eventpoll" in link for link in links(pid))]


def links(pid):
    found = []
    with suppress(FileNotFoundError):
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                found.append(str(file.readlink()))
    return found


def test_what_is_published_and_rolled_back_is_served_and_no_request_is_lost_or_mixed(service):
    first = service.ask("/health")[1]["models"]["forms"]
    store = LocalStore(str(service.place / "store"))
    thresholds = {item.version: item.threshold for item in versions(store, "forms")}
    ended, wrong, seen = threading.Event(), [], set()

    def keep_asking():
        while not ended.is_set():
            answer = ask(service)
            seen.add(answer["version"])
            if {one["threshold"] for one in answer["results"]} != {thresholds[answer["version"]]}:
                wrong.append(answer["version"])

    thresholds[first + 1] = 0.75
    threads = [threading.Thread(target=keep_asking) for _ in range(4)]
    for thread in threads:
        thread.start()
    publish_again(service.place, 0.75)
    service.until(lambda: f"forms@{first + 1} is served from now on" in service.log)
    rollback(store, "forms")
    service.until(lambda: f"forms@{first} is served from now on" in service.log)
    service.until(lambda: {service.ask("/health")[1]["models"]["forms"] for _ in range(5)} == {first})
    ended.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert seen == {first, first + 1}


def test_a_broken_version_is_refused_and_the_former_goes_on(service, tmp_path):
    before = service.ask("/health")[1]["models"]["forms"]
    # It is damaged elsewhere, before it is brought here: the service may look at any time.
    shutil.copytree(service.place / "store", tmp_path / "store")
    broken = publish_again(tmp_path, 0.9)
    next((tmp_path / "store" / broken.prefix).glob("model/*")).write_bytes(b"damaged")
    shutil.copytree(tmp_path / "store" / broken.prefix, service.place / "store" / broken.prefix)
    store = LocalStore(str(service.place / "store"))
    store.put_file("published/forms/current.json", tmp_path / "store" / "published" / "forms" / "current.json")
    refused = service.until(lambda: service.ask("/health")[1]["refused"])
    assert refused["forms"]["version"] == broken.version
    assert "was altered since its manifest was written" in refused["forms"]["reason"]
    assert ask(service)["version"] == before
    assert f"forms, version {broken.version}, is not served: " in service.log
    assert 'libelle_model_refused{model="forms"} 1.0' in service.ask("/metrics")[1]
    rollback(store, "forms")
    service.until(lambda: not service.ask("/health")[1]["refused"])


def test_counts_are_those_of_all_workers(service):
    def requests():
        page = service.ask("/metrics")[1]
        name = 'libelle_requests_total{route="/models/{name}/predict",status="200"}'
        return sum(float(line.split()[-1]) for line in page.splitlines() if line.startswith(name))

    before = requests()
    for _ in range(20):
        ask(service, RECORDS[:1])
    # A request is counted once its answer is on its way.
    assert any(requests() == before + 20 for _ in range(100))


def test_it_ends_when_asked_and_answers_first(place):
    with serving(place, "published=forms", "reload=0") as service:
        with socket.create_connection(("127.0.0.1", service.port)) as connection:
            body = b'{"records": [{"job": "maison"}]}'
            head = f"POST /models/forms/predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body[:20])
            assert service.ask("/health/live")[0] == 200  # which the other worker may answer, so both have begun
            service.process.send_signal(signal.SIGTERM)
            connection.sendall(body[20:])
            connection.settimeout(PATIENCE)
            answer = connection.recv(1 << 16)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert service.process.wait(PATIENCE) == 0
        assert "the service has ended" in service.log


def test_tokens_are_asked_for_and_no_text_is_left_anywhere(place, tmp_path):
    folder = tmp_path / "temporary"
    folder.mkdir()
    canary = "XYLOTROPE"
    with serving(
        place, "published=forms", "workers=1", LIBELLE_TOKEN=TOKEN, TMPDIR=str(folder), XDG_STATE_HOME=str(folder)
    ) as service:
        assert service.ask("/models")[0] == 401
        records = [{"job": canary, "form": canary}, {canary: "x"}, {"job": [canary]}]
        for body in ({"records": records}, {"records": canary}):
            service.ask("/models/forms/predict", body, TOKEN)
        service.ask(f"/{canary}", None, TOKEN)
        assert "caller=token" in service.log
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert any(path.suffix == ".db" for path in files)  # the counts
        assert not [path for path in files if canary.encode() in path.read_bytes()]


def test_what_cannot_be_served_is_one_sentence(place):
    answer = call("serve.py", "published=nothing", cwd=place)
    assert answer.returncode == 2
    assert answer.stderr.startswith("published=nothing is not in ")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = call("serve.py", f"port={port}", cwd=place)
    assert (answer.returncode, answer.stderr.count("\n")) == (2, 1)
    assert f"port={port} cannot be listened on (Address already in use); choose another." in answer.stderr
    answer = call("serve.py", "host=0.0.0.0", cwd=place)
    assert (answer.returncode, "would serve anybody" in answer.stderr) == (2, True)
