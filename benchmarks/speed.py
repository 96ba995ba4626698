"""How long libelle and its peers train and score, on the same rows; prints the tables of docs/performance.md.

    python benchmarks/speed.py                                     the shipped diaries
    python benchmarks/speed.py --data FOLDER --sets rome trec      sets read from a folder of Parquet files
    python benchmarks/speed.py --models mlp "model=mlp trainer.max_epochs=2" --peers fasttext

Seconds are those of the processor, of one thread: other work on the machine changes them little, though not nothing.
They are without imports and the reading of files; training begins with the texts. Scoring is from raw texts to
scores, all test rows at once. Peers are those of `benchmarks/quality.py`.
"""

import argparse
import logging
import os
import platform
import warnings
from pathlib import Path

import quality
import torch
from peers import PEERS
from quality_sets import SETS

MODELS = ["mlp", "transformer", "logreg", "svm"]
COMPARED = ["fasttext", "fasttext_chars", "logreg", "svc"]


def main() -> None:
    """Train and score everything once, and print a table for each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=["diaries", "diaries_codes"])
    parser.add_argument("--models", nargs="+", default=MODELS, help="libelle's, or texts of overrides")
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=COMPARED)
    parser.add_argument("--data", type=Path, help="folder of the sets that are not shipped")
    parser.add_argument("--cache", type=Path, default=quality.ROOT / "benchmarks" / "cache")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    arguments.cache.mkdir(parents=True, exist_ok=True)
    warm_up()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start.")
    for data in arguments.sets:
        table(data, arguments.models, arguments.peers, SETS[data].overrides(arguments.data, arguments.cache))
    print(f"\nLoad {os.getloadavg()[0]:.1f} at the end.")


def warm_up() -> None:
    """Import what is imported late, and let libraries compile what they compile at first use."""
    import pytorch_lightning  # noqa: F401
    import sklearn.linear_model
    import sklearn.svm  # noqa: F401

    tiny = ["data=bi", "data.size=200"]
    quality.libelle("model=mlp trainer.max_epochs=1", tiny, quality.plan_of(tiny).source.read(), 1)


def table(data: str, models: list[str], peers: list[str], overrides: list[str]) -> None:
    """Print one set's table."""
    metric = SETS[data].metric
    print(f"\n## {SETS[data].title} (`{data}`)\n")
    print(f"| model | {metric.replace('_', ' ')} | training, CPU s | scoring, µs a row |\n|---|---|---|---|")
    records = quality.plan_of(overrides).source.read()
    for model in models:
        typed = model if "=" in model else f"model={model}"
        row(f"libelle, `{typed}`", metric, quality.libelle(typed, overrides, records, 1))
    for peer in peers:
        row(PEERS[peer][0], metric, quality.peer(peer, overrides, records, 1))


def row(name: str, metric: str, found: quality.Judged) -> None:
    """Print one model's row."""
    value = quality.judge(metric, *found)["test"]["value"]
    _, scores, training, scoring = found
    print(f"| {name} | {value:.3f} | {training:.1f} | {1e6 * scoring / len(scores[1]):.0f} |", flush=True)


if __name__ == "__main__":
    main()
