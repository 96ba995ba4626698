"""What tests of processes that make matrices share."""

import numpy as np
import pandas as pd
import scipy.sparse

from libelle.features import Features

FIELDS = ["employer", "job", "town"]


def dense(features: Features) -> np.ndarray:
    """All matrices side by side, as models take them."""
    assert features.matrix is not None
    parts = [part.toarray() if scipy.sparse.issparse(part) else part for part in features.matrix.values()]
    assert all(part.dtype == np.float32 and len(part) == features.rows for part in parts)
    return np.hstack(parts)


def one_field(*texts: str | None) -> pd.DataFrame:
    return pd.DataFrame({"job": list(texts)}, dtype="str")


def labels(rows: int) -> pd.Series:
    return pd.Series([str(row % 2) for row in range(rows)], dtype="str")
