"""The report of a run: one self-contained page, `report.html`, for those who must decide whether to trust it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from sklearn.metrics import confusion_matrix

from libelle.data.check.findings import sentences, summary
from libelle.data.frequent import FEWEST_RECORDS
from libelle.data.split import SPLITS, TEST, TRAIN, VALIDATION
from libelle.evaluation import automatic_coding
from libelle.evaluation.bootstrap import metric_intervals, metrics_of, resamples
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.field_worth import OCCURRENCES, is_word
from libelle.evaluation.label_results import confused, label_sentence, label_table, training_bands
from libelle.evaluation.metrics import Metrics
from libelle.evaluation.reliability import FEWEST_RECORDS as FEWEST_IN_BIN
from libelle.evaluation.repeated import repeated_in_training
from libelle.evaluation.slices import Slice, slices
from libelle.features import Doubles, Floats, Ints
from libelle.language import ENGLISH, decimal, speaking
from libelle.language import gettext as _
from libelle.reports import figures
from libelle.reports.names import split_name
from libelle.reports.page import render
from libelle.reports.repeated import without_repeated
from libelle.reports.run_sentences import headline, leakage_sentences, run_title
from libelle.reports.threshold_sentences import choice_sentences
from libelle.stores.base import Store
from libelle.stores.outbox import command_line

#: A confusion matrix is drawn for at most this many labels; for more, the pairs most often confused are listed.
DRAWN_CLASSES = 15

#: The metrics that calibration is about.
CALIBRATED = ("log_loss", "brier", "expected_calibration_error")


@dataclass(frozen=True)
class Uncalibrated:
    """What the model's own scores are, before calibration.

    Attributes:
        scores: split → float32 [rows of the split, classes].
        metrics: split → metric → value.
    """

    scores: Mapping[str, Floats]
    metrics: Mapping[str, Metrics]


@dataclass(frozen=True)
class Evidence:
    """What a run's report is made of.

    Attributes:
        run_id: the run.
        store: where it is kept, for the command that the page proposes.
        data: the data's name.
        model: the model's name.
        fields: names of the fields.
        rule: the decision rule.
        rows: one row per record of all splits, see `libelle.training.prepared_data.Prepared`.
        targets: of all records, positions of labels, int64 [records].
        scores: split → float32 [rows of the split, classes].
        metrics: split → metric → value.
        about: the data: rows, labels, shares missing and distinct values by field, fingerprint.
        worth: what fields and words are worth, see `libelle.evaluation.field_worth`.
        worth_records: test records that this was measured on.
        history: the logger's rows, where Lightning trained.
        seconds: step → how long it took.
        config: as YAML.
        environment: versions, platform, seed, command.
        uncalibrated: scores before calibration; None without calibration.
        titles: label → title, of those that have one.
        choice: of the threshold, see `libelle.evaluation.threshold.decide`; None where none was made yet.
        language: of the page.
    """

    run_id: str
    store: Store
    data: str
    model: str
    fields: Sequence[str]
    rule: DecisionRule
    rows: pd.DataFrame
    targets: Ints
    scores: Mapping[str, Floats]
    metrics: Mapping[str, Metrics]
    about: Mapping[str, Any]
    worth: pd.DataFrame
    worth_records: int
    history: pd.DataFrame | None
    seconds: Mapping[str, float]
    config: str
    environment: Mapping[str, Any]
    uncalibrated: Uncalibrated | None = None
    titles: Mapping[str, str] = field(default_factory=dict)
    choice: Mapping[str, Any] | None = None
    language: str = ENGLISH

    @property
    def trained(self) -> Ints:
        """Training records of each label, int64 [labels]."""
        return np.bincount(self.targets[(self.rows["split"] == TRAIN).to_numpy()], minlength=len(self.rule.labels))

    def of(self, split: str) -> tuple[Ints, Floats]:
        """Targets and scores of a split."""
        return self.targets[(self.rows["split"] == split).to_numpy()], self.scores[split]

    def weights(self, split: str) -> Doubles | None:
        """How many units each row of a split stands for, float64; None where all count the same."""
        if "weight" not in self.rows:
            return None
        return self.rows["weight"][self.rows["split"] == split].to_numpy(dtype=np.float64)


def make_report(evidence: Evidence) -> str:
    """Make the page."""
    with speaking(evidence.language):
        return _page(evidence)


def _page(evidence: Evidence) -> str:
    targets, scores = evidence.of(TEST)
    rule = evidence.rule
    runs = {split_name(split): evidence.of(split) for split in (VALIDATION, TEST) if _has_both(evidence, split)}
    test, both = runs.get(split_name(TEST)), list(runs.values())
    curves = rule.is_binary and bool(runs)
    counts = confusion_matrix(targets, rule.decide(scores), labels=np.arange(len(rule.labels)))
    whole = evidence.worth[evidence.worth["word"].isna()]
    few = len(rule.labels) <= DRAWN_CLASSES
    before = evidence.uncalibrated
    raw = None
    if before is not None:
        raw = {split_name(split): (evidence.of(split)[0], before.scores[split]) for split in (VALIDATION, TEST)}
        raw = {name: raw[name] for name in runs}
    wish = "precision=0.8" if rule.is_binary else "accuracy=0.95"
    pairs, wrong = ([], 0) if rule.is_binary else confused(counts, rule.labels)
    return render(
        "reports/run_report.html.j2",
        title=run_title(evidence.run_id, evidence.model, evidence.data, rule),
        evidence=evidence,
        splits=[split for split in SPLITS if evidence.metrics[split]["rows"]],
        headline=headline(targets, scores, rule.titled(evidence.titles)),
        choice=_choice(evidence),
        choosing=command_line(evidence.store, "threshold", f"run_id={evidence.run_id}", wish),
        metrics=list(metrics_of(rule)),
        intervals=metric_intervals(targets, scores, rule, weights=evidence.weights(TEST)) if len(targets) else {},
        resamples=resamples(len(targets)),
        leakage=leakage_sentences(leakage(evidence.rows)),
        without_repeated=without_repeated(evidence.metrics[TEST]),
        taken=summary(evidence.about["check"]) if "check" in evidence.about else [],
        found=sentences(evidence.about["check"]) if "check" in evidence.about else [],
        slices=_slices(evidence, targets, scores) if len(targets) else {},
        history=figures.history(evidence.history) if evidence.history is not None else Markup(),
        ranking=figures.ranking(runs) if curves else Markup(),
        thresholds=figures.thresholds({_("test"): test}, rule.threshold) if curves and test else Markup(),
        coding=figures.automatic_coding(runs, rule) if runs and not rule.is_binary else Markup(),
        automatic=[] if rule.is_binary or len(both) < 2 else automatic_coding.by_accuracy(both[0], both[1], rule),
        calibration=figures.calibration(runs, rule, raw) if runs else Markup(),
        calibrated=calibrated(evidence),
        fewest_in_bin=FEWEST_IN_BIN,
        confusion=figures.confusion(counts, rule.labels) if few and len(targets) else Markup(),
        pairs=pairs,
        wrong=wrong,
        labels_found="" if rule.is_binary else label_sentence(counts, evidence.trained),
        label_table=label_table(rule.labels, evidence.about["label_rows"], counts),
        worth=figures.field_worth(whole) if len(whole) else Markup(),
        words=_words(evidence),
        occurrences=OCCURRENCES,
        fewest_records=FEWEST_RECORDS,
    )


def _choice(evidence: Evidence) -> list[str]:
    if evidence.choice is None:
        return []
    return choice_sentences(evidence.choice, evidence.rule.titled(evidence.titles), evidence.run_id)


def calibrated(evidence: Evidence) -> dict[str, Any] | None:
    """What calibration has changed: a table and a sentence about the test records; None without calibration.

    Returns:
        `rows`: metric → split → values before and after; `sentence`.
    """
    before = evidence.uncalibrated
    if before is None:
        return None
    rows = {
        name: {split: (before.metrics[split][name], evidence.metrics[split][name]) for split in (VALIDATION, TEST)}
        for name in CALIBRATED
    }
    old, new = rows["log_loss"][TEST]
    if not evidence.metrics[TEST]["rows"] or old is None or new is None:
        return {"rows": rows, "sentence": ""}
    if round(new, 4) > round(old, 4):
        sentence = _(
            "On test records, calibration takes the log loss from {old} to {new}, which is worse: the model's own "
            "scores (calibration=none) or another method may be better."
        )
    else:
        sentence = _("On test records, calibration takes the log loss from {old} to {new}.")
    return {"rows": rows, "sentence": sentence.format(old=decimal(old), new=decimal(new))}


def leakage(rows: pd.DataFrame) -> dict[str, int]:
    """How many records of a split have the cleaned texts of a training record, by split; and contradicting ones.

    Returns:
        `validation`, `test`: records whose texts are also among the training rows; `contradicting`: records of any
        split whose texts have several labels.
    """
    repeated = {split: int(repeated_in_training(rows, split).sum()) for split in (VALIDATION, TEST)}
    labels = rows.groupby("content")["target"].transform("nunique")
    return {**repeated, "contradicting": int((labels > 1).sum())}


def _has_both(evidence: Evidence, split: str) -> bool:
    targets, _ = evidence.of(split)
    return len(np.unique(targets)) > 1


def _slices(evidence: Evidence, targets: Ints, scores: Floats) -> dict[str, list[Slice]]:
    test = evidence.rows[evidence.rows["split"] == TEST]
    found = {_("missing fields"): slices(test["missing"], targets, scores, evidence.rule)}
    for name in (str(name) for name in test if str(name).startswith("slice_")):
        # A value of the source may be the text of one record.
        found[name.removeprefix("slice_")] = slices(test[name], targets, scores, evidence.rule, fewest=FEWEST_RECORDS)
    if not evidence.rule.is_binary:
        bands = training_bands(targets, evidence.trained)
        values = np.select([rows for _name, rows in bands], [name for name, _rows in bands], "")
        parts = {part.value: part for part in slices(pd.Series(values), targets, scores, evidence.rule)}
        found[_("training records of the true label")] = [parts[name] for name, _rows in bands]
    return found


def _words(evidence: Evidence) -> dict[str, list[dict[str, Any]]]:
    """For each field the words that move scores most."""
    words = evidence.worth["word"].map(lambda word: isinstance(word, str) and is_word(word))
    known = evidence.worth[words.astype(bool)]  # of no rows, pandas takes the type from nothing
    tables = {name: known[known["field"] == name].head(10).to_dict(orient="records") for name in evidence.fields}
    return {name: [{str(k): v for k, v in row.items()} for row in table] for name, table in tables.items() if table}
