"""The decision threshold: chosen on validation scores, reported on the test split, kept with the run."""

import getpass
import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from libelle.data.split import TEST, VALIDATION
from libelle.errors import UserError
from libelle.evaluation.curve import Curve, figures, sentence
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.intervals import lower_bound, upper_bound
from libelle.evaluation.outcomes import Outcomes, by_split, predictions, titles
from libelle.evaluation.threshold_request import ThresholdRequest
from libelle.evaluation.threshold_wish import doubts
from libelle.features import Doubles
from libelle.files import json_bytes
from libelle.language import threshold_text
from libelle.runs.run import THRESHOLD, Run
from libelle.runs.threshold_file import parse_choice

log = logging.getLogger(__name__)


def choose(curve: Curve, request: ThresholdRequest, *, coding: bool = False) -> float:
    """The threshold that meets a request, among all distinct scores.

    With `confidence` = 1-δ, the target is met in the whole population with probability 1-δ, though the threshold is
    chosen among many on the same rows. Each threshold is a hypothesis "the target is missed here", refused where a
    Clopper-Pearson bound (Biometrika 1934) says otherwise, and tested in an order fixed in advance until the first that
    is not refused: fixed-sequence testing, as in "Learn then Test" (Angelopoulos, Bates, Candès, Jordan and Lei 2021,
    arXiv:2110.01052). Recall and workload are monotone in the threshold, and one sequence at level δ will do. Precision
    is not: D sequences start at ranks n, n/2, n/4 ... from the top and go down, at level δ/D each (their multi-start
    variant). A threshold is itself a score of the sample: the row that it comes from is not counted as evidence.
    With another prevalence, the bounds of TPR and FPR hold at half the level each.

    Args:
        curve: of the validation rows.
        request: what is asked for.
        coding: whether records that reach the threshold are coded automatically, rather than set aside for a clerk.

    Raises:
        UserError: when no threshold does; names the nearest value that can be reached.
    """
    name, target = request.name, request.asked[request.name]
    if name == "value":
        return float(target)
    if not curve.tp.any():
        nothing = "no positive record of the validation rows can be set aside"
        if coding:
            nothing = "no record of the validation rows would be coded rightly"
        raise UserError(f"{name}={target} cannot be chosen: {nothing}; choose a value yourself, as value=0.5.")
    delta = None if request.confidence is None else 1 - request.confidence
    if name == "cost":
        return _cheapest(curve, target)
    precision, recall, share = curve.precision, curve.recall, curve.share
    if name == "f":
        beta2 = target**2
        quality = (1 + beta2) * precision * recall / np.maximum(beta2 * precision + recall, 1e-300)
        return float(curve.thresholds[np.argmax(quality)])
    order: tuple[Doubles, ...]
    if name == "recall":
        reached = recall if delta is None else lower_bound(curve.tp, curve.positives, delta)
        fits = reached >= target
        order = (-recall, -precision)
    elif name == "workload":
        reached = share if delta is None else _share_bound(curve, delta)
        fits = reached <= target
        order = (-share,)
    else:
        reached = precision if delta is None else _precision_bound(curve, delta, _starts(curve))
        fits = reached >= target if delta is None else _sequences(curve, target, delta)
        order = (-precision, -recall) if name == "precision" else (-share,)
    if not fits.any():
        best = int(np.argmin(reached) if name == "workload" else np.argmax(reached))
        if delta is not None and name in ("precision", "accuracy"):  # a sequence proves its start or nothing
            best = max(_starts(curve), key=lambda start: float(reached[start]))
        shown = f"{curve.share[best]:.1%} {'coded automatically' if coding else 'set aside'}"
        if name != "accuracy":  # its curve is one of decisions, of which no label has a recall
            shown += f", recall {curve.recall[best]:.1%}"
        limit = f"{threshold_text(float(curve.thresholds[best]))} ({shown})"
        raise UserError(_nearest(name, target, request.confidence, float(reached[best]), limit))
    chosen = np.flatnonzero(fits)
    best = np.lexsort([key[chosen] for key in order])[0]
    return float(curve.thresholds[chosen[best]])


