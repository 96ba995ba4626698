"""The fitted pipeline: the scores of training, for records as they come, from run or folder."""

import json
import pickle
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from helpers.tiny import make_forms
from libelle import Pipeline
from libelle.errors import UserError
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.stores.local import LocalStore

FIELDS = ["employer", "job", "town"]


@pytest.fixture(scope="module")
def run(trained: tuple[LocalStore, str]) -> Run:
    store, run_id = trained
    return Run.open(store, RunId.parse(run_id))


@pytest.fixture(scope="module")
def pipeline(run: Run) -> Pipeline:
    return Pipeline.load(str(run.id), run.store)


@pytest.fixture
def folder(run: Run, tmp_path: Path) -> Path:
    """A copy of the saved pipeline, to be spoilt."""
    return Path(shutil.copytree(run.fetch_folder("pipeline"), tmp_path / "pipeline"))


@pytest.fixture(scope="module")
def forms() -> pd.DataFrame:
    return make_forms()


@pytest.fixture(scope="module")
def predictions(run: Run) -> pd.DataFrame:
    return pd.read_parquet(run.store.local_path(run.key("predictions.parquet")))


def test_scores_at_runtime_are_those_of_the_run(pipeline, forms, predictions):
    assert set(predictions["split"]) == {"validation", "test"}
    assert {"id", "split", "target", "score_0", "score_1"} <= set(predictions.columns)
    assert predictions["score_1"].dtype == np.float32
    result = pipeline.predict(forms).set_index("id").loc[predictions["id"]]
    for column in ("score_0", "score_1"):
        assert np.abs(result[column].to_numpy() - predictions[column].to_numpy()).max() < 1e-6


def test_a_pipeline_loads_from_its_folder_too(pipeline, folder, forms):
    for source in (folder, str(folder)):
        loaded = Pipeline.load(source)
        pd.testing.assert_frame_equal(loaded.predict(forms), pipeline.predict(forms))


def test_the_result_says_what_was_decided(pipeline, forms):
    result = pipeline.predict(forms)
    assert list(result.columns) == ["id", "label", "score", "score_0", "score_1"]
    assert result["id"].tolist() == forms["form"].tolist()
    assert (result["score"] == result["score_1"]).all()
    assert ((result["label"] == "1") == (result["score"] >= 0.5)).all()
    assert np.allclose(result["score_0"] + result["score_1"], 1, atol=1e-6)
    assert result["score"].dtype == np.float32


def test_mappings_and_tables_give_the_same_scores(pipeline, forms):
    table = pipeline.predict(forms)
    missing = forms.astype(object).where(forms.notna(), None)
    pd.testing.assert_frame_equal(pipeline.predict(missing.to_dict("records")), table)
    # A mapping may lack fields, a table may hold other columns, and its index is kept.
    lacking = [{name: value for name, value in record.items() if value} for record in missing.to_dict("records")]
    pd.testing.assert_frame_equal(pipeline.predict(lacking), table)
    pd.testing.assert_frame_equal(pipeline.predict(forms.assign(x=1)), table)
    indexed = pipeline.predict(forms.set_index(forms["form"] + "!"))
    assert indexed.index.tolist() == [f"F{row:04}!" for row in range(len(forms))]
    assert indexed["score"].tolist() == table["score"].tolist()


def test_one_record_scores_as_it_does_among_others(pipeline, forms):
    together = pipeline.predict(forms)["score"].to_numpy()
    alone = [pipeline.predict(forms.iloc[[row]])["score"].item() for row in range(20)]
    assert np.abs(together[:20] - alone).max() < 1e-6


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from(FIELDS), st.text(st.characters(codec="utf-8")) | st.none(), min_size=1))
)
def test_any_text_gets_a_probability(pipeline, records):
    result = pipeline.predict(records)
    assert result["id"].tolist() == list(range(1, len(records) + 1))
    assert result[["score_0", "score_1"]].notna().all(axis=None)
    assert set(result["label"]) <= {"0", "1"}


def test_nothing_to_score_gives_an_empty_result(pipeline, forms):
    for records in ([], forms.iloc[:0], pd.DataFrame()):
        result = pipeline.predict(records)
        assert len(result) == 0
        assert list(result.columns) == ["id", "label", "score", "score_0", "score_1"]


