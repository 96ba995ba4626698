"""A small model that fastText itself trained, and tables of words."""

from pathlib import Path

import fasttext
import numpy as np
import pandas as pd

WORDS = ["boulangerie", "boulanger", "mairie", "maire", "école", "infirmière", "chef", "équipe", "du", "中文", "x"]


def texts(rows: int = 400, seed: int = 1) -> list[str]:
    generator = np.random.default_rng(seed)
    return [" ".join(generator.choice(WORDS, size=generator.integers(1, 6))) for _ in range(rows)]


def table(*values: str | None) -> pd.DataFrame:
    return pd.DataFrame({"job": list(values)}, dtype="str")


def train_bin(path: Path, dim: int = 12, **options: object) -> Path:
    """Ten threads, and a multiple of ten entries: else this version of fastText leaves some uninitialised."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = path.with_suffix(".txt")
    lines.write_text("\n".join(texts()) + "\n", encoding="utf-8")
    settings = {
        "dim": dim,
        "bucket": 310 - len(WORDS) - 1,
        "minCount": 1,
        "epoch": 2,
        "t": 1.0,
        "thread": 10,
        "verbose": 0,
        **options,
    }
    fasttext.train_unsupervised(str(lines), **settings).save_model(str(path))
    lines.unlink()
    return path