def _cheapest(curve: Curve, cost: Mapping[str, float]) -> float:
    """Setting nothing aside is among the choices; the higher threshold where costs are equal."""
    wrong, right = curve.share - curve.share_right, curve.share_right
    total = np.concatenate(
        [[cost["fn"] * curve.prevalence], cost["fp"] * wrong + cost["fn"] * (curve.prevalence - right)]
    )
    # Equal costs must not differ by rounding.
    best = int(np.flatnonzero(total <= total.min() * (1 + 1e-12))[0])
    if best > 0:
        return float(curve.thresholds[best - 1])
    if curve.thresholds[0] == 1:
        raise UserError(
            f"cost.fp={cost['fp']:g} cost.fn={cost['fn']:g}: it costs least to set nothing aside, which no threshold "
            "does where scores of validation rows are 1; choose it by something else, for instance f=0.5."
        )
    return float(np.nextafter(curve.thresholds[0], 2))


def _share_bound(curve: Curve, delta: float) -> Doubles:
    if not curve.weighted:
        return upper_bound(curve.tp + curve.fp, curve.positives + curve.negatives, delta)
    tpr, fpr = (
        upper_bound(hits, rows, delta / 2) for hits, rows in ((curve.tp, curve.positives), (curve.fp, curve.negatives))
    )
    return np.asarray(curve.prevalence * tpr + (1 - curve.prevalence) * fpr)


def _precision_bound(curve: Curve, delta: float, starts: Sequence[int]) -> Doubles:
    level = delta / len(starts)
    evidence = np.maximum(curve.tp - 1, 0)
    if not curve.weighted:
        return lower_bound(evidence, np.maximum(curve.tp + curve.fp - 1, 1), level)
    right = curve.prevalence * lower_bound(evidence, curve.positives, level / 2)
    wrong = (1 - curve.prevalence) * upper_bound(curve.fp, curve.negatives, level / 2)
    return np.asarray(right / np.maximum(right + wrong, 1e-300))


def _starts(curve: Curve) -> list[int]:
    """Positions of the thresholds that reach ranks n, n/2, n/4 ... of the rows that can be set aside."""
    rows = int(curve.tp[-1] + curve.fp[-1])
    ranks = [math.ceil(rows / 2**power) for power in range(rows.bit_length())]
    return [int(place) for place in np.searchsorted(curve.tp + curve.fp, ranks)]


def _sequences(curve: Curve, target: float, delta: float) -> npt.NDArray[np.bool_]:
    """The thresholds whose hypothesis is refused in one of the sequences."""
    starts = _starts(curve)
    refused = _precision_bound(curve, delta, starts) >= target
    proven = np.zeros(len(refused), dtype=bool)
    for start in starts:
        stop = np.flatnonzero(~refused[start:])
        proven[start : start + stop[0] if len(stop) else None] = True
    return proven


def _nearest(name: str, target: float, confidence: float | None, reached: float, limit: str) -> str:
    sure = "" if confidence is None else f" with confidence={confidence:g}"
    # Rounded to the side on which asking for it succeeds.
    digits = 10_000
    near = math.ceil(reached * digits) / digits if name == "workload" else math.floor(reached * digits) / digits
    word = "lowest" if name == "workload" else "highest"
    return (
        f"{name}={target:g} is not reached{sure} on the validation rows: the {word} is {near:.4f}, at threshold "
        f"{limit}; ask for {name}={near:.4f} or {'more' if name == 'workload' else 'less'}, or for something else."
    )


