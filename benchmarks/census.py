"""What a census costs: training, preparing, scoring file to file, one call; prints the tables of docs/performance.md.

    python benchmarks/census.py                          100,000 forms, a minute or two
    python benchmarks/census.py --sizes 500000 1660000   a census

The forms are synthetic (`data=bi`), written once as CSV and Parquet to the cache. Each figure is of a process of its
own, start and imports included: seconds of the processor, of one thread, and the most memory it held.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: Forms that are trained on, split among them; and those of the model which scores.
LEARNT, TRAINED = 100_000, 20_000
ROLES = ["data.id=cabbi", "data.target=[siretm,siretc]", "data.target_rule=all_empty"]
#: What the processes run that measure; each prints a line of JSON as its last.
COST = """
import json, resource, sys
def cost():
    used = resource.getrusage(resource.RUSAGE_SELF)
    # Not ru_maxrss, which begins with what the process that started this one had.
    (most,) = (line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return {"seconds": used.ru_utime + used.ru_stime, "megabytes": int(most) / 1024}
sys.argv = sys.argv[1:]
"""
#: One of the commands.
SCRIPT = """
import runpy
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as stopped:
    assert not stopped.code, stopped.code
print(json.dumps(cost()))
"""
#: The first answer of a loaded pipeline, a call of forms that come again, and calls of forms that were never met.
CALL = """
import statistics, time, timeit
from libelle import load_folder
pipeline = load_folder(sys.argv[0])
forms = [{"rs_x": "MAIRIE DE LYON", "clt_x": "LYON", "dlt_x": "69"}, {"profs_x": "MAÇON", "rs_x": "ETS DUPONT & FILS"}]
pipeline.predict(forms)
cold = cost()
def took(records, calls):
    return timeit.timeit(lambda: pipeline.predict(records), timer=time.process_time, number=calls) / calls
best = min(took(forms, 50) for _ in range(10))
from libelle.data.census.sample import generate
table = generate(2000, seed=2)[pipeline.fields].astype(object)
others = table.where(table.notna(), None).to_dict("records")
pairs = [others[start : start + 2] for start in range(0, len(others), 2)]
times = [took(pair, 1) for pair in pairs]
print(json.dumps({**cold, "call": 1e3 * best, "new": 1e3 * statistics.median(times[500:])}))
"""


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    seconds: float
    megabytes: float
    call: float = 0.0
    new: float = 0.0

    def __str__(self) -> str:
        return f"{self.seconds:.1f} | {self.megabytes:,.0f}"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", type=int, default=[100_000])
    parser.add_argument("--cache", type=Path, default=ROOT / "benchmarks" / "cache")
    arguments = parser.parse_args()
    store = arguments.cache / "census"
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start.\n")
    print("| work | CPU s | MB |\n|---|---|---|")
    for size in arguments.sizes:
        for file in write_forms(arguments.cache, size):
            row(f"prepare {size:,} forms, {file.suffix[1:]}", prepare(file, store))
    for keys in (["model=mlp"], ["model=transformer", "trainer.max_epochs=1"]):
        cost, folder = train(store, LEARNT, *keys)
        metrics = json.loads(next(folder.parent.glob("*.metrics.json")).read_text())
        row(f"{' '.join(keys)}, {LEARNT:,} forms, average precision {metrics['test']['average_precision']:.3f}", cost)
    _, folder = train(store, TRAINED, "model=mlp", "trainer.max_epochs=1")
    for size in arguments.sizes:
        for file in write_forms(arguments.cache, size):
            row(f"score {size:,} forms, {file.suffix[1:]} to {file.suffix[1:]}", score(file, store))
    cold = measure(COST + CALL, str(folder))
    row("import, load, first answer", cold)
    print(f"\nOne call of two records, warm: {cold.call:.2f} CPU ms; with texts never met: {cold.new:.2f}.")
    print(f"Load {os.getloadavg()[0]:.1f} at the end.")


def row(work: str, cost: Cost) -> None:
    """Print one row."""
    print(f"| {work} | {cost} |", flush=True)


def write_forms(cache: Path, size: int) -> list[Path]:
    """The forms as CSV and as Parquet; written where they are not there yet."""
    files = [cache / f"census_{size}.{kind}" for kind in ("csv", "parquet")]
    if not all(file.exists() for file in files):
        from libelle.data.census.sample import generate

        cache.mkdir(parents=True, exist_ok=True)
        forms = generate(size, seed=1)
        forms.to_csv(files[0], index=False)
        forms.to_parquet(files[1], index=False)
    return files


def prepare(file: Path, store: Path) -> Cost:
    """Cost of `mode=prepare`."""
    return command("train.py", "mode=prepare", *prepared(file, store))


def prepared(file: Path, store: Path) -> list[str]:
    """The arguments that say what is prepared, and where it is kept."""
    return [f"data={file.suffix[1:]}", f"data.path={file}", *ROLES, f"store.root={store}"]


def train(store: Path, size: int, *keys: str) -> tuple[Cost, Path]:
    """Cost of a whole run, report included, and its pipeline's folder."""
    cost = command("train.py", "data=bi", f"data.size={size}", *keys, f"store.root={store}")
    return cost, max(store.glob("runs/*/*/*.pipeline"), key=lambda folder: folder.stat().st_mtime)


def score(file: Path, store: Path) -> Cost:
    """Cost of scoring a file into one of its kind."""
    return command("runtime.py", f"input={file}", f"output={store / f'scores{file.suffix}'}", f"store.root={store}")


def command(script: str, *arguments: str) -> Cost:
    """Cost of one of the commands."""
    return measure(COST + SCRIPT, str(ROOT / script), *arguments)


def measure(code: str, *arguments: str) -> Cost:
    """Run Python code in a process of its own; its last line says what it took."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(run, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    main()
