"""What the figures and tables of a run's report show, against scikit-learn or counts by hand."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from helpers.tiny import make_forms, tiny_plan
from libelle.data.split import SPLITS, TEST, TRAIN, VALIDATION
from libelle.evaluation.automatic_coding import by_accuracy, surest_half
from libelle.evaluation.bootstrap import bootstrap
from libelle.evaluation.calibration import Isotonic
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.field_worth import BATCH, erase, worth
from libelle.evaluation.intervals import share
from libelle.evaluation.label_results import (
    confused,
    label_sentence,
    label_table,
    training_bands,
)
from libelle.features import Features
from libelle.pipeline import Pipeline
from libelle.reports import figures
from libelle.reports.run_report import headline
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.training.prepared_data import Prepared
from libelle.training.workflow import full

THREE = DecisionRule(["a", "b", "c"])


def sample(classes, rows=400, seed=0):
    """Targets, and scores that are right more often than not, some of them equal."""
    generator = np.random.default_rng(seed)
    targets = generator.integers(classes, size=rows)
    logits = generator.normal(size=(rows, classes)) + 1.5 * np.eye(classes)[targets]
    scores = np.exp(logits.round(1))
    return targets, (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def drawn(monkeypatch):
    """Figures as matplotlib's objects instead of SVG."""
    monkeypatch.setattr(figures, "svg", lambda figure, _: figure)
    return figures


def lines(axes):
    return {line.get_label(): np.array(line.get_xydata()) for line in axes.lines}


def test_ranking_curves_are_scikit_learns(drawn):
    targets, scores = sample(2)
    left, right = drawn.ranking({"test": (targets, scores)}).axes
    precision, recall, _ = sk.precision_recall_curve(targets, scores[:, 1])
    np.testing.assert_allclose(lines(left)["test"], np.stack([recall, precision], axis=1))
    assert lines(left)["flagging at random"][0, 1] == targets.mean()
    false, true, _ = sk.roc_curve(targets, scores[:, 1])
    np.testing.assert_allclose(lines(right)["test"], np.stack([false, true], axis=1))


def test_threshold_and_workload_curves_are_those_of_each_threshold(drawn):
    targets, scores = sample(2)
    left, right = drawn.thresholds({"test": (targets, scores)}, 0.5).axes
    for threshold, precision in lines(left)["precision"]:
        flagged = scores[:, 1] >= threshold
        assert precision == pytest.approx(sk.precision_score(targets, flagged))
    for threshold, recall in lines(left)["recall"]:
        assert recall == pytest.approx(sk.recall_score(targets, scores[:, 1] >= threshold))
    shares = [np.mean(scores[:, 1] >= threshold) for threshold, _ in lines(left)["precision"]]
    np.testing.assert_allclose(lines(right)["flagged rightly"][:, 0], shares)
    np.testing.assert_allclose(lines(right)["flagged rightly"][:, 1], lines(left)["precision"][:, 1])
    np.testing.assert_allclose(lines(right)["caught"][:, 1], lines(left)["recall"][:, 1])
    assert lines(left)["threshold 0.5"][0, 0] == 0.5


def test_automatic_coding_is_accuracy_on_the_share_that_is_coded(drawn):
    targets, scores = sample(5)
    left, right = drawn.coding({"test": (targets, scores)}).axes
    decisions, surest = scores.argmax(axis=1), scores.max(axis=1)
    accuracies, shares = (np.array(line.get_xydata()) for line in right.lines)
    for threshold, accuracy in accuracies:
        coded = surest >= threshold
        assert accuracy == pytest.approx(sk.accuracy_score(targets[coded], decisions[coded]))
    for threshold, part in shares:
        assert part == pytest.approx(np.mean(surest >= threshold))
    np.testing.assert_allclose(lines(left)["test"], np.stack([shares[:, 1], accuracies[:, 1]], axis=1))


