"""What is stored with a fitted pipeline: golden records that are not real, no texts, no pickle."""

import json
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from helpers.tiny import make_forms
from libelle.data.columns import from_frame
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.stores.local import LocalStore
from libelle.training.golden_records import golden_records

FIELDS = ["employer", "job", "town"]


@pytest.fixture(scope="module")
def run(trained: tuple[LocalStore, str]) -> Run:
    store, run_id = trained
    return Run.open(store, RunId.parse(run_id))


@pytest.fixture(scope="module")
def forms() -> pd.DataFrame:
    return make_forms()


def test_golden_records_are_replayed_and_none_is_a_real_one(run, forms):
    golden = json.loads(run.read("pipeline/golden.json"))
    assert len(golden) == 8
    real = {tuple(row) for row in forms[FIELDS].astype(object).where(forms[FIELDS].notna(), None).to_numpy()}
    for item in golden:
        assert tuple(item["record"][name] for name in FIELDS) not in real


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.integers(2, 30), st.integers(0, 100))
def test_golden_records_are_never_real_ones(fields, rows, seed):
    generator = np.random.default_rng(seed)
    values = np.array(["PAIN", "LAIT ENTIER", None, "a b c", "É"], dtype=object)
    columns = {f"f{field}": generator.choice(values, size=rows) for field in range(fields)}
    texts = pd.DataFrame(columns, dtype="str")
    train = np.arange(rows)[: max(1, rows * 4 // 5)]
    golden = golden_records(from_frame(texts), train, seed)
    assert list(golden.columns) == list(texts.columns)
    assert set(golden.dtypes.astype(str)) <= {"str"}
    real = {tuple(row) for row in texts.fillna("").to_numpy()}
    assert not {row for row in map(tuple, golden.fillna("").to_numpy()) if any(row)} & real
    pd.testing.assert_frame_equal(golden, golden_records(from_frame(texts), train, seed))


def test_golden_records_hold_fields_that_are_rarely_filled_in():
    texts = pd.DataFrame({"a": [f"a{row}" for row in range(1000)], "b": [None] * 995 + ["rare"] * 5}, dtype="str")
    assert golden_records(from_frame(texts), np.arange(1000), seed=1)["b"].notna().any()


@pytest.mark.parametrize("fields", [["a"], ["a", "b"]])
def test_golden_records_are_made_of_frequent_words_where_no_text_is_frequent(fields):
    rows = [f"boulanger pâtissier n{row}" if row < 8 else f"maire de v{row}" for row in range(16)]
    texts = pd.DataFrame(dict.fromkeys(fields, rows), dtype="str")
    golden = golden_records(from_frame(texts), np.arange(16), seed=1)
    assert len(golden)
    assert set(" ".join(golden.stack().dropna()).split()) <= {"boulanger", "pâtissier", "maire", "de"}
    assert not set(golden.stack()) & set(rows)


def test_golden_records_hold_nothing_where_nothing_is_frequent():
    texts = pd.DataFrame({"a": [f"a{row}" for row in range(9)], "b": ["x"] * 4 + [None] * 5}, dtype="str")
    assert golden_records(from_frame(texts), np.arange(9), seed=1).isna().all().all()


def test_no_stored_file_holds_texts_of_records(run, forms):
    """Words may be in a vocabulary, and single fields in golden records; texts of several words nowhere else."""
    stored = {entry.key: run.store.get(entry.key) for entry in run.store.list(run.id.folder)}
    several_words = {text for text in forms[FIELDS].stack().dropna().unique() if " " in text}
    for key, data in stored.items():
        if key.endswith("golden.json"):
            continue
        found = [text for text in several_words if text.encode() in data or text.lower().encode() in data]
        assert not found, key
    tables = [key for key in stored if key.endswith(".parquet")]
    assert tables
    for key in tables:
        assert not set(pd.read_parquet(run.store.local_path(key)).columns) & set(FIELDS)


def test_nothing_stored_is_a_pickle(run):
    allowed = {".json", ".yaml", ".parquet", ".txt", ".csv", ".html", ".safetensors"}
    for entry in run.store.list(run.id.folder):
        path = run.store.local_path(entry.key)
        assert path.suffix in allowed, entry.key
        assert not zipfile.is_zipfile(path), entry.key  # as torch.save and numpy.savez write
        if path.suffix == ".safetensors":
            assert load_file(path), entry.key
        else:
            assert path.read_bytes()[:1] != b"\x80", entry.key  # as pickle.dump writes


def test_every_file_is_in_the_manifest_and_carries_the_id(run):
    names = {entry.key.removeprefix(run.id.folder) for entry in run.store.list(run.id.folder)}
    assert names == {*run.manifest.files, f"{run.id}.manifest.json"}
    assert all(name.startswith(f"{run.id}.") for name in names)


def test_the_split_of_every_row_is_kept_by_id(run, forms):
    split = pd.read_parquet(run.store.local_path(run.key("split.parquet")))
    assert sorted(split["id"]) == forms["form"].tolist()
    assert set(split["split"]) == {"train", "validation", "test"}
