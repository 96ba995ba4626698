"""libelle and its peers on the same rows; prints the tables of docs/results.md.

    python benchmarks/quality.py                                     the shipped diaries
    python benchmarks/quality.py --data FOLDER --sets rome trec      sets read from a folder of Parquet files
    python benchmarks/quality.py --models mlp svc "model=mlp trainer.max_epochs=8"
    python benchmarks/quality.py --folds --split validation        ablations, on more rows than the validation split has

A model is a name of the table below, or a text of overrides of `train.py`, for ablations. Each cell (set, model, seed)
is kept in the cache folder and is not computed again: an interrupted command goes on where it was, and `--print` prints
what is there. Delete the folder after a change of the code. Models differ by seed; the rows of each split never do.
Nothing is chosen by test rows.
"""

import argparse
import hashlib
import json
import logging
import os
import platform
import re
import sys
import tempfile
import time
import warnings
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from peers import ONCE, PEERS, torch_text_classifiers
from quality_sets import SETS
from sklearn.metrics import average_precision_score
from sklearn.model_selection import KFold

from libelle.cleaners.base import clean_columns, clean_table
from libelle.cli.lightning_nodes import make_lightning
from libelle.data.columns import from_frame, take, to_frame
from libelle.data.records import Records
from libelle.data.split import TEST, TRAIN, VALIDATION
from libelle.models.base import Training
from libelle.training.plan import Plan, Provenance
from libelle.training.prepared_data import Prepared
from libelle.training.schema import build_plan

ROOT = Path(__file__).parents[1]
MODELS = {"mlp": "model=mlp", "transformer": "model=transformer"}
SPLITS = (VALIDATION, TEST)
RESAMPLES = 1000


def main() -> None:
    """Compute the cells that are missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=["diaries", "diaries_codes"])
    parser.add_argument("--models", nargs="+", default=[*MODELS, *PEERS], help="names, or texts of overrides")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--data", type=Path, help="folder of the sets that are not shipped")
    parser.add_argument("--cache", type=Path, default=ROOT / "benchmarks" / "cache", help="folder of the cells")
    parser.add_argument(
        "--ttc-python",
        help="Python of an environment with torchTextClassifiers, and with scikit-learn, which it imports without "
        "requiring it; adds it to the peers",
    )
    parser.add_argument("--split", choices=SPLITS, default=TEST, help="rows that the table is about")
    parser.add_argument("--print", action="store_true", help="compute nothing: the table of the cells that are there")
    parser.add_argument(
        "--folds", action="store_true", help="seed n validates on the n-th fifth of all training and validation rows"
    )
    arguments = parser.parse_args()
    if arguments.folds and not set(arguments.seeds) <= set(range(1, 6)):
        parser.error("--folds are five: --seeds are among 1 2 3 4 5")
    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore")
    arguments.cache.mkdir(parents=True, exist_ok=True)
    models = list(arguments.models)
    if arguments.ttc_python:
        PEERS["ttc"] = ("torchTextClassifiers 2.0, its n-gram tokenizer", torch_text_classifiers(arguments.ttc_python))
        models.append("ttc")
    cells = {
        (data, model): [
            found
            for seed in (arguments.seeds[:1] if model in ONCE and not arguments.folds else arguments.seeds)
            if (found := cell(data, model, seed, arguments))
        ]
        for data in arguments.sets
        for model in models
    }
    rows = (
        "each with a fifth of its own for validation" if arguments.folds else "the same rows for all models and seeds"
    )
    print(HEADER.format(seeds=", ".join(map(str, arguments.seeds)), rows=rows, cpus=os.cpu_count(),
                        python=platform.python_version(), split=arguments.split))  # fmt: skip
    found = {data: {model: cells[data, model] for model in models if cells[data, model]} for data in arguments.sets}
    summary({data: runs for data, runs in found.items() if "mlp" in runs and PEERS.keys() & runs}, arguments.split)
    for data, runs in found.items():
        if runs:
            table(data, runs, arguments.split)


def cell(data: str, model: str, seed: int, arguments: argparse.Namespace) -> dict[str, Any] | None:
    """What one model came to on one set with one seed, computed once; None where it is not to be computed."""
    kept: Path = arguments.cache
    name = re.sub(r"[^\w.]+", "-", model)[:80]
    digest = hashlib.sha256(model.encode()).hexdigest()[:6] if "=" in model else ""
    path = kept / f"{data}.{name}{digest}.{'fold' if arguments.folds else ''}{seed}.json"
    if not path.exists():
        if arguments.print:
            return None
        print(f"{data}, {model}, seed {seed}", file=sys.stderr, flush=True)
        overrides = SETS[data].overrides(arguments.data, kept)
        records = plan_of(overrides).source.read()
        if arguments.folds:
            records = refolded(records, seed)
        if model in PEERS:
            result = peer(model, overrides, records, seed)
        else:
            result = libelle(MODELS.get(model, model), overrides, records, seed)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(judge(SETS[data].metric, *result)), encoding="utf-8")
        partial.rename(path)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def judge(
    metric: str, targets: list[np.ndarray], scores: list[np.ndarray], training: float, scoring: float
) -> dict[str, Any]:
    """The metric of each split, and what it is made of: each row's target and score, or whether it is right."""
    judged: dict[str, Any] = {"training": training, "scoring": scoring}
    for split, target, score in zip(SPLITS, targets, scores, strict=True):
        if metric == "accuracy":
            rows = [(score.argmax(1) == target).astype(int).tolist()]
        else:
            rows = [target.tolist(), np.round(score[:, 1].astype(float), 7).tolist()]
        judged[split] = {"value": value(metric, *map(np.array, rows)), "rows": rows}
    return judged


