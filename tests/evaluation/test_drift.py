"""A scored file against the training data: what is counted, when it is an alarm, and what is kept of the records."""

import dataclasses
import math
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep

from helpers.scripts import call
from helpers.tiny import EMPLOYERS, JOBS, TOWNS, make_forms, tiny_plan
from libelle import Pipeline
from libelle.cli.runtime import ScoringRequest, score
from libelle.components import validate
from libelle.data.columns import count_rows, from_frame
from libelle.errors import UserError
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.drift import compare, compare_shares, stability
from libelle.evaluation.drift_reference import FieldCounts, Reference, count_fields
from libelle.evaluation.drift_seen import Seen, histogram
from libelle.publication import publish
from libelle.reports.drift_report import label_table, make_page
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.stores.local import LocalStore
from libelle.training.workflow import prepare, train

LEVEL = 0.95


@pytest.fixture(scope="module")
def pipeline(trained: tuple[LocalStore, str]) -> Pipeline:
    store, run_id = trained
    return Pipeline.load(run_id, store)


def shifted(rows: int) -> pd.DataFrame:
    """Forms without half of the towns, all of nurses, of new employers."""
    forms = make_forms(rows, seed=7)
    forms["job"] = "infirmière"
    forms["employer"] = "zythologie quantique"
    forms.loc[::2, "town"] = None
    return forms


def seen_of(pipeline: Pipeline, forms: pd.DataFrame, chunk: int = 50) -> Seen:
    seen = Seen(pipeline.rule, pipeline.reference)
    for start in range(0, len(forms), chunk):
        cleaned = pipeline.clean(pipeline.texts(forms.iloc[start : start + chunk]))
        seen.add_texts(from_frame(cleaned))
        seen.add_scores(pipeline.score(cleaned))
    return seen


def page_of(pipeline: Pipeline, forms: pd.DataFrame, source: str) -> tuple[str, list[str]]:
    return make_page(seen_of(pipeline, forms), pipeline.name, source)


def test_the_reference_counts_what_is_not_for_training():
    texts = ["le pain"] * 4 + ["pain pain pain vin", "vin"] + ["pain neuf pain", "vin", "", None]
    cleaned = pd.DataFrame({"a": pd.Series(texts, dtype="str")})
    reference = Reference.of(from_frame(cleaned), np.arange(10) < 6)
    assert reference.rows == 4
    # Five training records hold `pain`, four `le`, two `vin`: the repeated word of one record does not count again.
    assert len(reference.known["a"]) == 1
    assert reference.fields == {"a": FieldCounts(empty=2, words=4, new=2)}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcde"), max_size=6).map(" ".join) | st.none(), min_size=1, max_size=40))
def test_counts_of_chunks_add_up_to_those_of_the_whole(texts):
    cleaned = pd.DataFrame({"a": pd.Series(texts, dtype="str")})
    known = Reference.of(from_frame(cleaned), np.ones(len(cleaned), dtype=bool)).known
    parts = [
        count_fields(from_frame(cleaned.iloc[start : start + 7]), known)["a"] for start in range(0, len(cleaned), 7)
    ]
    counts = sum(parts, FieldCounts())
    assert counts == count_fields(from_frame(cleaned), known)["a"]
    words = [text.split() for text in texts if text]
    frequent = {word for word in "abcde" if sum(word in text for text in words) >= 5}
    assert counts == FieldCounts(
        empty=len(texts) - sum(map(bool, words)),
        words=sum(map(len, words)),
        new=sum(word not in frequent for text in words for word in text),
    )


@pytest.mark.parametrize(("now", "before"), [((31, 100), (12, 100)), ((0, 40), (3, 500)), ((7, 7), (20, 30))])
def test_the_interval_is_that_of_newcombe(now, before):
    low, high = confint_proportions_2indep(*now, *before, method="newcomb", compare="diff", alpha=1 - LEVEL)
    change = compare_shares(now, before, LEVEL)
    assert (change.difference.low, change.difference.high) == pytest.approx((low, high), abs=1e-9)


@pytest.mark.parametrize(
    ("now", "before", "changed"),
    [
        ((310, 1000), (120, 1000), True),
        ((3, 10), (1, 10), False),  # could be chance
        ((505_000, 1_000_000), (500_000, 1_000_000), False),  # no chance, and trivial
        ((50_000, 1_000_000), (30_000, 1_000_000), True),  # the clerks' work grows by two thirds
        ((0, 0), (5, 100), False),
        ((5, 100), (0, 0), False),
    ],
)
def test_a_change_is_more_than_chance_and_matters(now, before, changed):
    assert compare_shares(now, before, LEVEL).changed is changed


def test_a_fall_in_new_words_is_no_alarm():
    assert compare_shares((120, 1000), (310, 1000), LEVEL).changed
    assert not compare_shares((120, 1000), (310, 1000), LEVEL, rise_only=True).changed


