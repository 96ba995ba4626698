"""What a run's report says of the threshold that was chosen for it."""

from collections.abc import Mapping
from typing import Any


def choice_sentences(choice: Mapping[str, Any], run_id: str) -> list[str]:
    """The threshold, what it achieves, and where test rows do not bear out what was asked for.

    Args:
        choice: as `libelle.evaluation.threshold.decide` makes it.
        run_id: the run.
    """
    rule = ", ".join(f"{name}={value}" for name, value in _asked(choice["rule"]).items())
    day = str(choice["date"])[:10]
    if choice["value"] is None:
        limits = list(choice["classes"].values())
        given = sum(limit is not None for limit in limits)
        chosen = f"Thresholds of {given} of {len(limits)} labels were chosen on {day}, by {rule}"
    else:
        chosen = f"The threshold {choice['value']:.6g} was chosen on {day}, by {rule}"
    sentences = [f"{chosen}, on validation records. On test records: {choice['sentence']}", *choice.get("warnings", [])]
    if len(choice["labels"]) == 2:
        sentences.append(f"Decisions on this page are those of this threshold; {run_id}.metrics.json has those of 0.5.")
    return sentences


def _asked(rule: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked for, as it is typed."""
    asked: dict[str, Any] = {}
    for name, value in rule.items():
        if isinstance(value, Mapping):
            asked |= {f"{name}.{part}": number for part, number in value.items()}
        elif value is not None:
            asked[name] = value
    return asked
