"""The report of a run: one self-contained page, `report.html`, for those who must decide whether to trust it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from sklearn.metrics import confusion_matrix

from libelle.data.split import SPLITS, TEST, TRAIN, VALIDATION
from libelle.evaluation.bootstrap import bootstrap
from libelle.evaluation.intervals import Interval, share
from libelle.evaluation.metrics import TOP_K, Metrics
from libelle.evaluation.slices import slices
from libelle.features import Floats, Ints
from libelle.pages.rendering import render

#: Classes up to which a confusion matrix is drawn; of more, the pairs most often confused are listed.
DRAWN_CLASSES, LISTED_PAIRS, LISTED_LABELS = 15, 20, 30


@dataclass(frozen=True)
class Evidence:
    """What a run's report is made of.

    Attributes:
        run_id: the run.
        data: the data's name.
        model: the model's name.
        fields: names of the fields.
        labels: in the order of the score columns.
        rows: one row a record of all splits, see `libelle.preparation.Prepared`.
        targets: of all records, positions of labels, int64 [records].
        scores: split → float32 [rows of the split, classes].
        metrics: split → metric → value.
        threshold: of two classes; None for many.
        about: of the data: rows, labels, shares missing and distinct values by field, fingerprint.
        worth: what fields and words are worth, see `libelle.evaluation.erasure`.
        history: the logger's rows, where Lightning trained.
        seconds: step → how long it took.
        config: as YAML.
        environment: versions, platform, seed, command.
    """

    run_id: str
    data: str
    model: str
    fields: Sequence[str]
    labels: Sequence[str]
    rows: pd.DataFrame
    targets: Ints
    scores: Mapping[str, Floats]
    metrics: Mapping[str, Metrics]
    threshold: float | None
    about: Mapping[str, Any]
    worth: pd.DataFrame
    history: pd.DataFrame | None
    seconds: Mapping[str, float]
    config: str
    environment: Mapping[str, Any]

    def of(self, split: str) -> tuple[Ints, Floats]:
        """Targets and scores of a split."""
        return self.targets[(self.rows["split"] == split).to_numpy()], self.scores[split]


def make_report(evidence: Evidence) -> str:
    """Make the page."""
    # Matplotlib takes half a second to import.
    from libelle.evaluation import figures

    targets, scores = evidence.of(TEST)
    threshold = evidence.threshold
    runs = {split: evidence.of(split) for split in (VALIDATION, TEST) if _has_both(evidence, split)}
    binary = threshold is not None
    both = binary and bool(runs)
    decisions = scores.argmax(1) if threshold is None else (scores[:, 1].astype(np.float64) >= threshold).astype(int)
    counts = confusion_matrix(targets, decisions, labels=np.arange(len(evidence.labels)))
    whole = evidence.worth[evidence.worth["word"].isna()]
    few = len(evidence.labels) <= DRAWN_CLASSES
    return render(
        "evaluation/report.html.j2",
        title=f"Run {evidence.run_id}: {evidence.model} on {evidence.data}",
        evidence=evidence,
        splits=SPLITS,
        headline=headline(targets, scores, evidence.labels, threshold),
        top_k=min(TOP_K, len(evidence.labels) - 1),
        intervals=bootstrap(targets, scores, threshold or 0.5) if len(targets) else {},
        leakage=leakage(evidence.rows),
        slices=_slices(evidence, targets, scores),
        history=figures.history(evidence.history) if evidence.history is not None else Markup(),
        ranking=figures.ranking(runs) if both else Markup(),
        thresholds=figures.thresholds({TEST: runs[TEST]}, threshold) if both and TEST in runs else Markup(),
        coding=figures.coding(runs) if runs and not binary else Markup(),
        calibration=figures.calibration(runs) if runs else Markup(),
        confusion=figures.confusion(counts, evidence.labels) if few else Markup(),
        pairs=_confused(counts, evidence.labels),
        label_table=_label_table(evidence),
        worth=figures.field_worth(whole) if len(whole) else Markup(),
        words=_words(evidence),
    )


def headline(targets: Ints, scores: Floats, labels: Sequence[str], threshold: float | None) -> list[str]:
    """What the run does on test records, in sentences with 95 % intervals."""
    rows = len(targets)
    if not rows:
        return ["There are no test records, so nothing can be said of records that the model has not seen."]
    if threshold is None:
        right = share(int((scores.argmax(1) == targets).sum()), rows)
        k = min(TOP_K, len(labels) - 1)
        first = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        among = share(int((first == targets[:, None]).any(axis=1).sum()), rows)
        return [
            f"Of 100 records, {_of_100(right)} get the right one of {len(labels)} labels; "
            f"of {_of_100(among)} the right one is among the {k} best."
        ]
    flagged = scores[:, 1].astype(np.float64) >= threshold
    positives = targets == 1
    label = labels[1]
    if not flagged.any():
        return [f"With threshold {threshold:g} no test record is flagged as {label}."]
    precision = share(int((flagged & positives).sum()), int(flagged.sum()))
    recall = share(int((flagged & positives).sum()), int(positives.sum()))
    return [
        f"Of 100 records flagged as {label}, {_of_100(precision)} truly are.",
        f"{flagged.mean():.1%} of records are flagged; of 100 that are {label}, {_of_100(recall)} are caught.",
        f"A record is flagged from a score of {threshold:g} on.",
    ]


def _of_100(figure: Interval) -> str:
    if np.isnan(figure.value):
        return "an unknown number"
    return f"{figure.value * 100:.0f} ({figure.low * 100:.0f}–{figure.high * 100:.0f})"


def leakage(rows: pd.DataFrame) -> dict[str, int]:
    """How many records of a split have the cleaned texts of a training record, by split; and contradicting ones.

    Returns:
        `validation`, `test`: records whose texts stand among the training rows too; `contradicting`: records of any
        split whose texts bear several labels.
    """
    seen = set(rows["content"][rows["split"] == TRAIN])
    repeated = {split: int(rows["content"][rows["split"] == split].isin(seen).sum()) for split in (VALIDATION, TEST)}
    labels = rows.groupby("content")["target"].transform("nunique")
    return {**repeated, "contradicting": int((labels > 1).sum())}


def _has_both(evidence: Evidence, split: str) -> bool:
    targets, _ = evidence.of(split)
    return len(np.unique(targets)) > 1


def _slices(evidence: Evidence, targets: Ints, scores: Floats) -> dict[str, Any]:
    test = evidence.rows[evidence.rows["split"] == TEST]
    columns = {"missing fields": "missing"}
    columns |= {str(name).removeprefix("slice_"): str(name) for name in test if str(name).startswith("slice_")}
    return {title: slices(test[name], targets, scores, evidence.threshold) for title, name in columns.items()}


def _confused(counts: np.ndarray, labels: Sequence[str]) -> list[dict[str, Any]]:
    """The pairs most often confused, of many classes."""
    if len(labels) <= 2:
        return []
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:LISTED_PAIRS]
    pairs = [np.unravel_index(place, wrong.shape) for place in order]
    return [
        {"true": labels[row], "decision": labels[column], "rows": int(wrong[row, column]), "of": int(counts[row].sum())}
        for row, column in pairs
        if wrong[row, column]
    ]


def _label_table(evidence: Evidence) -> list[dict[str, Any]]:
    """Rows of each label by split, and how well it is found in the test rows, the most frequent labels first."""
    rows = {split: evidence.about["label_rows"][split] for split in SPLITS}
    found = evidence.metrics[TEST].get("classes", {})
    ordered = sorted(evidence.labels, key=lambda label: -rows[TRAIN].get(label, 0))
    return [
        {"label": label, **{split: rows[split].get(label, 0) for split in SPLITS}, **_quality(found.get(label, {}))}
        for label in ordered[:LISTED_LABELS]
    ]


def _quality(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: found.get(name) for name in ("precision", "recall", "f1")}


def _words(evidence: Evidence) -> dict[str, list[dict[str, Any]]]:
    """For each field its words that move scores most."""
    known = evidence.worth[evidence.worth["word"].notna()]
    tables = {name: known[known["field"] == name].head(10).to_dict(orient="records") for name in evidence.fields}
    return {name: [{str(k): v for k, v in row.items()} for row in table] for name, table in tables.items() if table}
