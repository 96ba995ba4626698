"""What the headline figures are without the test records that stand in the training rows, too."""

from libelle.evaluation.metrics import Metrics

#: The figures that are told: those of two labels, then those of more.
_FIGURES = ("average_precision", "precision", "recall", "accuracy", "f1_macro")


def without_repeated(test: Metrics) -> str:
    """A sentence about a run's test metrics; empty where no test record is repeated."""
    apart = test.get("without_repeated")
    if apart is None:
        return ""
    repeated = test["rows"] - apart["rows"]
    start = f"{repeated:,} of {test['rows']:,} test records have the texts of a training record"
    if not apart["rows"]:
        return f"{start}: no test record is new, and the figures say nothing of new ones."
    names = [name for name in _FIGURES if name in apart]
    figures = ", ".join(f"{name} {_figure(apart[name])} (all: {_figure(test[name])})" for name in names)
    return f"{start}; without them: {figures}."


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