def test_the_stability_index_by_hand():
    # Half a record more in each bin is next to nothing among 10,000.
    found = stability(np.array([2500, 7500]), np.array([5000, 5000]))
    expected = 0.25 * math.log(0.75 / 0.5) - 0.25 * math.log(0.25 / 0.5)
    assert found.psi == pytest.approx(expected, abs=1e-3)
    assert found.chance == pytest.approx(2 / 10_000 * 6.634897, rel=1e-6)
    assert found.changed
    assert not stability(np.array([5, 3]), np.array([4, 4])).changed
    assert not stability(np.array([0, 0]), np.array([4, 4])).changed
    assert stability(np.array([7, 3]), np.array([7, 3])).psi == 0


def test_a_score_on_an_edge_is_in_the_bin_above():
    assert histogram(np.array([0.1, 0.2, 0.2, 0.3]), np.array([0.2])).tolist() == [1, 3]
    assert histogram(np.array([0.1]), np.empty(0)).tolist() == [1]


def test_the_reference_is_what_the_run_scored(trained, pipeline):
    store, run_id = trained
    run = Run.open(store, RunId.parse(run_id))
    predictions = pd.read_parquet(store.local_path(run.key("predictions.parquet")))
    assert pipeline.reference.rows == len(predictions)
    assert pipeline.reference.scores.tolist() == sorted(predictions["score_1"])
    unseen = make_forms().set_index("form").loc[predictions["id"]]
    assert pipeline.reference.fields["town"].empty == unseen["town"].isna().sum()
    # At another threshold the same records pass as would have at training.
    seen = seen_of(pipeline.with_threshold(0.6), unseen.reset_index())
    found = compare(seen).aside
    assert found.now == found.before == (predictions["score_1"].astype(float) >= 0.6).mean()


def test_a_shifted_file_is_named_and_the_training_file_is_not(trained, tmp_path, pipeline):
    store, run_id = trained
    options = [f"run_id={run_id}", f"store.root={store.root}", "report=true"]
    shifted(200).to_csv(tmp_path / "new.csv", index=False)
    answer = call("runtime.py", "input=new.csv", "output=new.scores.csv", *options, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    page = (tmp_path / "new.scores.csv.report.html").read_text(encoding="utf-8")
    empty = round(100 * shifted(200)["town"].isna().mean())
    before = 100 * pipeline.reference.fields["town"].empty / pipeline.reference.rows
    for sentence in (
        f"town is empty in {empty} % of records, {before:.0f} % in training.",
        "100 % of the words of employer are new or rare, 0 % in training.",
    ):
        assert sentence in page
        assert sentence in answer.stderr
    assert "Scores are distributed differently than in training" in page
    assert "zythologie" not in page
    make_forms().to_csv(tmp_path / "same.csv", index=False)
    answer = call("runtime.py", "input=same.csv", *options, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Nothing differs from the training data" in page
    assert "<b>changed</b>" not in page
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".tmp-")]


def test_a_failure_leaves_the_report_that_was_there(tmp_path, pipeline, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "report.html").write_text("before")
    (tmp_path / "bad.csv").write_text("employer,job,town\na,b,c\na\n")
    request = validate(ScoringRequest, {"input": "bad.csv", "on_error": "stop", "report": True}, "")
    with pytest.raises(UserError, match="line 3"):
        score(request, pipeline)
    assert (tmp_path / "report.html").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.csv", "report.html"]


def test_a_file_without_rows_has_a_page(pipeline):
    page, verdict = page_of(pipeline, make_forms(0), "empty.csv")
    assert "No record was scored" in page
    assert verdict == []


def test_a_single_text_is_not_compared():
    with pytest.raises(UserError, match=r"report=true .* input=<file>"):
        validate(ScoringRequest, {"text": "a", "report": True}, "")


def test_no_word_of_the_records_is_kept(trained):
    store, run_id = trained
    folder = Run.open(store, RunId.parse(run_id)).fetch_folder("pipeline")
    kept = b"".join(path.read_bytes() for path in folder.glob("reference.*")).lower()
    words = {word for text in [*EMPLOYERS, *TOWNS, *JOBS["0"], *JOBS["1"]] for word in text.lower().split()}
    assert kept
    assert [word for word in words if len(word) > 3 and word.encode() in kept] == []