def test_the_table_of_automatic_coding_takes_thresholds_from_validation_rows():
    validation, test = sample(5, seed=1), sample(5, seed=2)
    right = validation[1].argmax(axis=1) == validation[0]
    for row in by_accuracy(validation, test, THREE):
        reached = [
            value
            for value in np.unique(validation[1].max(axis=1))
            if right[validation[1].max(axis=1) >= value].mean() >= row["accuracy_wanted"]
        ]
        assert row["threshold"] == min(reached)
        coded = test[1].max(axis=1) >= row["threshold"]
        found = (test[1].argmax(axis=1) == test[0])[coded]
        assert row["share"] == share(int(coded.sum()), len(coded))
        assert row["accuracy"] == share(int(found.sum()), len(found))
    wrong = (validation[0] + 1) % 5, np.eye(5, dtype=np.float32)[validation[0]]
    assert by_accuracy(wrong, test, THREE)[0]["threshold"] is None


@pytest.mark.parametrize("classes", [2, 4])
def test_reliability_is_drawn_before_and_after_calibration(drawn, classes):
    before = {"validation": sample(classes, 2000, seed=1), "test": sample(classes, 2000, seed=2)}
    fitted = Isotonic().fit(before["validation"][1], before["validation"][0])
    after = {name: (targets, fitted.transform(scores)) for name, (targets, scores) in before.items()}
    panels = drawn.calibration(after, before).axes
    assert [axes.get_title(loc="left") for axes in panels[:2]] == ["before calibration", "after calibration"]
    for axes, below, runs in zip(panels[:2], panels[2:], (before, after), strict=True):
        bars = {container.get_label(): container for container in axes.containers}
        for (name, (targets, scores)), counted in zip(runs.items(), below.patches, strict=True):
            happened = targets == 1 if classes == 2 else scores.argmax(axis=1) == targets
            told = scores[:, 1] if classes == 2 else scores.max(axis=1)
            # Edges belong to the bin above, with scikit-learn to the one below.
            rates, means = calibration_curve(happened, np.minimum(told.astype(float) + 1e-9, 1), n_bins=10)
            line, _, (whiskers,) = bars[name]
            np.testing.assert_allclose(line.get_xydata(), np.stack([means, rates], axis=1), atol=1e-6)
            places = np.minimum((told.astype(float) * 10).astype(int), 9)
            for place, whisker in zip(np.unique(places), whiskers.get_segments(), strict=True):
                inside = happened[places == place]
                interval = share(int(inside.sum()), len(inside))
                assert whisker[:, 1] == pytest.approx([interval.low, interval.high])
            heights = counted.get_xy()[:, 1].max()
            assert heights == np.histogram(told, bins=40, range=(0, 1))[0].max()


def page_of(run):
    return run.read("report.html").decode()


def table_row(page, name):
    """The cells of a table's row, of the last table that has such a row."""
    found = re.findall(rf"<tr><td[^>]*>{re.escape(name)}</td>(.*?)</tr>", page)
    return re.findall(r"<td[^>]*>(.*?)</td>", found[-1])


@pytest.mark.parametrize("classes", [2, 3])
def test_the_page_tells_log_loss_brier_and_calibration_error_before_and_after(tmp_path, classes):
    forms = make_forms(400)
    if classes == 3:
        forms["label"] = np.where(forms["job"].isin(["infirmière", "médecin"]), "2", forms["label"])
    forms.to_csv(tmp_path / "forms.csv", index=False)
    plan = tiny_plan(tmp_path, calibration=Isotonic())
    run = Run.open(plan.store, RunId.parse(full(plan).run_id))
    page = page_of(run)
    pipeline = Pipeline.load(str(run.id), plan.store)
    forms = forms.set_index("form")
    splits = pd.read_parquet(plan.store.local_path(run.key("split.parquet"))).set_index("id")["split"]
    expected = {name: [] for name in ("log_loss", "brier", "expected_calibration_error")}
    for split in (VALIDATION, TEST):
        part = forms.loc[splits.index[splits == split]]
        targets = part["label"].map({label: place for place, label in enumerate(pipeline.labels)}).to_numpy()
        for stage in (replace(pipeline, calibration=None), pipeline):
            scores = stage.score(part[pipeline.fields]).astype(float)
            scores /= 1 if classes == 2 else scores.sum(axis=1, keepdims=True)
            told = scores[:, 1] if classes == 2 else scores.max(axis=1)
            positive = told if classes == 2 else scores
            expected["log_loss"].append(sk.log_loss(targets, positive, labels=range(classes)))
            brier = ((scores - np.eye(classes)[targets]) ** 2).sum(axis=1).mean()
            expected["brier"].append(sk.brier_score_loss(targets, scores[:, 1]) if classes == 2 else brier)
            happened = targets == 1 if classes == 2 else scores.argmax(axis=1) == targets
            error = happened[told == 0].sum() / len(told)
            for place in range(15):
                inside = (told > place / 15) & (told <= (place + 1) / 15)
                error += abs(happened[inside].sum() - told[inside].sum()) / len(told)
            expected["expected_calibration_error"].append(error)
    for name, values in expected.items():
        assert [float(cell) for cell in table_row(page, name)] == pytest.approx(values, abs=2e-4), name
    before, after = expected["log_loss"][2:]
    assert f"calibration takes the log loss from {before:.4f} to {after:.4f}" in page
    assert ("which is worse" in page) == (after > before)
    assert "before and after calibration" in page
    plan = tiny_plan(tmp_path)
    assert "before and after" not in page_of(Run.open(plan.store, RunId.parse(full(plan).run_id)))


