"""`threshold.json`: the threshold that was chosen for a run, with all choices before, checked where it is read."""

from typing import Any, NotRequired, cast

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from libelle.stores.documents import Moment, parse_document


@with_config(ConfigDict(extra="allow"))
class _Choice(TypedDict):
    """What is relied on, of all that `libelle.evaluation.threshold.decide` says."""

    value: float | None
    date: Moment
    rule: dict[str, Any]
    labels: NotRequired[list[str]]
    classes: NotRequired[dict[str, float | None]]
    history: NotRequired[list[dict[str, Any]]]


def parse_choice(data: bytes, where: str) -> dict[str, Any]:
    """Check a choice that was read.

    Args:
        data: of `threshold.json`.
        where: names the file, for the message.

    Raises:
        UserError: when it is damaged.
    """
    return cast(dict[str, Any], parse_document(data, _Choice, where))
