"""What the headline figures are without the test records that stand in the training rows, too."""

from libelle.evaluation.metric_names import metric_name
from libelle.evaluation.metrics import Metrics
from libelle.language import count, decimal
from libelle.language import gettext as _
from libelle.reports.page import known

#: The figures that are told: those of two labels, then those of more.
_FIGURES = ("average_precision", "precision", "recall", "accuracy", "f1_macro")


def without_repeated(test: Metrics) -> str:
    """A sentence about a run's test metrics; empty where no test record is repeated."""
    apart = test.get("without_repeated")
    if apart is None:
        return ""
    rows = {"repeated": count(test["rows"] - apart["rows"]), "rows": count(test["rows"])}
    if not apart["rows"]:
        text = _(
            "{repeated} of {rows} test records have the texts of a training record: no test record is new, and the "
            "figures say nothing of new ones."
        )
        return text.format(**rows)
    text, figure = _("{metric} {new} (all: {all})"), known(decimal)
    figures = ", ".join(
        text.format(metric=metric_name(name), new=figure(apart[name]), all=figure(test[name]))
        for name in _FIGURES
        if name in apart
    )
    text = _("{repeated} of {rows} test records have the texts of a training record; without them: {figures}.")
    return text.format(**rows, figures=figures)