def test_blank_texts_are_missing_and_other_texts_are_not(pipeline):
    score = pipeline.predict(
        [{"job": None}, {"job": ""}, {"job": " \u00a0\n"}, {"job": float("nan")}, {"job": "nan"}, {"employer": "NULL"}]
    )["score"]
    assert score[0] == score[1] == score[2] == score[3]
    assert score[4] != score[0]
    assert score[5] != score[0]


def test_two_names_that_differ_in_blanks_alone_are_not_one(pipeline):
    with pytest.raises(UserError, match=r"Record 2: the column 'job' is there more than once"):
        pipeline.predict([{"job": "COOK"}, {" job": "COOK", "job ": "NURSE"}])


def test_records_without_any_field_are_refused(pipeline, forms):
    for records in ([{}], forms.drop(columns="town")):
        with pytest.raises(UserError, match=r"no column '(employer|town)'.*employer, job, town"):
            pipeline.predict(records)


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([{"job": "x"}, {"jbo": "x"}], r"Record 2 has the field 'jbo'.*employer, job, town"),
        ("maçon", r"one str.*list"),
        ({"job": "maçon"}, r"one dict.*list"),
        ([3], r"Record 1 is neither a text nor a mapping"),
        (pd.DataFrame({"job": ["maçon"], "town": ["Brest"]}).iloc[0], r"one row of a table.*frame\.iloc\[\[0\]\]"),
        (
            pd.DataFrame([["a", "b", "c", "d"]], columns=["job", "job", "employer", "town"]),
            r"'job' is there more than once",
        ),
    ],
)
def test_records_that_are_none_are_refused_in_a_sentence(pipeline, records, words):
    with pytest.raises(UserError, match=words):
        pipeline.predict(records)


def test_bare_texts_fill_the_text_field(pipeline):
    by_text = pipeline.predict(["maçon", None])
    assert by_text["score"].tolist() == pipeline.predict([{pipeline.text: "maçon"}, {}])["score"].tolist()
    series = pipeline.predict(pd.Series(["maçon", None]))
    assert series["score"].tolist() == by_text["score"].tolist()


def test_answers_stand_beside_the_texts_of_a_column(pipeline):
    texts = pd.Series(["maçon", "infirmière", "maçon"], index=[7, 3, 5])
    assert pipeline.predict(texts).index.tolist() == [7, 3, 5]
    assert pipeline.table(texts).index.tolist() == [7, 3, 5]


def test_a_threshold_may_be_a_number_of_numpy(pipeline, tmp_path):
    threshold = np.quantile(pipeline.predict_proba(["maçon", "infirmière"])[:, 1], 0.5)
    changed = pipeline.with_threshold(threshold)
    assert changed.rule.threshold == float(threshold)
    changed.save(tmp_path / "model")
    with pytest.raises(UserError, match=r"threshold=0\.5 is not a probability"):
        pipeline.with_threshold("0.5")


def test_a_pipeline_is_not_saved_into_a_file(pipeline, tmp_path):
    (tmp_path / "model.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match=r"model\.json cannot be made .*; save into a new folder"):
        pipeline.save(tmp_path / "model.json")


def test_a_text_that_is_not_unicode_is_refused(pipeline):
    half = [{"job": "maçon"}, {"job": "ma\ud800on"}]
    for records in (half, pd.DataFrame(half, dtype=object).assign(employer=None, town=None)):
        with pytest.raises(UserError, match=r"A record holds '\\ud800'"):
            pipeline.predict(records)


def test_a_pipeline_that_has_predicted_can_be_copied_to_another_process(pipeline, forms):
    expected = pipeline.predict(forms)
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(pipeline)).predict(forms), expected)


def test_a_record_without_an_id_is_known_by_its_number(pipeline):
    records = [{"form": "A", "job": "x"}, {"form": None, "job": "x"}, {"job": "x"}, {"form": 7, "job": "x"}]
    assert pipeline.predict(records)["id"].tolist() == ["A", "(row 2)", "(row 3)", "7"]


