"""Records that stand in the training rows, too: what a model says of them, it may have learnt by heart."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from libelle.data.split import TRAIN


def repeated_in_training(rows: pd.DataFrame, split: str) -> npt.NDArray[np.bool_]:
    """Records of a split with the cleaned texts of a training record, bool [rows of the split].

    Args:
        rows: one row a record of all splits, with its `split` and its `content` (equal for equal cleaned texts).
        split: whose records are asked about.
    """
    seen = rows["content"][rows["split"] == TRAIN].unique()
    return rows["content"][rows["split"] == split].isin(seen).to_numpy(dtype=np.bool_)
