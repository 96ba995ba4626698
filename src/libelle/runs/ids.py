"""Run ids: `2026-11-23_4` is the fourth run that began on that day.

ISO dates with dashes, because YAML reads `20261123_1` as the integer 202611231.
"""

import re
from dataclasses import dataclass
from datetime import date

from libelle.errors import UserError

_PATTERN = re.compile(r"(\d{4}-\d{2}-\d{2})_([1-9]\d{0,8})", re.ASCII)


@dataclass(frozen=True, order=True)
class RunId:
    """A day and a number; ordered as the runs began."""

    day: date
    number: int

    @classmethod
    def parse(cls, text: str) -> "RunId":
        """Read an id as people type it.

        Raises:
            UserError: when `text` is not an id.
        """
        match = _PATTERN.fullmatch(text)
        try:
            if match is None:
                raise ValueError
            return cls(date.fromisoformat(match[1]), int(match[2]))
        except ValueError:
            raise UserError(
                f"run_id={text} is not a run id; give the day and the number, as in run_id=2026-11-23_4."
            ) from None

    @staticmethod
    def matches(text: str) -> bool:
        """Whether `text` looks like an id."""
        return _PATTERN.fullmatch(text) is not None

    def __str__(self) -> str:
        return f"{self.day.isoformat()}_{self.number}"

    @property
    def folder(self) -> str:
        """The key prefix of the run's files, ending with `/`."""
        return f"runs/{self.day.isoformat()}/{self.number}/"
