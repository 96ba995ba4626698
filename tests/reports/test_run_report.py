"""A run's report: each figure in it against scikit-learn, statsmodels, or a count by hand."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.proportion import proportion_confint

from helpers.scripts import call
from helpers.tiny import make_forms, tiny_plan
from libelle.evaluation.bootstrap import mcnemar, metric_intervals, metrics_of, paired_bootstrap, row_statistics
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.errors_csv import CONFIDENT, CONTRADICTION, LABEL, NEAR, find_errors
from libelle.evaluation.intervals import share
from libelle.evaluation.metrics import evaluate
from libelle.evaluation.reliability import reliability
from libelle.evaluation.slices import MOST_VALUES, OTHERS, slices
from libelle.pipeline import Pipeline
from libelle.reports.run_report import leakage
from libelle.reports.run_sentences import headline
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.training.workflow import full, prepare, train

BINARY = DecisionRule(["0", "1"])


def binary(rows=300, seed=0):
    generator = np.random.default_rng(seed)
    targets = (generator.random(rows) < 0.3).astype(np.int64)
    positive = np.clip(generator.normal(0.3 + 0.3 * targets, 0.2), 0.001, 0.999).round(2).astype(np.float32)
    return targets, np.stack([1 - positive, positive], axis=1)


def many(rows=300, classes=6, seed=0):
    generator = np.random.default_rng(seed)
    targets = generator.integers(classes, size=rows)
    logits = generator.normal(size=(rows, classes)) + 1.5 * np.eye(classes)[targets]
    scores = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return targets, scores.astype(np.float32)


@given(rows=st.integers(1, 10_000), part=st.floats(0, 1))
def test_a_share_has_wilsons_interval(rows, part):
    successes = round(rows * part)
    figure = share(successes, rows)
    low, high = proportion_confint(successes, rows, method="wilson")
    assert (figure.value, figure.low, figure.high) == pytest.approx((successes / rows, low, high), abs=1e-9)


@pytest.mark.parametrize("data", [binary(), many()])
def test_metrics_with_intervals_are_those_of_the_run(data):
    targets, scores = data
    rule = DecisionRule([str(label) for label in range(scores.shape[1])])
    values = evaluate(targets, scores, rule)
    for name, metric in metrics_of(rule).items():
        assert metric(targets, row_statistics(targets, scores, rule)) == pytest.approx(values[name], abs=1e-6), name


def test_intervals_hold_the_value_and_narrow_with_rows():
    small, large = (metric_intervals(*binary(rows), BINARY) for rows in (200, 3200))
    for name, interval in large.items():
        assert interval.low <= interval.value <= interval.high
        # Four times narrower for sixteen times the rows, give or take.
        assert 1.5 < (small[name].high - small[name].low) / (interval.high - interval.low) < 7, name


def test_a_bootstrap_interval_covers_the_truth_about_as_often_as_it_says():
    # Accuracy of independent rows: its truth is known.
    covered = 0
    for seed in range(30):
        generator = np.random.default_rng(seed)
        right = generator.random(200) < 0.8
        targets = generator.integers(3, size=200)
        scores = np.eye(3, dtype=np.float32)[np.where(right, targets, (targets + 1) % 3)]
        interval = metric_intervals(targets, scores, DecisionRule(["0", "1", "2"]), seed=seed)["accuracy"]
        covered += interval.low <= 0.8 <= interval.high
    assert covered >= 27


def test_a_difference_beyond_chance_is_distinguished_from_one_within():
    targets, scores = binary(1000)
    worse = scores.copy()
    worse[::3] = worse[::3, ::-1]
    better = paired_bootstrap(targets, worse, scores, (BINARY, BINARY))["average_precision"]
    assert better.low > 0
    same = paired_bootstrap(targets, scores, scores, (BINARY, BINARY))["average_precision"]
    assert (same.value, same.low, same.high) == (0, 0, 0)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_mcnemar_is_the_exact_test(pairs):
    first, second = (np.array(side) for side in zip(*pairs, strict=True))
    table = [[(first & second).sum(), (first & ~second).sum()], [(~first & second).sum(), (~first & ~second).sum()]]
    assert mcnemar(first, second) == pytest.approx(reference_mcnemar(table, exact=True).pvalue)


def test_reliability_is_scikit_learns_calibration_curve():
    targets, scores = binary(2000)
    bins, _ = reliability(targets, scores, BINARY)
    # Edges belong to the bin above, with scikit-learn to the one below.
    inside = np.minimum(scores[:, 1].astype(np.float64) + 1e-9, 1)
    rates, means = calibration_curve(targets, inside, n_bins=10)
    assert [item.rate.value for item in bins] == pytest.approx(list(rates))
    assert [item.score for item in bins] == pytest.approx(list(means), abs=1e-6)


def test_slices_add_up():
    targets, scores = binary()
    values = pd.Series([f"{row % 20:02}" if row % 7 else None for row in range(len(targets))])
    parts = slices(values, targets, scores, BINARY)
    assert sum(part.rows for part in parts) == len(targets)
    assert len(parts) == MOST_VALUES + 1
    assert parts[0].value == "(missing)"
    assert parts[-1].value == OTHERS
    chosen = values.isna().to_numpy()
    flagged = scores[chosen, 1] >= 0.5
    assert parts[0].precision.value == pytest.approx(sk.precision_score(targets[chosen], flagged))
    assert parts[0].recall.value == pytest.approx(sk.recall_score(targets[chosen], flagged))
    assert parts[0].positives == pytest.approx(targets[chosen].mean())
    right = int((targets[chosen] == flagged).sum())
    assert parts[0].accuracy == share(right, int(chosen.sum()))
    low, high = proportion_confint((flagged & (targets[chosen] == 1)).sum(), flagged.sum(), method="wilson")
    assert (parts[0].precision.low, parts[0].precision.high) == pytest.approx((low, high))
    targets, scores = many()
    parts = slices(values, targets, scores, DecisionRule(["0", "1", "2"]))
    assert sum(part.rows for part in parts) == 300
    assert parts[0].accuracy.value == pytest.approx(sk.accuracy_score(targets[chosen], scores[chosen].argmax(axis=1)))


def workbench():
    rows = pd.DataFrame(
        {
            "id": ["a", "b", "c", "d", "e", "f"],
            "split": ["train", "validation", "validation", "test", "test", "test"],
            "target": ["1", "0", "1", "0", "1", "0"],
            "content": [7, 7, 1, 2, 3, 4],
        }
    )
    positive = np.array([0.95, 0.9, 0.1, 0.8, 0.05], dtype=np.float32)
    scores = np.stack([1 - positive, positive], axis=1)
    return find_errors(rows, np.array([0, 1, 0, 1, 0]), scores, BINARY)


def test_the_error_workbench_says_who_and_why():
    found = workbench()
    ids = found.groupby("kind")["id"].apply(list)
    assert ids[CONFIDENT] == ["b"]
    assert ids[LABEL] == ["b"]
    assert ids[CONTRADICTION] == ["a", "b"]
    assert ids[NEAR] == ["e", "c", "d", "b", "f"]
    first = found[found["kind"] == CONFIDENT].iloc[0]
    assert (first["split"], first["target"], first["decision"]) == ("validation", "0", "1")
    assert first["score"] == pytest.approx(0.95)


def test_leakage_counts_records_that_stand_in_training_too():
    rows = pd.DataFrame(
        {
            "split": ["train", "train", "validation", "test", "test"],
            "content": [1, 2, 2, 1, 3],
            "target": ["0", "1", "1", "1", "0"],
        }
    )
    assert leakage(rows) == {"validation": 1, "test": 1, "contradicting": 2}


def test_the_headline_says_it_in_plain_words():
    targets = np.array([1] * 8 + [0] * 2 + [1] * 2 + [0] * 8)
    positive = np.array([0.9] * 10 + [0.1] * 10, dtype=np.float32)
    sentences = headline(targets, np.stack([1 - positive, positive], axis=1), DecisionRule(["no", "yes"]))
    assert sentences[0] == (
        "Of 100 records set aside as label yes, 80 (49–94) truly are; of 100 records drawn at random, 50 are."
    )
    assert sentences[1] == "50.0 % of records are set aside; of 100 that are label yes, 80 (49–94) are caught."


def stored(run_id, store):
    return Run.open(store, RunId.parse(run_id))


def test_every_run_has_a_page_that_needs_no_other_file(trained):
    store, run_id = trained
    page = stored(run_id, store).read("report.html").decode()
    assert "<svg" in page
    assert not re.search(r"""(src|href)=["']?(https?:)?//|<script|@import|url\(http""", page)
    assert len(page) < 1_000_000
    for words in ("Threshold and workload", "Reliability", "What each field is worth", "employer", run_id):
        assert words in page


