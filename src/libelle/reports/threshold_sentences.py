"""What a run's report says of the threshold that was chosen for it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from libelle.data.split import TEST
from libelle.evaluation.curve import sentence
from libelle.evaluation.decision_rule import DecisionRule
from libelle.evaluation.threshold_request import ThresholdRequest, as_typed
from libelle.evaluation.threshold_wish import doubts
from libelle.language import count, day, threshold_text
from libelle.language import gettext as _


def choice_sentences(choice: Mapping[str, Any], rule: DecisionRule, run_id: str) -> list[str]:
    """The threshold, what it achieves, and where test rows do not bear out what was asked for.

    Args:
        choice: as `libelle.evaluation.threshold.decide` makes it.
        rule: names the labels, with their titles.
        run_id: the run.
    """
    asked = as_typed(choice["rule"])
    date = day(datetime.fromisoformat(choice["date"]).date())
    reached = sentence(choice["automatic"][TEST] if choice.get("classes") else choice[TEST], rule)
    if choice["value"] is None:
        limits = list(choice["classes"].values())
        chosen = _(
            "Thresholds of {given} of {all} labels were chosen on {day}, by {asked}, on validation records. On test "
            "records: {reached}"
        ).format(
            given=count(sum(limit is not None for limit in limits)),
            all=count(len(limits)),
            day=date,
            asked=asked,
            reached=reached,
        )
    else:
        chosen = _(
            "The threshold {value} was chosen on {day}, by {asked}, on validation records. On test records: {reached}"
        ).format(value=threshold_text(choice["value"]), day=date, asked=asked, reached=reached)
    said = [chosen, *doubts(choice, ThresholdRequest.of_choice(choice["rule"]))]
    if rule.is_binary:
        text = _("Decisions on this page are those of this threshold; {file} has those of 0.5.")
        said.append(text.format(file=f"{run_id}.metrics.json"))
    return said