def value(metric: str, *rows: np.ndarray) -> float:
    """The metric of the given rows."""
    return float(rows[0].mean() if metric == "accuracy" else average_precision_score(*rows))


@cache
def config(overrides: tuple[str, ...]) -> Any:
    """The composed config of `train.py`."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose(
            "train", overrides=["~logger.csv", "~callbacks.learning_rate", "~callbacks.progress_bar", *overrides]
        )


def plan_of(overrides: list[str]) -> Plan:
    """The objects of one run."""
    values = OmegaConf.to_container(config(tuple(overrides)), resolve=True)
    return build_plan(Provenance(values))  # type: ignore[arg-type]


def refolded(records: Records, seed: int) -> Records:
    """The same records, but for other rows to train and to validate on; those of the test stay."""
    rows = np.flatnonzero(records.splits != TEST)
    _, held = list(KFold(5, shuffle=True, random_state=0).split(rows))[seed - 1]
    splits = records.splits.copy()
    splits.iloc[rows] = TRAIN
    splits.iloc[rows[held]] = VALIDATION
    return replace(records, splits=splits)


Judged = tuple[list[np.ndarray], list[np.ndarray], float, float]


def libelle(model: str, data: list[str], records: Records, seed: int) -> Judged:
    """Targets and scores of validation and test rows, and seconds; no imports, no files of a run in them."""
    overrides = [*data, *model.split()]
    plan = plan_of(overrides)
    started = time.process_time()
    with tempfile.TemporaryDirectory() as name:
        prepared = Prepared.from_source(plan.source, records, plan.cleaners, plan.process)
        datasets = {split: prepared.dataset(split) for split in (TRAIN, *SPLITS)}
        callbacks, loggers = make_lightning(config(tuple(overrides)), Path(name)) if plan.model.lightning else ((), ())
        training = Training(Path(name), seed, plan.trainer, callbacks, loggers)
        plan.model.fit(datasets[TRAIN], datasets[VALIDATION], len(prepared.labels), training)
    training_time = time.process_time() - started
    raw = to_frame(take(records.columns, np.flatnonzero(records.splits == TEST)))
    started = time.process_time()
    # As `Pipeline.predict_proba` does it.
    cleaned = clean_columns(from_frame(raw), plan.cleaners.values())
    test = plan.model.predict_proba(plan.process.transform_columns(cleaned))
    scoring_time = time.process_time() - started
    scores = [plan.model.predict_proba(datasets[VALIDATION].features), test]
    return [datasets[split].targets for split in SPLITS], scores, training_time, scoring_time


def peer(model: str, data: list[str], records: Records, seed: int) -> Judged:
    """The same of a peer, on texts that libelle's default cleaners cleaned."""
    fields = clean_table(records.fields, plan_of(data).cleaners.values())
    rows = {split: (records.splits == split).to_numpy() for split in (TRAIN, *SPLITS)}
    codes = pd.Index(records.labels).get_indexer(records.targets)
    targets = {split: codes[chosen] for split, chosen in rows.items()}
    tables = [fields[rows[split]] for split in SPLITS]
    scores, training, scoring = PEERS[model][1](
        fields[rows[TRAIN]], targets[TRAIN], tables, len(records.labels), seed, targets[VALIDATION]
    )
    return [targets[split] for split in SPLITS], scores, training, scoring


