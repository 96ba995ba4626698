"""Sources: where records come from. A source is the `data` node of the config."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Annotated

import pandas as pd
from pydantic import Field

from libelle.components import Component
from libelle.data import tables
from libelle.data.census import sample as bi
from libelle.data.columns import Column, ColumnBuilder
from libelle.data.frames import Chunks, as_strings, blank_to_missing
from libelle.data.kinds import Kinds, one_role
from libelle.data.records import Names, Records, name_list, require_columns
from libelle.data.shipped import resolve
from libelle.data.split import SplitConfig, split_rows
from libelle.data.targets import Rule, Target, make_targets, order_labels
from libelle.data.weights import read_weights, require_weights
from libelle.errors import UserError
from libelle.progress import stage


@dataclass(kw_only=True)
class Source(Component, ABC):
    """What every source needs to know: the role of each column.

    Attributes:
        name: what the data is called in tables and, by default, when a model is published.
        id: the column of unique ids; by default the row number, from 1.
        columns: the text fields, a list or a comma-separated text; by default all columns with no other role.
        categorical: the fields whose values are categories, not text, named likewise.
        numeric: the fields that hold numbers, named likewise.
        weight: the column that says how many units each record stands for; by default each counts the same.
        text: the field that `runtime.py text=...` fills; by default the first one.
        target: the target's source column or columns; never fields.
        target_rule: `label`, `all_empty` or `equals`, see `libelle.data.targets`.
        target_value: what `equals` compares with.
        positive: the positive label of a binary target; by default the last in alphabetical order.
        slices: columns by whose values the report shows results, a list or a comma-separated text.
        split: how rows are split.
    """

    conf_group = "data"

    name: str
    id: str | None = None
    columns: Names = None
    categorical: Names = None
    numeric: Names = None
    weight: str | None = None
    text: str | None = None
    target: Names = None
    target_rule: Rule = "label"
    target_value: str | None = None
    positive: str | None = None
    slices: Names = None
    split: SplitConfig = field(default_factory=SplitConfig)

    def __post_init__(self) -> None:
        # `data.id=`, with nothing after it, leaves it out.
        for key in ("id", "weight", "text", "target_value", "positive"):
            setattr(self, key, getattr(self, key) or None)

    @abstractmethod
    def chunks(self) -> Chunks:
        """Yield the source's rows as tables of strings, indexed by row number."""

    def __str__(self) -> str:
        return self.name

    def read(self) -> Records:
        """Read all rows, check them against the schema and split them.

        Raises:
            UserError: names the file, column or row that is wrong.
        """
        columns, table = self._read_columns()
        if table.empty:
            raise UserError(f"{self} has a header and no rows; give it some.")
        self.kinds.check(columns, table.index, str(self))
        weights = read_weights(table[self.weight], str(self)) if self.weight else None
        labels = make_targets(table, self._target_columns(), self.target_rule, self.target_value, str(self))
        order = order_labels(labels, self.positive, str(self))
        ids = self._ids(table)
        given = table[self.split.column] if self.split.column else None
        groups = table[self.split.group] if self.split.group else None
        splits = split_rows(self.split, ids, labels, given, groups, str(self))
        slices = table[name_list(self.slices)]
        if weights is not None:
            require_weights(weights, splits, f"{self}: data.weight={self.weight}")
        return Records(ids, columns, labels.rename("target"), splits.rename("split"), order, slices, weights)

    def _read_columns(self) -> tuple[dict[str, Column], pd.DataFrame]:
        """The text fields, encoded chunk by chunk, and a table of the columns with other roles."""
        builders: dict[str, ColumnBuilder] = {}
        parts: list[pd.DataFrame] = []
        with stage(f"reading {self}") as advance:
            for chunk in self.chunks():
                if not parts:
                    fields = self._check(list(chunk.columns))
                    builders = {name: ColumnBuilder() for name in fields}
                    others = list(dict.fromkeys(name for names in self._roles().values() for name in names))
                for name, builder in builders.items():
                    builder.add(chunk[name])
                parts.append(chunk[others])
                advance(len(chunk))
        if not parts:
            raise UserError(f"{self} has no rows; give it some.")
        # One by one, so that nothing stands in memory twice.
        return {name: builders.pop(name).build() for name in fields}, pd.concat(parts)

    def _roles(self) -> dict[str, list[str]]:
        """Config key → columns that are read for what they mean, not as text fields."""
        single = {
            "data.id": self.id,
            "data.weight": self.weight,
            "data.split.column": self.split.column,
            "data.split.group": self.split.group,
        }
        return {
            "data.target": self._target_columns(),
            **{key: [name] if name else [] for key, name in single.items()},
            "data.slices": name_list(self.slices),
        }

    def _check(self, there: list[str]) -> list[str]:
        """Check a table's columns against the schema, and choose the text fields."""
        roles = self._roles()
        wanted = name_list(self.columns)
        require_columns(there, {**roles, "data.columns": wanted, **self.kinds.by_key}, str(self))
        roles.pop("data.slices")  # these may be fields, too
        others = {**self.kinds.by_key, "data.weight": roles["data.weight"]}
        one_role({**{key: names for key, names in roles.items() if key not in others}, "data.columns": wanted}, others)
        taken = {name for names in roles.values() for name in names}
        return [*self._fields(there, wanted, taken | set(self.kinds.fields)), *self.kinds.fields]

    @property
    def kinds(self) -> Kinds:
        """The fields that are not text."""
        return Kinds(tuple(name_list(self.categorical)), tuple(name_list(self.numeric)))

    @property
    def label(self) -> Target:
        """What the label is made of."""
        return Target(self._target_columns(), self.target_rule, self.target_value)

    def _target_columns(self) -> list[str]:
        # A label's name is taken as typed, commas included.
        if self.target_rule != "all_empty" and isinstance(self.target, str):
            return [self.target] if self.target else []
        return name_list(self.target)

    def _fields(self, there: list[str], wanted: list[str], taken: set[str]) -> list[str]:
        if not self._target_columns():
            raise UserError("data.target is not set; name the column that holds the label, as in data.target=label.")
        targets = set(self._target_columns())
        for name in wanted:
            if name in targets:
                raise UserError(f"data.columns names {name!r}, which the target is made of; leave it out.")
        fields = wanted or [name for name in there if name not in taken]
        if not fields:
            raise UserError(f"{self} has no column left for the text fields; set data.columns.")
        if self.text is not None and self.text not in fields:
            raise UserError(f"data.text={self.text} is not among the fields {', '.join(fields)}; name one of them.")
        return fields

    def _ids(self, table: pd.DataFrame) -> pd.Series:
        if self.id is None:
            return pd.Series(table.index, index=table.index, name="id")
        ids = table[self.id].rename("id")
        if ids.isna().any():
            raise UserError(f"{self}, row {ids.index[ids.isna()][0]}: the id column {self.id!r} is empty; fill it in.")
        repeated = ids[ids.duplicated()]
        if len(repeated):
            first = ids.index[ids == repeated.iloc[0]][0]
            raise UserError(
                f"{self}, row {repeated.index[0]}: the id {repeated.iloc[0]!r} is already in row {first}; ids in "
                f"column {self.id!r} must be unique, or leave data.id out."
            )
        return ids


