"""What thresholds achieve: at every distinct score of some rows, or at one threshold with intervals.

With prevalence π, of the rows or given, all figures follow from the rates among positives (TPR) and negatives (FPR):
share set aside = π·TPR + (1-π)·FPR, and precision = π·TPR / share.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from libelle.errors import UserError
from libelle.evaluation.decision_rule import DecisionRule, reaches
from libelle.evaluation.intervals import LEVEL, share, wilson
from libelle.evaluation.threshold_request import ThresholdRequest
from libelle.features import Doubles
from libelle.language import decimal, percent
from libelle.language import gettext as _


@dataclass(frozen=True)
class Curve:
    """Counts at every threshold that makes a difference.

    Attributes:
        thresholds: all distinct scores, highest first, float64 [n]; without -inf, the score of rows never set aside.
        tp: positives with a score of at least the threshold, int64 [n].
        fp: negatives with a score of at least the threshold, int64 [n].
        positives: of all rows.
        negatives: of all rows.
        prevalence: share of positives that the figures are for.
    """

    thresholds: Doubles
    tp: npt.NDArray[np.int64]
    fp: npt.NDArray[np.int64]
    positives: int
    negatives: int
    prevalence: float

    @classmethod
    def of(cls, positive: npt.ArrayLike, scores: npt.ArrayLike, prevalence: float | None = None) -> "Curve":
        """Count at all distinct scores.

        Args:
            positive: whether each row is positive, bool [rows].
            scores: [rows]; -inf for a row that no threshold sets aside.
            prevalence: share of positives where the model will be used; by default that of the rows.

        Raises:
            UserError: when a prevalence is given, and one of the two classes has no rows to estimate from.
        """
        positive = np.asarray(positive, dtype=bool)
        thresholds, place = np.unique(-np.asarray(scores, dtype=np.float64), return_inverse=True)
        count = len(thresholds)
        tp = np.bincount(place[positive], minlength=count).cumsum()
        fp = np.bincount(place[~positive], minlength=count).cumsum()
        positives = int(positive.sum())
        if prevalence is not None and positives in (0, len(positive)):
            raise UserError(f"prevalence={prevalence} needs rows of both classes; leave it out.")
        if prevalence is None:
            prevalence = positives / max(len(positive), 1)
        if count and thresholds[-1] == np.inf:
            thresholds, tp, fp = thresholds[:-1], tp[:-1], fp[:-1]
        return cls(-thresholds, tp, fp, positives, len(positive) - positives, prevalence)

    @property
    def weighted(self) -> bool:
        """Whether the prevalence is not that of the rows."""
        return self.prevalence != self.positives / max(self.positives + self.negatives, 1)

    @property
    def recall(self) -> Doubles:
        """Share of the positives that are set aside, float64 [n]."""
        return self.tp / max(self.positives, 1)

    @property
    def share_right(self) -> Doubles:
        """Share of all records that are set aside correctly, float64 [n]."""
        return self.prevalence * self.recall if self.weighted else self.tp / (self.positives + self.negatives)

    @property
    def share(self) -> Doubles:
        """Share of all records that are set aside, float64 [n]."""
        if not self.weighted:
            return (self.tp + self.fp) / (self.positives + self.negatives)
        return self.prevalence * self.recall + (1 - self.prevalence) * self.fp / max(self.negatives, 1)

    @property
    def precision(self) -> Doubles:
        """Share of what is set aside that is positive, float64 [n]."""
        return self.share_right / self.share if self.weighted else self.tp / (self.tp + self.fp)


def figures(
    positive: npt.ArrayLike, scores: npt.ArrayLike, threshold: float, request: ThresholdRequest
) -> dict[str, Any]:
    """What a threshold achieves on some rows: counts, rates, and their 95 % intervals, whatever `confidence` asks for.

    Intervals are Wilson's (Wilson 1927). With another prevalence those of the share and of the precision join the
    bounds of TPR and FPR, each at half the error.

    Args:
        positive: whether each row is positive, bool [rows].
        scores: [rows].
        threshold: a row is set aside where its score reaches it.
        request: gives `prevalence`.
    """
    positive, aside = np.asarray(positive, dtype=bool), reaches(scores, threshold)
    tp, fp = int((positive & aside).sum()), int((~positive & aside).sum())
    fn, tn = int(positive.sum()) - tp, int((~positive).sum()) - fp
    counts = {"rows": len(positive), "tp": tp, "fp": fp, "fn": fn, "tn": tn}
    recall = _estimate(tp, tp + fn)
    pi = request.prevalence
    if pi is None:
        precision, share = _estimate(tp, tp + fp), _estimate(tp + fp, len(positive))
    elif tp + fn == 0 or fp + tn == 0:
        precision = share = _estimate(0, 0)
    else:
        sides = [wilson(tp, tp + fn, (1 + LEVEL) / 2), wilson(fp, fp + tn, (1 + LEVEL) / 2)]
        (t0, t1), (f0, f1) = sides
        t, f = tp / (tp + fn), fp / (fp + tn)
        share = {"value": pi * t + (1 - pi) * f, "low": pi * t0 + (1 - pi) * f0, "high": pi * t1 + (1 - pi) * f1}
        precision = {
            name: pi * right / (pi * right + (1 - pi) * wrong) if right + wrong else None
            for name, right, wrong in (("value", t, f), ("low", t0, f1), ("high", t1, f0))
        }
    return {**counts, "precision": precision, "recall": recall, "share": share}


def _estimate(part: int, whole: int) -> dict[str, float | None]:
    """A share with its interval, as JSON has it: null where there are no rows."""
    return asdict(share(part, whole)) if whole else dict.fromkeys(("value", "low", "high"))


def sentence(test: Mapping[str, Any], rule: DecisionRule) -> str:
    """The figures of the test split in words that fit any data, in the current language."""
    precision, recall, share = (test[name] for name in ("precision", "recall", "share"))
    if share["value"] is None:
        return _("The test split has no rows to judge this threshold by.")
    if precision["value"] is None:
        if rule.is_binary:
            return _("No record of the test split is set aside.")
        return _("No record of the test split is coded automatically.")
    right = f"{_hundred(precision['value'])} ({_hundred(precision['low'])}–{_hundred(precision['high'])})"
    aside = percent(share["value"])
    if not rule.is_binary:
        text = _("Of 100 records coded automatically, {right} are right; {share} of records are coded.")
        return text.format(right=right, share=aside)
    text = _("Of 100 records set aside, {right} are truly label {label}; {share} of records are set aside.")
    if recall["value"] is None:
        return text.format(right=right, label=rule.positive, share=aside)
    text = _(
        "Of 100 records set aside, {right} are truly label {label}; {share} of records are set aside; {recall} of "
        "label {label} are caught."
    )
    return text.format(right=right, label=rule.positive, share=aside, recall=percent(recall["value"], 0))


def _hundred(value: float) -> str:
    return decimal(100 * value, 0)
