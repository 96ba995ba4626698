"""What is counted of the records that are scored, to be compared with the training data."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from libelle.data.columns import Columns
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.drift_reference import FieldCounts, Reference, count_fields
from libelle.features import Floats

#: Bins of equal width that scores are drawn in.
DRAWN_BINS = 40
#: What `Seen` counts: one number each, and histograms.
_NUMBERS, _HISTOGRAMS = ("rows", "aside", "learnt"), ("bins", "drawn", "decisions")

Counts = npt.NDArray[np.int64]


class Seen:
    """Counts of the records that are scored, chunk by chunk; nothing of a record is kept.

    Attributes:
        rule: the decision rule.
        reference: the training side.
        rows: records so far.
        fields: field → counts.
        aside: records that are set aside (multiclass: coded automatically); 0 without a threshold.
        learnt: records that find their bit among the training records; 0 where these are not known.
        bins: records by decile of the reference's scores, int64.
        drawn: records by score, in `DRAWN_BINS` bins of equal width.
        decisions: records by decision, int64 [labels].
        values: field that is not text → records by the bins of the reference, int64.
    """

    def __init__(self, rule: DecisionRule, reference: Reference) -> None:
        self.rule, self.reference = rule, reference
        self.edges = np.unique(np.quantile(reference.scores, np.arange(1, 10) / 10)) if reference.rows else np.empty(0)
        self.rows = self.aside = self.learnt = 0
        self.fields = dict.fromkeys(reference.fields, FieldCounts())
        self.bins: Counts = np.zeros(len(self.edges) + 1, dtype=np.int64)
        self.drawn: Counts = np.zeros(DRAWN_BINS, dtype=np.int64)
        self.decisions: Counts = np.zeros(len(rule.labels), dtype=np.int64)
        self.values = {name: np.zeros(len(bins.counts), np.int64) for name, bins in reference.values.items()}

    def add_texts(self, cleaned: Columns) -> None:
        """Count the cleaned texts of a chunk."""
        for name, counts in count_fields(cleaned, self.reference.known).items():
            self.fields[name] += counts
        for name, bins in self.reference.values.items():
            self.values[name] += bins.count(cleaned[name], cleaned[name].index)
        if self.reference.learnt is not None:
            self.learnt += self.reference.learnt.count({name: cleaned[name] for name in self.reference.fields})

    def add_scores(self, scores: Floats) -> None:
        """Count the scores of a chunk, float32 [rows, classes]."""
        decisions, decisive = self.rule.decide(scores), self.rule.decisive(scores)
        self.rows += len(scores)
        aside = self.rule.set_aside(decisions, decisive)
        self.aside += 0 if aside is None else int(aside.sum())
        self.bins += histogram(decisive, self.edges)
        self.drawn += np.histogram(decisive, bins=DRAWN_BINS, range=(0, 1))[0]
        self.decisions += np.bincount(decisions, minlength=len(self.decisions))

    def to_json(self) -> dict[str, Any]:
        """The counts alone, as JSON values."""
        return {
            **{name: int(getattr(self, name)) for name in _NUMBERS},
            **{name: getattr(self, name).tolist() for name in _HISTOGRAMS},
            "fields": {name: vars(counts) for name, counts in self.fields.items()},
            "values": {name: counts.tolist() for name, counts in self.values.items()},
        }

    def add_counts(self, counts: Mapping[str, Any]) -> None:
        """Add what `to_json` gave for other records."""
        for name in _NUMBERS:
            setattr(self, name, getattr(self, name) + counts[name])
        for name in _HISTOGRAMS:
            getattr(self, name)[:] += counts[name]
        for name in self.fields:
            self.fields[name] += FieldCounts(**counts["fields"][name])
        for name in self.values:
            self.values[name] += np.array(counts["values"][name], dtype=np.int64)


def histogram(scores: npt.NDArray[np.floating], edges: npt.NDArray[np.floating]) -> Counts:
    """Number of scores below the first edge, from each edge to the next, and not below the last; int64 [edges + 1]."""
    return np.bincount(np.searchsorted(edges, scores, side="right"), minlength=len(edges) + 1).astype(np.int64)
