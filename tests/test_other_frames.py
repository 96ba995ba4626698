"""Tables as Spark, Dask and others hand them over, a partition at a time, score as those that pandas has read."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from helpers.tiny import make_forms
from libelle import Pipeline
from libelle.stores.local import LocalStore

KINDS = [
    "object",
    "category",
    "string[python]",
    "string[pyarrow]",
    pd.ArrowDtype(pa.large_string()),
    pd.ArrowDtype(pa.string_view()),
    pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string())),
]


@pytest.fixture(scope="module")
def pipeline(trained: tuple[LocalStore, str]) -> Pipeline:
    store, run_id = trained
    return Pipeline.load(run_id, store)


def as_kind(frame: pd.DataFrame, kind: object) -> pd.DataFrame:
    """Columns of this kind, with its own word for what is missing; Arrow's in several chunks, as batches come."""
    if not isinstance(kind, pd.ArrowDtype):
        return frame.astype(kind)
    arrays = {name: pa.chunked_array([column[:50], column[50:]], pa.string()) for name, column in frame.items()}
    frames = {name: pd.arrays.ArrowExtensionArray(array.cast(kind.pyarrow_dtype)) for name, array in arrays.items()}
    return pd.DataFrame(frames)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_texts_of_any_kind_score_as_those_of_pandas(pipeline, kind):
    forms = make_forms()
    pd.testing.assert_frame_equal(pipeline.predict(as_kind(forms, kind)), pipeline.predict(forms))


@pytest.mark.parametrize("missing", [None, pd.NA, float("nan")], ids=repr)
def test_a_column_without_any_text_is_missing(pipeline, missing):
    forms = make_forms().assign(town=None)
    expected = pipeline.predict([{"form": "A", "employer": "NULL", "job": "maçon"}])["score"].item()
    alone = forms.iloc[:1].assign(employer="NULL", job="maçon", town=pd.Series([missing], dtype=object))
    assert pipeline.predict(alone)["score"].item() == pytest.approx(expected, abs=1e-6)
    by_arrow = alone.assign(town=pd.array([missing], dtype=pd.ArrowDtype(pa.null())))
    assert pipeline.predict(by_arrow)["score"].item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_partition_without_rows_has_the_columns_and_types_of_others(pipeline, kind):
    empty = pipeline.predict(as_kind(make_forms(), kind).iloc[:0])
    assert len(empty) == 0
    assert empty.dtypes.equals(pipeline.predict(make_forms(3)).dtypes)


@pytest.mark.parametrize(
    "index",
    [
        pd.Index([7] * 120),
        pd.Index([f"r{row}" for row in range(120)], dtype="string[pyarrow]", name="job"),
        pd.date_range("2026-01-01", periods=120),
        pd.MultiIndex.from_product([range(2), range(60)], names=["form", "part"]),
    ],
    ids=lambda index: type(index).__name__,
)
def test_rows_keep_their_index_whatever_it_is(pipeline, index):
    forms = make_forms()
    answers = pipeline.predict(forms.set_axis(index))
    pd.testing.assert_index_equal(answers.index, index)
    assert answers["score"].tolist() == pipeline.predict(forms)["score"].tolist()


@pytest.mark.parametrize("kind", ["Int64", "int64[pyarrow]"])
def test_long_numbers_as_ids_keep_their_digits_beside_missing_ones(pipeline, kind):
    numbers = pd.array([2**60 + 1, None, 3] * 40, dtype=kind)
    answers = pipeline.predict(make_forms().assign(form=numbers))
    assert answers["id"].tolist()[:3] == ["1152921504606846977", "(row 2)", "3"]
    assert answers["score"].to_numpy().dtype == np.float32
