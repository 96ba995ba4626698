"""A DataFrame in memory as a source, for Python."""

from dataclasses import dataclass, field

import pandas as pd

from libelle.data.frames import Chunks, as_strings, blank_to_missing
from libelle.data.names import check_header
from libelle.data.source import Source
from libelle.language import N_

#: What messages call it.
FRAME = N_("the DataFrame")


@dataclass(kw_only=True)
class FrameSource(Source):
    """A DataFrame in memory, for Python; no config can name it.

    Attributes:
        frame: the records.
    """

    name: str | None = "dataframe"
    frame: pd.DataFrame = field(repr=False)

    def __str__(self) -> str:
        return FRAME

    def chunks(self) -> Chunks:
        """Yield the frame's rows."""
        names = check_header(self.frame.columns, str(self))
        needed = self._options().needed
        kept = [name for name in names if needed is None or name in needed]
        frame = self.frame.set_axis(names, axis=1)
        # A column that is not needed may hold anything, and is left empty.
        table = blank_to_missing(as_strings(frame[kept], str(self))).reindex(columns=names)
        yield table.set_axis(pd.RangeIndex(1, len(table) + 1), axis=0)