@dataclass(kw_only=True)
class FileSource(Source):
    """A CSV or Parquet file.

    Attributes:
        path: the file, Parquet where its name ends so, else CSV; `shipped:<name>` is in the project's `data/`.
        delimiter: between CSV fields; `tab` for a tab.
        encoding: of a CSV file.
    """

    conf_name = "csv"

    name: str = "csv"
    path: str | None = None
    delimiter: str = ","
    encoding: str = "utf-8"

    def __str__(self) -> str:
        return str(self.path)

    def chunks(self) -> Chunks:
        """Yield the file's rows; a row that cannot be read raises `UserError`."""
        if not self.path:
            raise UserError("data.path is not set; name the file to read, as in data.path=forms.csv.")

        def stop(row: int, reason: str) -> None:
            hint = "data.encoding" if "bytes" in reason else "data.delimiter"
            raise UserError(f"{self.path}, row {row}: {reason}; correct it, or set {hint}.")

        yield from tables.read_file(
            resolve(self.path), delimiter=self.delimiter, encoding=self.encoding, on_bad_row=stop
        )


@dataclass(kw_only=True)
class FrameSource(Source):
    """A DataFrame in memory, for Python; no config can name it.

    Attributes:
        frame: the records.
    """

    name: str = "dataframe"
    frame: pd.DataFrame = field(repr=False)

    def __str__(self) -> str:
        return "the DataFrame"

    def chunks(self) -> Chunks:
        """Yield the frame's rows."""
        repeated = self.frame.columns[self.frame.columns.duplicated()]
        if len(repeated):
            raise UserError(
                f"{self} has the column {str(repeated[0])!r} more than once; give each column a name of its own."
            )
        table = blank_to_missing(as_strings(self.frame))
        yield table.set_axis(pd.RangeIndex(1, len(table) + 1), axis=0)


@dataclass(kw_only=True)
class BISample(Source):
    """The synthetic sample of census forms, see `libelle.data.census.sample`.

    Attributes:
        size: number of forms.
        seed: makes another sample.
    """

    conf_name = "bi"

    name: str = "bi"
    id: str | None = "cabbi"
    columns: Names = field(default_factory=lambda: list(bi.FIELDS))
    text: str | None = "rs_x"
    target: Names = field(default_factory=lambda: ["siretm", "siretc"])
    target_rule: Rule = "all_empty"
    size: Annotated[int, Field(ge=100)] = 20_000
    seed: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if name_list(self.columns) == list(bi.FIELDS):  # nobody typed these: what is given another role leaves them
            self.columns = [name for name in bi.FIELDS if name not in self.kinds.fields]

    def chunks(self) -> Chunks:
        """Generate the forms."""
        table = bi.generate(self.size, self.seed)
        table.index = pd.RangeIndex(1, len(table) + 1)
        yield table