def test_texts_stay_out_of_the_run_unless_they_are_asked_for(tmp_path):
    plan = tiny_plan(tmp_path)
    plan.source.slices = ["town"]
    errors = [stored(full(plan).run_id, plan.store).read("errors.csv").decode()]
    assert "soignante" not in errors[0]
    errors.append(stored(full(replace(plan, keep_texts=True)).run_id, plan.store).read("errors.csv").decode())
    assert "soignante" in errors[1]
    assert errors[1].startswith("kind,id,split,target,decision,score,content,text_employer,text_job,text_town")


def test_the_report_from_a_base_is_that_of_a_whole_run(tmp_path):
    plan = tiny_plan(tmp_path)
    plan.source.slices = ["job"]
    whole = stored(full(plan).run_id, plan.store)
    prepare(plan)
    from_base = stored(train(tiny_plan(tmp_path)).run_id, plan.store)

    def without_times(run):
        page = run.read("report.html").decode().replace(str(run.id), "RUN")
        return re.sub(r"training [\d.]+ s, scoring [\d.]+ s|<pre.*?</pre>", "", page, flags=re.DOTALL)

    assert without_times(whole) == without_times(from_base)
    assert OTHERS in without_times(whole)


def test_records_without_any_text_have_a_report(tmp_path):
    forms = make_forms()
    for field in ("employer", "job", "town"):
        forms[field] = None
    forms.to_csv(tmp_path / "forms.csv", index=False)
    plan = tiny_plan(tmp_path)
    run = stored(full(plan).run_id, plan.store)
    assert run.manifest.status == "completed"
    assert run.read("report.html")


