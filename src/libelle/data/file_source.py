"""Source `csv`: a file of any format."""

from dataclasses import dataclass, replace

from libelle.data import tables
from libelle.data.data_names import name_of_file
from libelle.data.frames import Chunks
from libelle.data.options import OPTIONS, BadRow
from libelle.data.shipped import resolve
from libelle.data.source import Source
from libelle.errors import UserError


@dataclass(kw_only=True)
class FileSource(Source):
    """A CSV, Parquet or Excel file, also compressed; what it is its first bytes say.

    Attributes:
        path: the file; `shipped:<name>` is in the project's `data/`.
        delimiter: between CSV fields; `tab` for a tab, `none` for a single column; found where left out.
        encoding: of a CSV file; found where left out.
        quote: `none` where quotes in a CSV file are ordinary characters, `"` where they certainly enclose fields.
        sheet: of an Excel file; by default the first that has the wanted columns.
    """

    conf_name = "csv"

    path: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    quote: str | None = None
    sheet: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in OPTIONS:
            setattr(self, key, getattr(self, key) or None)

    def __str__(self) -> str:
        return str(self.path)

    def default_name(self) -> str:
        """The file's name without its endings."""
        return name_of_file(self.path or "")

    def chunks(self) -> Chunks:
        """Yield the file's rows; a row that cannot be read raises `UserError`."""
        if not self.path:
            raise UserError("data.path is not set; name the file to read, as in data.path=forms.csv.")

        def stop(bad: BadRow) -> None:
            raise UserError(f"{self.path}, {bad.place}: {bad.reason}; correct it, or {bad.hint}.")

        options = replace(self._options(), **{key: getattr(self, key) for key in OPTIONS})
        yield from tables.read_file(resolve(self.path), options, on_bad_row=stop, report=self.report)
