"""How many records and lines a block of a CSV file holds, without reading its texts where that is not needed."""

import io
import re
from dataclasses import replace

from libelle.data.csv_blocks import lay_out
from libelle.data.csv_rows import Rows
from libelle.data.encodings import Utf8Stream
from libelle.data.options import FileReport

_BLANK_LINE = re.compile(rb"\n\r?\n|\A\r?\n")


class BlockCounter:
    """Counts as `Rows` does, by the separators alone; what a record over several lines is, `Rows` says."""

    def __init__(self, rows: Rows) -> None:
        """Count for rows whose header has been read."""
        self._rows = rows
        self._width = len(rows.header or [])
        self._single = self._width + rows.extra == 1

    def count(self, block: bytes) -> tuple[int, int]:
        """Records and lines of a block of `RowBlocks`, in the encoding of the file."""
        lines = block.count(b"\n") + (not block.endswith(b"\n"))
        quoted = self._rows.dialect.quoted and b'"' in block
        if not quoted and (self._single or not _BLANK_LINE.search(block)):
            return lines, lines
        layout = lay_out(block, self._width + self._rows.extra, self._rows.dialect, single=self._single)
        if (layout.first == layout.last).all():
            return len(layout.first), lines
        return self._read(block), lines

    def _read(self, block: bytes) -> int:
        """Records of a block, of which some may be refused: each of their lines is then a record."""
        rows = replace(self._rows, on_bad_row=lambda bad: None, report=FileReport())
        rows.number = rows.line = 0
        rows.extra = self._rows.extra
        said = replace(self._rows.options, encoding=self._rows.stream.known)
        utf8 = Utf8Stream(io.BytesIO(block), self._rows.name, said, FileReport())
        for _ in rows.parse(b"".join(iter(lambda: utf8.read(len(block)), b""))):
            pass
        return rows.number
