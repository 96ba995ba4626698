"""What people would use instead of libelle: each peer is fitted on texts and returns scores.

A peer is called with the cleaned training and validation tables, their targets, the tables to score, the number of
classes and a seed; it returns float [rows, classes] for each table, and the seconds it trained and scored.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse

Scores = tuple[list[np.ndarray], float, float]


def joined(table: pd.DataFrame) -> list[str]:
    """One text a record."""
    return table.fillna("").agg(" ".join, axis=1).str.split().str.join(" ").tolist()


def fasttext(options: dict[str, Any], rates: Sequence[float]) -> Callable[..., Scores]:
    """fastText; where several learning rates are given, the best on validation."""

    def run(train: pd.DataFrame, targets: np.ndarray, tables: list[pd.DataFrame], classes: int, seed: int,
            validation: np.ndarray) -> Scores:  # fmt: skip
        import fasttext as library

        def predict(model: Any, texts: list[str]) -> np.ndarray:
            scores = np.zeros((len(texts), classes))
            for row, text in enumerate(texts):
                for probability, label in model.f.predict(text + "\n", classes, 0.0, "strict"):
                    scores[row, int(label.removeprefix("__label__"))] = probability
            return scores

        texts = [joined(table) for table in tables]
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
            file.writelines(f"__label__{t} {text}\n" for t, text in zip(targets, joined(train), strict=True))
            file.flush()
            started = time.process_time()
            models = []
            for rate in rates:
                try:
                    model = library.train_supervised(file.name, lr=rate, seed=seed, thread=1, verbose=0, **options)
                except RuntimeError as error:
                    if "NaN" not in str(error):  # which it stops with where a rate is too high
                        raise
                else:
                    models.append(model)
            if not models:
                raise ValueError(f"fastText diverges at all rates, {rates}")
            if len(models) > 1:
                right = [(predict(m, texts[0]).argmax(1) == validation).mean() for m in models]
                models = [models[int(np.argmax(right))]]
            fitted = time.process_time()
        scores = [predict(models[0], part) for part in texts]
        return scores, fitted - started, (time.process_time() - fitted) * len(texts[-1]) / sum(map(len, texts))

    return run


def tfidf(estimator: Callable[[int], Any]) -> Callable[..., Scores]:
    """TF-IDF of words 1-2 and characters 2-5 of each field, a flag for each missing field, and a linear model."""

    def run(train: pd.DataFrame, targets: np.ndarray, tables: list[pd.DataFrame], classes: int, seed: int,
            validation: np.ndarray) -> Scores:  # fmt: skip
        from sklearn.feature_extraction.text import TfidfVectorizer

        started = time.process_time()
        vectorizers = []
        for name in train:
            for kind in ({"ngram_range": (1, 2), "token_pattern": r"\S+"},
                         {"analyzer": "char_wb", "ngram_range": (2, 5)}):  # fmt: skip
                try:
                    vectorizer = TfidfVectorizer(sublinear_tf=True, dtype=np.float32, **kind)
                    vectorizers.append((name, vectorizer.fit(train[name].fillna(""))))
                except ValueError:  # a field that is empty everywhere
                    continue

        def encode(table: pd.DataFrame) -> scipy.sparse.csr_array:
            blocks = [vectorizer.transform(table[name].fillna("")) for name, vectorizer in vectorizers]
            missing = scipy.sparse.csr_array(table.isna().to_numpy(dtype=np.float32))
            return scipy.sparse.hstack([*blocks, missing]).tocsr()

        model = estimator(seed).fit(encode(train), targets)
        fitted = time.process_time()
        scores = []
        for table in tables:
            values = model.decision_function(encode(table))
            full = np.full((len(table), classes), -np.inf)
            full[:, model.classes_] = np.column_stack([-values, values]) if values.ndim == 1 else values
            scores.append(full)
        seconds = time.process_time() - fitted
        return scores, fitted - started, seconds * len(tables[-1]) / sum(map(len, tables))

    return run


def torch_text_classifiers(python: str) -> Callable[..., Scores]:
    """torchTextClassifiers, in an environment of its own."""

    def run(train: pd.DataFrame, targets: np.ndarray, tables: list[pd.DataFrame], classes: int, seed: int,
            validation: np.ndarray) -> Scores:  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            given = {
                "train": joined(train), "targets": targets.tolist(), "validation": validation.tolist(),
                "tables": [joined(table) for table in tables], "classes": classes, "seed": seed,
            }  # fmt: skip
            Path(folder, "given.json").write_text(json.dumps(given), encoding="utf-8")
            command = [python, str(Path(__file__).with_name("peer_ttc.py").resolve()), folder]
            ended = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True)
            if ended.returncode:
                sys.exit(ended.stderr)
            timing = json.loads(Path(folder, "timing.json").read_text(encoding="utf-8"))
            scores = [np.load(Path(folder, f"{number}.npy")) for number in range(len(tables))]
        return scores, timing["training"], timing["scoring"]

    return run


def _logistic_regression(seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=10, max_iter=200)


def _linear_svc(seed: int) -> Any:
    from sklearn.svm import LinearSVC

    return LinearSVC(C=0.5, random_state=seed)


_STRONG = {"epoch": 25, "wordNgrams": 2, "bucket": 500_000}
PEERS: dict[str, tuple[str, Callable[..., Scores]]] = {
    "fasttext_paper": (
        "fastText, its paper's setting",
        fasttext({"dim": 10, "epoch": 5, "wordNgrams": 2}, (0.05, 0.1, 0.25, 0.5)),
    ),
    "fasttext": ("fastText, 25 epochs, word bigrams", fasttext(_STRONG, (0.5,))),
    "fasttext_chars": ("the same with characters 2–5", fasttext({**_STRONG, "minn": 2, "maxn": 5}, (0.5,))),
    "logreg": ("TF-IDF + logistic regression", tfidf(_logistic_regression)),
    "svc": ("TF-IDF + LinearSVC", tfidf(_linear_svc)),
}
#: Fitted for the first seed alone: the first two do not depend on it, and the third takes long.
ONCE = frozenset({"logreg", "svc", "ttc"})
