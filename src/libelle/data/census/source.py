"""Source `bi`: synthetic census forms."""

from dataclasses import dataclass, field
from typing import Annotated

import pandas as pd
from pydantic import Field

from libelle.data.census.sample import FIELDS, generate
from libelle.data.frames import Chunks
from libelle.data.records import Names, name_list
from libelle.data.source import Source
from libelle.data.targets import Rule


@dataclass(kw_only=True)
class BISample(Source):
    """The synthetic sample of census forms, see `libelle.data.census.sample`.

    Attributes:
        size: number of forms.
        seed: makes another sample.
    """

    conf_name = "bi"

    name: str | None = "bi"
    id: str | None = "cabbi"
    columns: Names = field(default_factory=lambda: list(FIELDS))
    text: str | None = "rs_x"
    target: Names = field(default_factory=lambda: ["siretm", "siretc"])
    target_rule: Rule = "all_empty"
    size: Annotated[int, Field(ge=100)] = 20_000
    seed: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if name_list(self.columns) == list(FIELDS):  # nobody typed these: what is given another role leaves them
            self.columns = [name for name in FIELDS if name not in self.kinds.fields]

    def chunks(self) -> Chunks:
        """Generate the forms."""
        table = generate(self.size, self.seed)
        table.index = pd.RangeIndex(1, len(table) + 1)
        yield table
