"""Print the table of docs/results.md: python benchmarks/results.py [--seeds 1 2 3] > docs/results.md.

libelle's models are trained by the public command, in a store of their own; the baseline is scikit-learn's TF-IDF of
words and characters with logistic regression, on the same cleaned texts and the same rows. Models differ by seed; the
rows of each split never do.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import scipy.sparse
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from libelle.cleaners.base import clean_table
from libelle.config import check
from libelle.data.split import TEST, TRAIN
from libelle.evaluation.metrics import evaluate

ROOT = Path(__file__).parents[1]
SETS = {"diaries": "average_precision", "diaries_codes": "accuracy", "bi": "average_precision"}
MODELS = ("mlp", "transformer")


def main() -> None:
    """Train everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    arguments = parser.parse_args()
    print(
        HEADER.format(seeds=", ".join(map(str, arguments.seeds)), cpus=os.cpu_count(), python=platform.python_version())
    )
    print("| data | metric | model | test, mean | test, each seed | validation, mean | seconds a run |")
    print("|---|---|---|---|---|---|---|")
    for data in arguments.sets:
        metric = SETS[data]
        for model in MODELS:
            runs = [libelle(data, model, seed) for seed in arguments.seeds]
            row(data, metric, f"`model={model}`", runs)
        row(data, metric, "TF-IDF + logistic regression", [baseline(data)])


def row(data: str, metric: str, name: str, runs: list[tuple[dict[str, dict[str, float]], float]]) -> None:
    """Print one line."""
    test = [metrics["test"][metric] for metrics, _ in runs]
    validation = np.mean([metrics["validation"][metric] for metrics, _ in runs])
    seconds = np.mean([duration for _, duration in runs])
    each = ", ".join(f"{value:.3f}" for value in test)
    print(
        f"| `{data}` | {metric} | {name} | **{np.mean(test):.3f}** | {each} | {validation:.3f} | {seconds:.0f} |",
        flush=True,
    )


def libelle(data: str, model: str, seed: int) -> tuple[dict[str, dict[str, float]], float]:
    """Metrics of one run of train.py, and its seconds from start to end."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        command = [sys.executable, str(ROOT / "train.py"), f"data={data}", f"model={model}", f"seed={seed}"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run(command, cwd=folder, check=True, capture_output=True, env=environment)
        seconds = time.perf_counter() - started
        (metrics,) = Path(folder).glob("store/runs/*/*/*.metrics.json")
        return json.loads(metrics.read_text()), seconds


def baseline(data: str) -> tuple[dict[str, dict[str, float]], float]:
    """Metrics of the baseline, and its seconds without imports."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = OmegaConf.to_container(compose("train", overrides=[f"data={data}"]), resolve=True)
    plan = check(config, {})  # type: ignore[arg-type]
    records = plan.source.read()
    started = time.perf_counter()
    texts = clean_table(records.fields, plan.cleaners.values()).fillna("")
    train = (records.splits == TRAIN).to_numpy()
    blocks = []
    for name in texts:
        for options in (
            {"ngram_range": (1, 2), "token_pattern": r"\S+"},
            {"analyzer": "char_wb", "ngram_range": (2, 5)},
        ):
            vectorizer = TfidfVectorizer(sublinear_tf=True, **options)
            try:
                vectorizer.fit(texts[name][train])
            except ValueError:  # a field that is empty everywhere
                continue
            blocks.append(vectorizer.transform(texts[name]))
    # A linear model sees a missing field only if it is told.
    blocks.append(scipy.sparse.csr_array(records.fields.isna().to_numpy(dtype=np.float64)))
    features = scipy.sparse.hstack(blocks).tocsr()
    model = LogisticRegression(C=10, max_iter=1000).fit(features[train], records.target_codes[train])
    metrics = {}
    for split in (TEST, "validation"):
        rows = (records.splits == split).to_numpy()
        scores = np.zeros((rows.sum(), len(records.labels)), dtype=np.float32)
        scores[:, model.classes_] = model.predict_proba(features[rows])
        metrics[split] = evaluate(records.target_codes[rows].to_numpy(), scores, records.labels)
    return metrics, time.perf_counter() - started


HEADER = """\
# Results

Printed by `make results`, which trains everything anew on the data that the project ships: seeds {seeds} of training,
the same rows in each. {cpus} cores, no GPU, Python {python}; each run on one core, two of them side by side.
Seconds of libelle are those of the whole command, imports and evaluation included; those of the baseline are without
imports.

- `diaries`: real entries of Insee's household budget survey, 609 test rows: is the entry not codable?
- `diaries_codes`: the same entries, which of 278 codes?
- `bi`: synthetic census forms, 3,000 test rows. They show that the code works and how methods compare; they say nothing
  about real forms.
- The baseline is scikit-learn's TF-IDF (words 1–2, characters 2–5, each field by itself, a flag for each missing field)
  with logistic regression, C = 10.
"""

if __name__ == "__main__":
    main()