def test_numbers_are_texts_whatever_their_type(pipeline):
    score = pipeline.predict([{"town": 75001}, {"town": "75001"}, {"town": 75001.0, "job": None}])["score"]
    assert score.nunique() == 1
    table = pd.DataFrame({"town": [75001.0, np.nan], "job": None, "employer": None})
    assert pipeline.predict(table)["score"][0] == score[0]


def test_eight_threads_at_once_get_equal_scores(pipeline, forms):
    expected = pipeline.predict(forms)

    def score(number: int) -> bool:
        rows = forms.iloc[number % 5 :]
        return bool((pipeline.predict(rows)["score"] - expected["score"][number % 5 :]).abs().max() < 1e-6)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(score, range(40)))


def test_a_score_equal_to_the_threshold_is_positive(pipeline, forms):
    score = pipeline.predict(forms)["score"]
    chosen = float(score.sort_values().iloc[len(score) // 2])
    at = pipeline.with_threshold(chosen).predict(forms)
    above = pipeline.with_threshold(float(np.nextafter(chosen, 1))).predict(forms)
    assert (at["label"][score == chosen] == "1").all()
    assert (above["label"][score == chosen] == "0").all()
    assert ((at["label"] == "1") == (score >= chosen)).all()


def change_weights(folder: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Change all weights that are not rounded to whole numbers."""
    file = folder / "model/weights.safetensors"
    weights = load_file(file)
    save_file({name: change(array) if array.dtype.kind == "f" else array for name, array in weights.items()}, file)


@pytest.mark.parametrize("file", ["model/weights.safetensors", "golden.json"])
def test_altered_weights_and_golden_records_are_noticed(folder, file):
    if file == "golden.json":
        golden = json.loads((folder / file).read_text(encoding="utf-8"))
        golden[0]["scores"] = golden[0]["scores"][::-1]
        (folder / file).write_text(json.dumps(golden), encoding="utf-8")
    else:
        change_weights(folder, lambda array: array + np.float32(0.01))
    with pytest.raises(UserError, match="golden records score differently"):
        Pipeline.load(folder)


def test_weights_that_are_not_numbers_are_noticed(folder):
    change_weights(folder, lambda array: array * np.float32("nan"))
    with pytest.raises(UserError, match="golden records score differently"):
        Pipeline.load(folder)


@pytest.mark.parametrize(
    "file",
    ["model/weights.safetensors", "golden.json", "pipeline.json", "process/vocabulary.json"],
)
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_folder_is_refused_with_a_sentence(folder, file, damage):
    data = (folder / file).read_bytes()
    if damage == "gone":
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match="pipeline"):
        Pipeline.load(folder)


@pytest.mark.parametrize("target", ["os.system", "libelle.runs.run.Run", "libelle.models.base.Model"])
def test_a_saved_pipeline_builds_nothing_but_parts_of_libelle(folder, target):
    about = json.loads((folder / "pipeline.json").read_text(encoding="utf-8"))
    about["model"]["_target_"] = target
    (folder / "pipeline.json").write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(UserError, match=f"model._target_={target}"):
        Pipeline.load(folder)


def test_an_altered_byte_in_a_run_is_refused(run, tmp_path):
    store = LocalStore(root=str(shutil.copytree(run.store.root, tmp_path / "store")))
    weights = store.local_path(run.key("pipeline/model/weights.safetensors"))
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(UserError, match=r"weights\.safetensors .*altered"):
        Pipeline.load(str(run.id), store)


def test_a_run_that_has_not_completed_is_never_loaded(store_of_unfinished_run):
    store, run_id = store_of_unfinished_run
    with pytest.raises(UserError, match=f"run_id={run_id} is running, not completed"):
        Pipeline.load(run_id, store)


@pytest.fixture
def store_of_unfinished_run(tmp_path: Path) -> tuple[LocalStore, str]:
    store = LocalStore(root=str(tmp_path / "store"))
    return store, str(Run.begin(store).id)


def test_a_number_of_labels_that_is_none_is_refused(trained):
    store, run_id = trained
    with pytest.raises(UserError, match="top='3' is not a number of labels"):
        Pipeline.load(run_id, store).predict(["infirmière"], top="3")
    with pytest.raises(UserError, match="top=-1 is not a number of labels"):
        Pipeline.load(run_id, store).predict(["infirmière"], top=-1)
