"""What a decision threshold is chosen by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from libelle.components import AboveZero, Component, NonNegative, OpenShare, PositiveShare, Share
from libelle.data.table_files import Excel, check_output
from libelle.errors import UserError


@dataclass(kw_only=True)
class Cost(Component):
    """What one mistake costs, in any unit: `fp` a record wrongly set aside, `fn` one that was missed."""

    fp: NonNegative | None = None
    fn: NonNegative | None = None


@dataclass(kw_only=True)
class ThresholdRequest(Component):
    """The nodes of `conf/threshold.yaml`, `store` apart; exactly one target.

    Attributes:
        run_id: the run; by default the newest that completed.
        precision: at least this, with the most recall.
        recall: at least this, with the most precision.
        workload: set aside at most this share, and as much of it as can be.
        cost: the least total cost of mistakes.
        f: the greatest F-score with this beta.
        value: this very threshold.
        accuracy: multiclass: code automatically as many records as can be, with at least this accuracy.
        confidence: the target holds for the lower confidence bound, not for the estimate alone.
        prevalence: binary: share of positives where the model will be used; by default that of the rows.
        output: a file for the table with a line a label, of a kind that `libelle.data.table_files` writes.
        excel: whose Excel the table is for, see `libelle.data.table_files.Excel`.
        format: `text` for people, `json` for programs.
    """

    run_id: str | None = None
    precision: PositiveShare | None = None
    recall: PositiveShare | None = None
    workload: PositiveShare | None = None
    cost: Cost = field(default_factory=Cost)
    f: AboveZero | None = None
    value: Share | None = None
    accuracy: PositiveShare | None = None
    confidence: OpenShare | None = None
    prevalence: OpenShare | None = None
    output: str | None = None
    excel: Excel = None
    format: Literal["text", "json"] = "text"

    def __post_init__(self) -> None:
        if (self.cost.fp is None) != (self.cost.fn is None) or self.cost.fp == self.cost.fn == 0:
            raise UserError(
                "cost.fp and cost.fn go together and are not both 0; write for instance cost.fp=5 cost.fn=1."
            )
        if len(self.asked) != 1:
            raise UserError(
                "Say what the threshold is chosen by, one of: precision=0.8, recall=0.9, workload=0.03, "
                "cost.fp=5 cost.fn=1, f=0.5, value=0.57, or accuracy=0.95 for more than two labels."
            )
        if self.confidence is not None and self.name not in ("precision", "recall", "workload", "accuracy"):
            raise UserError(
                f"confidence={self.confidence} needs a bound to hold: precision, recall, workload or accuracy; "
                f"leave it out with {self.name}."
            )

        if self.output is not None:
            check_output(self.output, self.excel)

    @property
    def asked(self) -> dict[str, Any]:
        """What was asked for: name → value."""
        names = ("precision", "recall", "workload", "f", "value", "accuracy")
        asked = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return asked if self.cost.fp is None else {**asked, "cost": {"fp": self.cost.fp, "fn": self.cost.fn}}

    @classmethod
    def of_choice(cls, rule: Mapping[str, Any]) -> Self:
        """What a stored choice was made by, as `rule` of it has it."""
        return cls(**{**rule, "cost": Cost(**rule.get("cost", {}))})

    @property
    def name(self) -> str:
        """Name of the one target."""
        return next(iter(self.asked))


def as_typed(rule: Mapping[str, Any]) -> str:
    """What a stored choice was made by, as it is typed: `precision=0.8, confidence=0.95`."""
    asked: dict[str, Any] = {}
    for name, value in rule.items():
        if isinstance(value, Mapping):
            asked |= {f"{name}.{part}": number for part, number in value.items()}
        elif value is not None:
            asked[name] = value
    return ", ".join(f"{name}={value}" for name, value in asked.items())