def decide(run: Run, request: ThresholdRequest) -> dict[str, Any]:
    """Choose on the validation scores of a run, and report on its test scores; nothing is saved.

    Multiclass: `accuracy` and `value` are a threshold of automatic coding for all labels; the other targets give each
    label a threshold of its own. A label's precision, recall and share are those of the records that are coded so
    (`libelle.evaluation.decision_rule`).

    Returns:
        Ready for JSON: `value`, `rule`, `labels`, `classes` (multiclass: label → threshold, None where the target is
        missed), `validation` and `test` (see `figures`; by label where each has its own), `automatic` (where each has
        its own: split → figures of all that is coded automatically, `precision` being the share that is right),
        `sentence`, `warnings` (where test rows do not bear out what was asked for), `data`, `date` and `who`.

    Raises:
        UserError: when the request cannot be met, or does not fit the run's labels.
    """
    run.require_completed()
    labels, scored = predictions(run)
    rule = DecisionRule(labels)
    split = by_split(scored, rule)
    if "weight" in scored:
        log.warning("the records of %s have weights, and a threshold counts each record once", run.id)
    try:
        value, classes = _chosen(split[VALIDATION], request)
    except UserError as error:  # by default it is the newest run, which nobody has typed
        raise UserError(f"run_id={run.id}: {error}") from error
    found = {
        name: {label: figures(*part.of(label), limit, request)
               for label, limit in classes.items() if limit is not None}
        if value is None else figures(*part.of(), value, request)
        for name, part in split.items()
    }  # fmt: skip
    own = replace(rule, label_thresholds=classes)
    coded = {name: _coded(part, own, request) for name, part in split.items()} if classes else {}
    reached = {**({"classes": classes, "automatic": coded} if classes else {}), **found}
    return {
        "value": value,
        "rule": {**request.asked, "confidence": request.confidence, "prevalence": request.prevalence},
        "labels": labels,
        **reached,
        "sentence": sentence(coded[TEST] if classes else found[TEST], rule.titled(titles(run))),
        "warnings": doubts(reached, request),
        "data": {"name": run.manifest.data, "fingerprint": run.manifest.data_fingerprint, "chosen_on": VALIDATION},
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        "who": _who(),
    }


def _chosen(part: Outcomes, request: ThresholdRequest) -> tuple[float | None, dict[str, float | None]]:
    """The threshold of all labels, or else that of each."""
    rule = part.rule
    if rule.is_binary and request.accuracy is not None:
        raise UserError(
            f"accuracy={request.accuracy} is for more than two labels, and this run has two; ask for precision= or "
            "recall=, or name another run with run_id=."
        )
    if not rule.is_binary and request.prevalence is not None:
        raise UserError(
            f"prevalence={request.prevalence} is a share of positives, and the {len(rule.labels)} labels of this run "
            "have none; leave it out."
        )
    if rule.is_binary or request.name in ("accuracy", "value"):
        curve = Curve.of(*part.of(), request.prevalence)
        return choose(curve, request, coding=not rule.is_binary), {}
    return None, _label_thresholds(part, request)


def _label_thresholds(part: Outcomes, request: ThresholdRequest) -> dict[str, float | None]:
    thresholds: dict[str, float | None] = {}
    refusal = None
    for label in part.rule.labels:
        try:
            curve = Curve.of(*part.of(label))
            limit = choose(curve, request, coding=True)
            # A threshold above all scores means to code nothing, not even later records.
            thresholds[label] = limit if limit <= curve.thresholds[0] else None
        except UserError as error:
            refusal, thresholds[label] = error, None
    if refusal is not None and not any(value is not None for value in thresholds.values()):
        raise UserError(f"no label reaches what is asked for; the last one: {refusal}")
    return thresholds


def _coded(part: Outcomes, rule: DecisionRule, request: ThresholdRequest) -> dict[str, Any]:
    """Figures of all records that are coded automatically."""
    right, _ = part.of()
    automatic = rule.set_aside(part.decisions, part.decisive)
    assert automatic is not None
    return figures(right, automatic, 1, request)


def _who() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return None


def save(run: Run, choice: Mapping[str, Any]) -> dict[str, Any]:
    """Keep a choice as the run's threshold, with all earlier choices in `history`, the newest last.

    Raises:
        UserError: when somebody else's choice is being saved and does not end.
    """

    def add(stored: bytes | None) -> bytes:
        history = parse_choice(stored, f"{THRESHOLD} of run {run.id}").get("history", []) if stored else []
        return json_bytes({**choice, "history": [*history, dict(choice)]}, allow_nan=False)

    saved: dict[str, Any] = json.loads(run.change(THRESHOLD, add))
    return saved