def test_no_text_of_the_scored_file_reaches_the_page_or_the_log(trained, tmp_path):
    store, run_id = trained
    forms = make_forms(200, seed=7)
    forms["employer"] = [f"cabinet zyx{number} quelconque" for number in range(200)]
    forms["job"] = "vérificatrice"
    forms.to_csv(tmp_path / "new.csv", index=False)
    options = [f"run_id={run_id}", f"store.root={store.root}", "report=true"]
    answer = call("runtime.py", "input=new.csv", "output=scores.csv", *options, cwd=tmp_path)
    assert "employer are new or rare" in answer.stderr
    shown = (tmp_path / "scores.csv.report.html").read_text(encoding="utf-8") + answer.stderr
    texts = pd.concat([forms[name] for name in ("employer", "job", "town")]).dropna()
    words = {word.lower() for text in texts for word in text.split() if len(word) > 3} | {
        "verificatrice",
        "saint-etienne",
    }
    assert [word for word in words if re.search(rf"\b{re.escape(word)}\b", shown.lower())] == []
    assert not re.search("zyx", shown)


def test_texts_are_cleaned_once_for_scores_and_report(pipeline, monkeypatch, tmp_path):
    cleaned = []
    clean = Pipeline.clean_columns
    monkeypatch.setattr(
        Pipeline, "clean_columns", lambda self, columns: cleaned.append(count_rows(columns)) or clean(self, columns)
    )
    monkeypatch.chdir(tmp_path)
    make_forms(120).to_csv("forms.csv", index=False)
    score(validate(ScoringRequest, {"input": "forms.csv", "output": "scores.csv", "report": True}, ""), pipeline)
    assert cleaned == [120]


def test_labels_whose_shares_differ_most_come_first(pipeline):
    seen = Seen(DecisionRule(["a", "b", "c"]), pipeline.reference)
    seen.reference = dataclasses.replace(pipeline.reference, decisions=np.array([50, 30, 20]), rows=100)
    seen.rows, seen.decisions = 10, np.array([1, 3, 6])
    table = [(row["label"], row["before"], row["now"]) for row in label_table(seen)]
    assert table == [("a", 0.5, 0.1), ("c", 0.2, 0.6), ("b", 0.3, 0.3)]


def test_of_a_rare_word_not_even_the_hash_is_kept():
    texts = pd.DataFrame({"a": pd.Series(["pain"] * 5 + ["Zanzibar"] * 4, dtype="str")})
    known = Reference.of(from_frame(texts), np.ones(9, dtype=bool)).known["a"]
    assert known.tolist() == pd.util.hash_array(np.array(["pain"], dtype=object)).tolist()


def test_a_reference_survives_saving_and_is_published(trained, pipeline, tmp_path):
    pipeline.reference.save(tmp_path)
    store, run_id = trained
    publish(store, Run.open(store, RunId.parse(run_id)), "compared", threshold=0.5)
    for loaded in (Reference.load(tmp_path), Pipeline.load("compared", store).reference):
        assert loaded.rows == pipeline.reference.rows
        assert loaded.fields == pipeline.reference.fields
        assert loaded.scores.tolist() == pipeline.reference.scores.tolist()
        assert loaded.decisions.tolist() == pipeline.reference.decisions.tolist()
        assert loaded.chosen.tolist() == pipeline.reference.chosen.tolist()
        assert {name: words.tolist() for name, words in loaded.known.items()} == {
            name: words.tolist() for name, words in pipeline.reference.known.items()
        }


def test_multiclass_files_are_compared_by_their_decisions(tmp_path):
    forms = make_forms(300)
    forms["label"] = np.where(forms["job"].isin(["infirmière", "médecin"]), "2", forms["label"])
    forms.to_csv(tmp_path / "forms.csv", index=False)
    plan = tiny_plan(tmp_path, trainer={"max_epochs": 8, "accelerator": "cpu"})
    prepare(plan)  # by way of a base: it carries the reference, too
    run_id = train(plan).run_id
    pipeline = Pipeline.load(run_id, plan.store)
    assert pipeline.reference.decisions.sum() == pipeline.reference.rows
    drift = compare(seen_of(pipeline, forms))
    assert drift.aside is None
    assert not drift.decisions.changed
    # The same records pass as would have at training, each at the threshold of its label.
    run = Run.open(plan.store, RunId.parse(run_id))
    predictions = pd.read_parquet(plan.store.local_path(run.key("predictions.parquet")))
    unseen = forms.set_index("form").loc[predictions["id"]].reset_index()
    own = dataclasses.replace(pipeline.rule, label_thresholds={"0": 0.4, "1": None, "2": 0.6})
    decided = dataclasses.replace(pipeline, rule=own)
    scores = predictions[["score_0", "score_1", "score_2"]].to_numpy(dtype=float)
    limits = np.array([0.4, np.inf, 0.6])[scores.argmax(axis=1)]
    found = compare(seen_of(decided, unseen)).aside
    assert found.now == found.before == (scores.max(axis=1) >= limits).mean()
    assert 0 < found.now < 1
    assert "coded automatically" in page_of(decided, forms, "new.csv")[0]
    page, verdict = page_of(pipeline, shifted(300), "new.csv")
    assert any(sentence.startswith("Decisions are distributed differently") for sentence in verdict)
    assert "The labels whose shares differ most." in page
