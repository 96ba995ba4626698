"""What fields and words are worth, by hand."""

import numpy as np
import pandas as pd
import pytest

from libelle.data.columns import count_rows, from_frame
from libelle.evaluation.field_worth import BATCH, erase, worth
from libelle.features import Features


class Lengths:
    """A process that knows how many letters each field has."""

    def transform_columns(self, columns):
        letters = {name: np.array([*map(len, column.texts), 0])[column.index] for name, column in columns.items()}
        return Features(count_rows(columns), matrix=letters)


def score(features):
    """The score of label 1 grows with the letters of both fields."""
    positive = (features.matrix["a"] + 2 * features.matrix["b"]) / 100
    return np.stack([1 - positive, positive], axis=1)


def test_what_fields_and_words_are_worth_by_hand(drawn):
    rows = BATCH + 7  # more than are scored at a time
    texts = {"a": ["le pain"] * 6 + ["vin"] * (rows - 6), "b": ["x"] * (rows - 1) + [None]}
    cleaned = pd.DataFrame(texts, dtype="str")
    targets = np.ones(rows, dtype=np.int64)
    targets[0] = 0
    found = worth(
        erase(from_frame(cleaned), np.arange(rows), Lengths().transform_columns, 1), score, targets, ["a", "b"]
    )
    table = found.set_index(["field", found["word"].fillna("")])
    # Without field a, label 1 loses 0.07 on five rows and 0.03 on the others; label 0 of the first row gains.
    whole = table.loc["a", ""]
    assert whole["toward"] == pytest.approx((-0.07 + 5 * 0.07 + (rows - 6) * 0.03) / rows)
    assert whole["records"] == rows
    assert table.loc[("b", ""), "records"] == rows - 1
    # "le pain" without "pain" is "le", five letters less.
    assert table.loc[("a", "pain"), "toward"] == pytest.approx((-0.05 + 5 * 0.05) / 6)
    assert table.loc[("a", "vin"), "records"] == 20
    assert table.loc[("a", "vin"), "held"] == rows - 6
    (axes,) = drawn.field_worth(found[found["word"].isna()]).axes
    widths = dict(
        zip(
            [text.get_text() for text in axes.get_yticklabels()], [bar.get_width() for bar in axes.patches], strict=True
        )
    )
    assert widths == {name: table.loc[name, ""]["toward"] for name in ("a", "b")}