def test_what_a_field_is_worth_is_what_blanking_it_costs(tmp_path):
    plan = tiny_plan(tmp_path)
    outcome = full(plan)
    page = stored(outcome.run_id, plan.store).read("report.html").decode()
    assert "employer" in page
    pipeline = Pipeline.load(outcome.run_id, plan.store)
    records = plan.source.read()
    tested = records.splits == "test"
    fields, true = records.fields[tested], pd.Index(records.labels).get_indexer(records.targets[tested])
    rows = np.arange(len(true))
    blanked = fields.assign(job=pd.Series(None, index=fields.index, dtype="str"))
    change = pipeline.predict_proba(fields)[rows, true] - pipeline.predict_proba(blanked)[rows, true]
    from libelle.evaluation.field_worth import worth
    from libelle.training.prepared_data import Prepared

    prepared = Prepared.from_source(plan.source, records, plan.cleaners, plan.process)
    table = worth(prepared.erased, plan.model.predict_proba, prepared.targets, prepared.fields)
    job = table[(table["field"] == "job") & table["word"].isna()].iloc[0]
    assert job["toward"] == pytest.approx(change.mean(), abs=1e-6)
    assert job["records"] == len(true)


def test_values_of_few_records_are_not_shown():
    values = pd.Series(["Lyon"] * 6 + [f"Mme Martin {row}" for row in range(6)])
    parts = slices(values, np.zeros(12, np.int64), np.full((12, 2), 0.5, np.float32), BINARY, fewest=2)
    assert [(part.value, part.rows) for part in parts] == [("Lyon", 6), ("(all others)", 6)]


def test_a_slice_column_that_is_not_there_is_named(tmp_path, tiny_forms):
    answer = call(
        "train.py", "data=csv", f"data.path={tiny_forms()}", "data.target=label", "data.slices=region", cwd=tmp_path
    )
    assert answer.returncode == 2
    assert "'region'" in answer.stderr
    assert "data.slices" in answer.stderr
