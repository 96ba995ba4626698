"""The prediction service under load: requests a second, latencies, and whether every answer is its own record's.

    python train.py data=bi seed=1 && python train.py data=bi seed=2
    OMP_NUM_THREADS=1 python benchmarks/service.py --seconds 60
    OMP_NUM_THREADS=1 python benchmarks/service.py --seconds 60 --rate 600
    OMP_NUM_THREADS=1 python benchmarks/service.py --seconds 60 --batch 1000
    OMP_NUM_THREADS=1 python benchmarks/service.py --seconds 60 --publications 20

It publishes the two newest runs of the local store, starts `serve.py` on this machine, and asks it from one process by
many connections, each of which waits for an answer before it asks again: at once, which shows what the service can do
at most, or with `--rate` at even distances, which shows how long one waits for an answer at that rate. Latencies count
from when a request was due. Every score is compared with what the run itself gives; with `--publications`, the two are
published and rolled back in turn meanwhile, and an answer must be that of the version that it names, whole.
"""

import argparse
import asyncio
import gc
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import psutil

import libelle
from libelle.data.census import sample
from libelle.publication import publish, rollback
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.runs.run_list import run_ids
from libelle.stores.local import LocalStore

ROOT = Path(__file__).parents[1]
NAME = "service-benchmark"
#: Forms that are sent, in turn; so many that a worker has forgotten their texts when they are sent again.
FORMS, QUESTIONS = 300_000, 100_000
TOLERANCE = 1e-6


@dataclass
class Tally:
    """What has come back."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    records: int = 0
    lost: int = 0
    wrong: int = 0


@dataclass
class Question:
    """A request, and the ids that its answer must have, in order."""

    request: bytes
    places: list[int]


class Client:
    """One connection after the other, one request at a time."""

    def __init__(self, port: int, questions: Iterator[Question], ids: list[str], expected: dict, tally: Tally) -> None:
        self.port, self.questions, self.ids, self.expected, self.tally = port, questions, ids, expected, tally

    async def ask(self, first: float, until: float, distance: float) -> None:
        """Ask until the time is over: at `first`, and every `distance` seconds, or at once where that is 0."""
        reader = writer = None
        began = first
        while began < until:
            await asyncio.sleep(began - time.perf_counter())
            question = next(self.questions)
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 24)
                writer.write(question.request)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1])
                body = await reader.readexactly(length)
            except (OSError, asyncio.IncompleteReadError):
                self.tally.lost += 1
                writer = None
            else:
                self.tally.seconds.append(time.perf_counter() - began)
                self.check(int(head[9:12]), body, question)
                if b"connection: close" in head.lower():
                    writer.close()
                    writer = None
            began = began + distance if distance else time.perf_counter()
        if writer is not None:
            writer.close()

    def check(self, status: int, body: bytes, question: Question) -> None:
        """Compare an answer with what its records must get."""
        self.tally.statuses[status] += 1
        if status != 200:
            return
        answer = json.loads(body)
        self.tally.versions[f"{answer['version']} ({answer['run_id']})"] += 1
        results, expected = answer["results"], self.expected[answer["run_id"]]
        self.tally.records += len(results)
        self.tally.wrong += abs(len(results) - len(question.places))
        for place, result in zip(question.places, results, strict=False):
            if result["id"] != self.ids[place] or abs(result["score"] - expected[place]) > TOLERANCE:
                self.tally.wrong += 1


def make_questions(forms: list[dict[str, str]], batch: int) -> list[Question]:
    """Requests, each for forms of its own."""
    found = []
    for start in range(0, min(len(forms), QUESTIONS * batch), batch):
        places = list(range(start, min(start + batch, len(forms))))
        body = json.dumps({"records": [forms[place] for place in places]}, ensure_ascii=False).encode()
        head = f"POST /models/{NAME}/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        found.append(Question(head.encode() + body, places))
    return found


def start(store: LocalStore, workers: int, log: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start the service; returns its process and port."""
    command = [
        sys.executable,
        str(ROOT / "serve.py"),
        f"published={NAME}",
        "port=0",
        f"workers={workers}",
        "reload=0.2",
    ]
    process = subprocess.Popen([*command, f"store.root={store.root}"], stderr=log.open("wb"))
    for _ in range(600):
        found = re.search(r"serving .* on http://127.0.0.1:(\d+)", log.read_text(encoding="utf-8"))
        if found:
            return process, int(found[1])
        if process.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit(log.read_text(encoding="utf-8"))


