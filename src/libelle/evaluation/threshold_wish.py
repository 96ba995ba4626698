"""Whether test rows bear out what a threshold was chosen for on validation rows."""

from collections.abc import Mapping
from typing import Any

from libelle.data.split import TEST
from libelle.errors import listed
from libelle.evaluation.intervals import digits_apart
from libelle.evaluation.threshold_request import ThresholdRequest
from libelle.language import count, decimal
from libelle.language import gettext as _

#: A figure that misses what was asked for by more than this is said, also where that may be chance.
TOLERATED = 0.05
#: Labels that a sentence names.
NAMED = 5

#: What was asked for → the figure of `libelle.evaluation.curve.figures` that shows it.
_SHOWN_BY = {"precision": "precision", "recall": "recall", "workload": "share", "accuracy": "precision"}


def refuted(found: Mapping[str, Any], request: ThresholdRequest) -> bool | None:
    """Whether the interval of some rows excludes what was asked for; None where nothing can be said."""
    figure = _figure(found, request)
    if figure is None:
        return None
    target = request.asked[request.name]
    return bool(figure["low"] > target) if request.name == "workload" else bool(figure["high"] < target)


def doubts(choice: Mapping[str, Any], request: ThresholdRequest) -> list[str]:
    """Sentences, in the current language, where test rows do not bear out what a threshold was chosen for.

    Args:
        choice: as `libelle.evaluation.threshold.decide` makes it; `test`, `classes` and `automatic` of it are read.
        request: what was asked for.
    """
    if not choice.get("classes"):
        said = [doubt(choice[TEST], request)]
    else:
        all_coded = doubt(choice["automatic"][TEST], request) if request.name == "precision" else None
        said = [all_coded, doubt_of_labels(choice[TEST], request)]
    return [sentence for sentence in said if sentence is not None]


def doubt(test: Mapping[str, Any], request: ThresholdRequest) -> str | None:
    """A sentence where test rows do not bear out what was asked for; None where they do, or nothing can be said.

    Args:
        test: figures of the test rows, see `libelle.evaluation.curve.figures`.
        request: what was asked for.
    """
    figure = _figure(test, request)
    if figure is None:
        return None
    target = request.asked[request.name]
    short = figure["value"] - target if request.name == "workload" else target - figure["value"]
    excluded = refuted(test, request)
    if not excluded and short <= TOLERATED:
        return None
    rows = test["tp"] + (test["fn"] if request.name == "recall" else test["fp"])
    basis = test["rows"] if request.name == "workload" else rows
    chance = "" if excluded else _(", which may be chance: {rows} test rows are few").format(rows=count(basis))
    sure, more = request.confidence is not None, request.name == "workload"
    advice = {
        (True, True): _("have more rows labelled, or ask for more"),
        (True, False): _("have more rows labelled, or ask for less"),
        (False, True): _("ask for it with confidence=0.95, or ask for more"),
        (False, False): _("ask for it with confidence=0.95, or ask for less"),
    }[sure, more]
    text = _(
        "{wish} was reached on the validation rows, and the test rows do not bear it out: {value} ({low}–{high})"
        "{chance}; {advice}."
    )
    digits = digits_apart(figure["low" if more else "high"], target, 2) if excluded else 2
    numbers = {name: decimal(figure[name], digits) for name in ("value", "low", "high")}
    return text.format(wish=f"{request.name}={target:g}", **numbers, chance=chance, advice=advice)


def doubt_of_labels(test: Mapping[str, Mapping[str, Any]], request: ThresholdRequest) -> str | None:
    """The sentence about labels that each have a threshold of their own: label → figures of its test rows."""
    missed = [label for label, found in test.items() if refuted(found, request)]
    if not missed:
        return None
    target = request.asked[request.name]
    text = _(
        "{wish} was reached on the validation rows, and the test rows refute it for {missed} of {count} labels with a "
        "threshold: {labels}."
    )
    wish = f"{request.name}={target:g}"
    return text.format(wish=wish, missed=count(len(missed)), count=count(len(test)), labels=listed(missed, NAMED))


def _figure(found: Mapping[str, Any], request: ThresholdRequest) -> Mapping[str, Any] | None:
    name = _SHOWN_BY.get(request.name)
    figure: Mapping[str, Any] | None = found.get(name) if name else None
    return None if figure is None or figure["value"] is None or figure["low"] is None else figure
