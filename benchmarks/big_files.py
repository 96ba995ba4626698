"""What scoring big files costs: rows a second and memory of a worker, by one and by two workers; prints a table.

    python benchmarks/big_files.py                     400,000 forms, some minutes
    python benchmarks/big_files.py --rows 20000000     the bars of docs/answers.md

The forms are synthetic (`data=bi`), written once as Parquet to the cache; where more rows are wanted, the file is read
again under other names. The bars: no worker holds more than 1.5 GB, two are 1.8 times as fast as one, and every row is
in the output once. Rows a second are of wall time, start and planning included: measure on a machine that has nothing
else to do.
"""

import argparse
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from pyarrow import dataset, parquet

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
from census import TRAINED, train  # noqa: E402 - the model is that of the census

#: Forms in the file that is read again and again.
FORMS = 1_000_000
#: What must hold.
LARGEST, FASTER = 1500, 1.8


@dataclass(frozen=True)
class Cost:
    """What a command took.

    Attributes:
        seconds: of wall time.
        processor: seconds of it, of all processes.
        worker: megabytes that the largest worker held; of another engine than processes not known.
        command: megabytes that the command itself held.
    """

    seconds: float
    processor: float
    worker: float
    command: float


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--engine", choices=["processes", "ray"], default="processes")
    parser.add_argument("--cache", type=Path, default=ROOT / "benchmarks" / "cache")
    arguments = parser.parse_args()
    store = arguments.cache / "big_files"
    forms = write_forms(arguments.cache, arguments.rows)
    if not list(store.glob("runs/*/*/*.pipeline")):
        train(store)
    print(f"mlp, trained on {TRAINED:,} forms; {arguments.rows:,} rows in {forms.name}/, engine={arguments.engine}.")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start.\n")
    print("| workers | rows/s | seconds | CPU s | MB a worker | MB of the command |\n|---|---|---|---|---|---|")
    costs = {}
    for workers in arguments.workers:
        output = store / "scores"
        shutil.rmtree(output, ignore_errors=True)
        cost = costs[workers] = score(forms, output, store, workers, arguments.engine)
        require_each_row(output, arguments.rows)
        rate = arguments.rows / cost.seconds
        print(
            f"| {workers} | {rate:,.0f} | {cost.seconds:,.0f} | {cost.processor:,.0f} | {cost.worker:,.0f} "
            f"| {cost.command:,.0f} |",
            flush=True,
        )
    largest = max(cost.worker for cost in costs.values())
    print(f"\nA worker held {largest:,.0f} MB at most (bar: {LARGEST:,}); each row is there once.")
    if {1, 2} <= set(costs):
        print(f"Two workers are {costs[1].seconds / costs[2].seconds:.2f} times as fast as one (bar: {FASTER}).")


def write_forms(cache: Path, rows: int) -> Path:
    """A folder of Parquet files with so many forms in all: links to one, and the rest."""
    folder = cache / f"big_{rows}"
    if folder.exists():
        return folder
    from libelle.data.census.sample import generate

    made = cache / f"big_{rows}.new"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    whole, rest = divmod(rows, FORMS)
    names = [made / f"forms_{number:03}.parquet" for number in range(whole + bool(rest))]
    if whole:
        generate(FORMS, seed=1).to_parquet(names[0], index=False)
        for name in names[1:whole]:
            os.link(names[0], name)
    if rest:
        generate(rest, seed=2).to_parquet(names[-1], index=False)
    made.rename(folder)
    return folder


def score(forms: Path, output: Path, store: Path, workers: int, engine: str) -> Cost:
    """Score a folder, and look at the processes meanwhile."""
    line = [sys.executable, str(ROOT / "runtime.py"), f"input={forms}", f"output={output}/", f"store.root={store}"]
    begun = time.monotonic()
    process = subprocess.Popen([*line, f"workers={workers}", f"engine={engine}"], cwd=ROOT)
    watch = Watch(process.pid)
    status = process.wait()
    seconds = time.monotonic() - begun
    watch.join()
    if status:
        sys.exit(f"It ended with status {status}.")
    return Cost(seconds, watch.processor, watch.worker, watch.command)


class Watch(threading.Thread):
    """Looks every second at how much memory a command and its workers hold, and how long they have computed."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._process = psutil.Process(pid)
        self._seconds: dict[int, float] = {}
        self.worker = self.command = 0.0
        self.start()

    @property
    def processor(self) -> float:
        """Seconds of the processor, up to the last look."""
        return sum(self._seconds.values())

    def run(self) -> None:
        """Look until the command has ended."""
        while self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE:
            try:
                self.command = max(self.command, self._look(self._process))
                for child in self._process.children(recursive=True):
                    self.worker = max(self.worker, self._look(child))
            except psutil.Error:
                pass  # it has just ended
            time.sleep(1)

    def _look(self, process: psutil.Process) -> float:
        times = process.cpu_times()
        self._seconds[process.pid] = times.user + times.system
        return process.memory_info().rss / 2**20


def require_each_row(output: Path, rows: int) -> None:
    """Raise unless the parts have as many rows as the input, and each id as often as its file."""
    parts = sorted(output.glob("part-*.parquet"))
    found = sum(parquet.read_metadata(part).num_rows for part in parts)
    assert found == rows, f"{found:,} rows in the output, {rows:,} in the input"
    pairs = dataset.dataset(parts).to_table(columns=["id"])["id"]
    most = -(-rows // FORMS) + 1
    assert pairs.value_counts().field("counts").to_numpy(zero_copy_only=False).max() <= most, "an id comes too often"


if __name__ == "__main__":
    main()