def move(store: LocalStore, runs: list[Run], times: int, seconds: float) -> None:
    """Publish and roll back in turn, at even distances; called in a process of its own."""
    for number in range(times):
        time.sleep(seconds / (times + 1))
        if number % 2 == 0:
            publish(store, runs[number // 2 % 2], NAME, threshold=0.5)
        else:
            rollback(store, NAME)


def main() -> None:
    """Run the load, and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", default="store")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--rate", type=float, default=0, help="requests a second; as many as there can be by default")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--publications", type=int, default=0)
    asked = parser.parse_args()
    store = LocalStore(str(Path(asked.store).resolve()))
    ids = [str(run_id) for run_id in run_ids(store)][:2]
    if len(ids) < 2:
        sys.exit("Train two runs first: python train.py data=bi seed=1, and seed=2.")
    runs = [Run.open(store, RunId.parse(run_id)) for run_id in ids]
    forms = sample.generate(FORMS, seed=7).dropna(subset=["rs_x"], ignore_index=True)
    expected = {}
    for run_id in ids:
        pipeline = libelle.load_run(run_id, store)
        expected[run_id] = pipeline.predict(forms)["score"].to_numpy(np.float64).tolist()
    columns = [*([pipeline.id] if pipeline.id else []), *pipeline.fields]
    rows = [
        {key: value for key, value in row.items() if isinstance(value, str)}
        for row in forms[columns].to_dict(orient="records")
    ]
    for run in runs:
        publish(store, run, NAME, threshold=0.5)
    log = Path(store.root, f"{NAME}.log")
    process, port = start(store, asked.workers, log)
    tally = Tally()
    questions = itertools.cycle(make_questions(rows, asked.batch))
    names = [row[columns[0]] for row in rows]
    mover = 0
    if asked.publications:
        mover = os.fork()
        if not mover:
            try:
                move(store, runs, asked.publications, asked.seconds)
            finally:
                os._exit(0)

    async def load() -> float:
        began = time.perf_counter()
        distance = asked.clients / asked.rate if asked.rate else 0.0
        clients = [Client(port, questions, names, expected, tally) for _ in range(asked.clients)]
        starts = [began + distance * number / asked.clients for number in range(asked.clients)]
        pairs = zip(clients, starts, strict=True)
        await asyncio.gather(*(client.ask(first, began + asked.seconds, distance) for client, first in pairs))
        return time.perf_counter() - began

    gc.freeze()  # else the load itself pauses, for as long as it takes to look through all questions
    begun, used = processor_seconds(process.pid), time.process_time()
    try:
        took = asyncio.run(load())
        used, served = time.process_time() - used, processor_seconds(process.pid) - begun
        calls = scrape(port)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
    if mover:
        os.waitpid(mover, 0)
    print_table(tally, asked, took, used, served, calls)
    sys.exit(1 if tally.lost or tally.wrong or set(tally.statuses) - {200} else 0)


def processor_seconds(pid: int) -> float:
    """What a process and its children have used."""
    service = psutil.Process(pid)
    times = [one.cpu_times() for one in (service, *service.children())]
    return sum(one.user + one.system + one.children_user + one.children_system for one in times)


def scrape(port: int) -> float:
    """Records that were scored in one call, on average."""
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        page = answer.read().decode()
    total, count = (float(re.search(rf"libelle_call_records_{what} (\S+)", page)[1]) for what in ("sum", "count"))
    return total / count


def print_table(tally: Tally, asked: argparse.Namespace, took: float, used: float, served: float, calls: float) -> None:
    """Print what came out."""
    latencies = 1000 * np.quantile(tally.seconds, [0.5, 0.9, 0.99, 1])
    rows = {
        "clients, records a request, workers": f"{asked.clients}, {asked.batch:,}, {asked.workers}",
        "seconds": f"{took:.1f}",
        "requests a second": f"{len(tally.seconds) / took:,.0f}",
        "records a second": f"{tally.records / took:,.0f}",
        "p50, p90, p99, largest ms": ", ".join(f"{value:.1f}" for value in latencies),
        "answers checked": f"{tally.records:,}",
        "wrong or of other records": f"{tally.wrong:,}",
        "requests lost": f"{tally.lost:,}",
        "statuses": ", ".join(f"{status}: {count:,}" for status, count in tally.statuses.items()),
        "versions that answered": f"{len(tally.versions)}",
        "records scored in one call, on average": f"{calls:.1f}",
        "CPU ms a request, of the service": f"{1000 * served / len(tally.seconds):.2f}",
        "CPU ms a request, of the load itself": f"{1000 * used / len(tally.seconds):.2f}",
        "load of the machine (1 min)": f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
    }
    for name, value in rows.items():
        print(f"| {name} | {value} |")


if __name__ == "__main__":
    main()