def test_the_bootstrap_is_scipys():
    targets, scores = sample(2, 300)
    right = (scores[:, 1] >= 0.5) == targets
    found = bootstrap(targets, scores, DecisionRule(["0", "1"]))["accuracy"]
    expected = stats.bootstrap((right,), np.mean, n_resamples=5000, method="percentile", rng=1).confidence_interval
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=0.01)


def test_confusion_is_scikit_learns(drawn):
    targets, scores = sample(4)
    counts = sk.confusion_matrix(targets, scores.argmax(axis=1))
    (axes,) = drawn.confusion(counts, list("abcd")).axes
    shown = {text.get_position(): int(text.get_text() or 0) for text in axes.texts}
    assert shown == {(column, row): counts[row, column] for row, column in np.ndindex(4, 4)}


def test_confused_pairs_by_hand():
    counts = np.array([[5, 3, 0], [1, 4, 2], [0, 1, 9]])
    pairs, wrong = confused(counts, ["a", "b", "c"])
    assert [tuple(pair.values()) for pair in pairs] == [("a", "b", 3, 8), ("b", "c", 2, 7)]
    assert wrong == 7
    assert [pair["rows"] for pair in confused(np.array([[1, 1], [0, 2]]), ["a", "b"])[0]] == [1]
    assert confused(np.diag([2, 3]), ["a", "b"]) == ([], 0)


def test_results_by_label_are_scikit_learns():
    targets, scores = sample(5)
    targets, decisions = targets % 4, scores.argmax(axis=1)  # the last label has no test record
    counts = sk.confusion_matrix(targets, decisions, labels=range(5))
    rows = {split: {label: number + 1 for number, label in enumerate("abcde")} for split in SPLITS}
    table = {row["label"]: row for row in label_table("abcde", rows, counts)}
    assert list(table) == list("edcba")
    found = sk.precision_recall_fscore_support(targets, decisions, labels=range(5), zero_division=0)
    for place, label in enumerate("abcd"):
        assert [table[label][name] for name in ("precision", "recall", "f1")] == pytest.approx(
            [values[place] for values in found[:3]]
        )
        assert table[label][TRAIN] == place + 1
    assert table["e"]["recall"] is None
    assert table["e"]["f1"] is None


def test_labels_that_are_never_found_are_counted():
    counts = np.array([[3, 0, 0, 0], [1, 0, 0, 0], [2, 0, 0, 0], [0, 0, 0, 0]])
    sentence = "Of 4 labels, 3 have test records; 2 of these are never found"
    assert label_sentence(counts, np.array([9, 9, 0, 0])) == f"{sentence}, 1 for want of any training record."
    assert label_sentence(counts, np.array([9, 9, 1, 0])) == f"{sentence}."


def test_labels_are_told_apart_by_their_training_records():
    bands = training_bands(np.array([0, 1, 2, 3, 4, 4]), np.array([0, 1, 9, 10, 1000]))
    assert list(bands) == ["none", "1 to 9", "1 to 9", "10 to 99", "1,000 or more", "1,000 or more"]