def resampled(metric: str, cells: list[dict[str, Any]], split: str) -> np.ndarray:
    """The mean over the seeds on bootstrap resamples of the rows, the same ones for each model."""
    rows = [[np.array(values) for values in found[split]["rows"]] for found in cells]
    generator = np.random.default_rng(0)
    size = min(len(seed[0]) for seed in rows)  # folds differ by one row
    draws = [generator.integers(size, size=size) for _ in range(RESAMPLES)]
    return np.array([np.mean([value(metric, *(v[draw] for v in seed)) for seed in rows]) for draw in draws])


def mean(runs: list[dict[str, Any]], split: str) -> float:
    """The mean over the seeds."""
    return float(np.mean([found[split]["value"] for found in runs]))


def summary(sets: dict[str, dict[str, Any]], split: str) -> None:
    """Print `model=mlp` beside the peer that is best on each set: the best of several is flattered a little."""
    if not sets:
        return
    print("\n| set | metric | `model=mlp` | best peer | | difference |\n|---|---|---|---|---|---|")
    for data, cells in sets.items():
        ours = mean(cells["mlp"], split)
        best = max(PEERS.keys() & cells, key=lambda model: mean(cells[model], split))
        theirs = mean(cells[best], split)
        print(f"| {SETS[data].title} | {SETS[data].metric.replace('_', ' ')} | **{ours:.3f}** | {theirs:.3f} | "
              f"{PEERS[best][0]} | {ours - theirs:+.3f} |")  # fmt: skip


def table(data: str, cells: dict[str, list[dict[str, Any]]], split: str) -> None:
    """Print one set's table, and libelle's models against the best peer."""
    metric = SETS[data].metric
    values = {model: np.array([found[split]["value"] for found in runs]) for model, runs in cells.items()}
    samples = {model: resampled(metric, runs, split) for model, runs in cells.items()}
    print(f"\n## {SETS[data].title} (`{data}`): {metric.replace('_', ' ')}\n")
    print("| model | runs | mean | spread over seeds | 95 % of resamples | validation | training, s | scoring, s |")
    print("|---|---|---|---|---|---|---|---|")
    for model, runs in cells.items():
        name = PEERS[model][0] if model in PEERS else f"libelle, `{MODELS.get(model, model)}`"
        low, high = np.quantile(samples[model], [0.025, 0.975])
        validation = mean(runs, VALIDATION)
        seconds = [np.mean([found[key] for found in runs]) for key in ("training", "scoring")]
        spread = f"±{values[model].std(ddof=1):.3f}" if len(runs) > 1 else ""
        print(f"| {name} | {len(runs)} | **{values[model].mean():.3f}** | {spread} | {low:.3f}–{high:.3f} | "
              f"{validation:.3f} | {seconds[0]:.1f} | {seconds[1]:.2f} |")  # fmt: skip
    peers = [model for model in cells if model in PEERS]
    if not peers:
        return
    best = max(peers, key=lambda model: values[model].mean())
    print(f"\nAgainst the best peer here, {PEERS[best][0]}:")
    for model in cells:
        if model not in PEERS:
            difference = samples[model] - samples[best]
            low, high = np.quantile(difference, [0.025, 0.975])
            print(f"`{MODELS.get(model, model)}` {values[model].mean() - values[best].mean():+.3f} "
                  f"({low:+.3f} to {high:+.3f}, paired).")  # fmt: skip


HEADER = """\
# Results

Printed by `benchmarks/quality.py`, which trains everything anew: seeds {seeds}, {rows}.
Figures are those of the {split} rows, and the mean over the seeds; {cpus} cores, no GPU, Python {python}, one thread.
Seconds are those of the processor, without imports, reading of files, and files of a run; scoring is that of all test
rows, from raw texts.
Other work shared the cores: compare seconds roughly; those of torchTextClassifiers are by the clock.
`runs` says how many seeds a figure is the mean of.
Texts are cleaned by libelle's default cleaners for all. The interval is that of bootstrap resamples of the rows; the
paired one that of the difference on the same resamples.
"""

if __name__ == "__main__":
    main()