def test_the_headline_of_many_classes_by_hand():
    targets = np.array([0] * 6 + [1] * 4)
    scores = np.tile(np.array([[0.5, 0.3, 0.2]], dtype=np.float32), (10, 1))
    scores[:2] = [0.9, 0.06, 0.04]
    scores[2:5] = [0.1, 0.8, 0.1]
    sentences = headline(targets, scores, DecisionRule(["a", "b", "c"]))
    # Three of six a are right, and none of four b; the surest five are the first five, two of them right.
    assert sentences[0] == (
        "Of 100 records, 30 (11–60) get the right one of 3 labels; giving all of them label a would be right for 60."
    )
    assert sentences[1] == "For 100 (72–100) of 100, the right label is among the 2 with the best scores."
    assert sentences[2] == "Of the half with the highest scores, 40 (12–77) of 100 are right."
    assert surest_half(targets, scores, THREE) == share(2, 5)


def test_curves_by_epoch_are_the_loggers(drawn):
    epochs = pd.DataFrame(
        {"epoch": [0, 0, 1, 1], "train_loss": [0.5, None, 0.3, None], "validation_loss": [None, 0.6, None, 0.4],
         "validation_accuracy": [None, 0.7, None, 0.8]}
    )  # fmt: skip
    left, right = drawn.history(epochs).axes
    assert lines(left)["train loss"].tolist() == [[1, 0.5], [2, 0.3]]
    assert lines(left)["validation loss"].tolist() == [[1, 0.6], [2, 0.4]]
    assert lines(right)["validation accuracy"].tolist() == [[1, 0.7], [2, 0.8]]


class Lengths:
    """A process that knows how many letters each field has."""

    def transform(self, table):
        return Features(len(table), matrix={name: text.str.len().fillna(0).to_numpy() for name, text in table.items()})


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
    found = worth(erase(cleaned, np.arange(rows), Lengths(), 1), score, targets, ["a", "b"])
    table = found.set_index(["field", found["word"].fillna("")])
    # Without field a, label 1 loses 0.07 on five rows and 0.03 on the others; label 0 of the first row gains.
    whole = table.loc["a", ""]
    assert whole["toward"] == pytest.approx((-0.07 + 5 * 0.07 + (rows - 6) * 0.03) / rows)
    assert whole["size"] == pytest.approx((6 * 0.07 + (rows - 6) * 0.03) / rows)
    assert whole["records"] == rows
    assert table.loc[("b", ""), "records"] == rows - 1
    # "le pain" without "pain" is "le", five letters less.
    assert table.loc[("a", "pain"), "toward"] == pytest.approx((-0.05 + 5 * 0.05) / 6)
    assert table.loc[("a", "vin"), "records"] == 20
    (axes,) = drawn.field_worth(found[found["word"].isna()]).axes
    widths = dict(
        zip(
            [text.get_text() for text in axes.get_yticklabels()], [bar.get_width() for bar in axes.patches], strict=True
        )
    )
    assert widths == {name: table.loc[name, ""]["toward"] for name in ("a", "b")}


def test_a_large_test_split_is_sampled_and_the_page_says_so(tmp_path, monkeypatch):
    plan = tiny_plan(tmp_path)
    page = page_of(Run.open(plan.store, RunId.parse(full(plan).run_id)))
    assert "all 18 test records are scored again" in page
    monkeypatch.setattr("libelle.evaluation.field_worth.MOST_BLANKED", 30)
    plan = tiny_plan(tmp_path)
    page = page_of(Run.open(plan.store, RunId.parse(full(plan).run_id)))
    assert "a sample of 10 of the 18 test records is scored again" in page


def test_what_the_page_says_of_the_data_by_hand(tmp_path):
    plan = tiny_plan(tmp_path)
    records = plan.source.read()
    about = Prepared.from_source(plan.source, records, plan.cleaners, plan.process).about
    page = page_of(Run.open(plan.store, RunId.parse(full(plan).run_id)))
    forms = make_forms()
    assert about["missing"]["town"] == pytest.approx(forms["town"].isna().mean())
    assert about["distinct"]["town"] == forms["town"].nunique()
    splits = pd.Series(records.splits).to_numpy()
    for label in ("0", "1"):
        expected = [int(((forms["label"] == label) & (splits == split)).sum()) for split in SPLITS]
        assert [about["label_rows"][split][label] for split in SPLITS] == expected
        assert [int(cell) for cell in table_row(page, label)] == expected
    missing, distinct = table_row(page, "town")[:2]
    assert missing == f"{forms['town'].isna().mean() * 100:.1f} %"
    assert int(distinct) == forms["town"].nunique()
