"""Sources: where records come from. A source is the `data` node of the config."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from libelle.components import Component
from libelle.data.columns import Column, ColumnBuilder, take
from libelle.data.field_kinds import Kinds, one_role
from libelle.data.frames import Chunks, chosen, from_table, repeated_rows, to_table
from libelle.data.names import check_header, normal_name
from libelle.data.options import FileOptions, FileReport
from libelle.data.records import Names, Records, name_list, require_columns
from libelle.data.split import SplitConfig, split_rows
from libelle.data.stored_tables import StoredTable
from libelle.data.targets import (
    Rule,
    Target,
    Unlabelled,
    make_targets,
    nearly_positive,
    order_labels,
    rows_to_pass_over,
)
from libelle.data.titles import read_titles
from libelle.data.weights import read_weights, require_weights
from libelle.errors import UserError
from libelle.progress import stage


@dataclass(kw_only=True)
class Source(Component, ABC):
    """What every source needs to know: the role of each column.

    Attributes:
        name: what the data is called in tables and, by default, when a model is published; by default named after its
            place, a file's name say.
        id: the column of unique ids; by default the row number, from 1.
        columns: the text fields, a list or a comma-separated text; by default all columns with no other role.
        categorical: the fields whose values are categories, not text, named likewise.
        numeric: the fields that hold numbers, named likewise.
        weight: the column that says how many units each record stands for; by default each counts the same.
        text: the field that `runtime.py text=...` fills; by default the first one.
        target: the target's source column or columns; never fields.
        target_rule: `label`, `all_empty` or `equals`, see `libelle.data.targets`.
        target_value: what `equals` compares with.
        unlabelled: what becomes of rows whose label is empty: they stop the run (`refuse`) or are passed over (`skip`).
        positive: the positive label of a binary target; by default the last in alphabetical order.
        titles: a file of labels and their titles, see `libelle.data.titles`.
        slices: columns by whose values the report shows results, a list or a comma-separated text.
        split: how rows are split.
    """

    conf_group = "data"

    name: str | None = None
    id: str | None = None
    columns: Names = None
    categorical: Names = None
    numeric: Names = None
    weight: str | None = None
    text: str | None = None
    target: Names = None
    target_rule: Rule = "label"
    target_value: str | None = None
    unlabelled: Unlabelled = "refuse"
    positive: str | None = None
    titles: str | None = None
    slices: Names = None
    split: SplitConfig = field(default_factory=SplitConfig)

    def __post_init__(self) -> None:
        # `data.id=`, with nothing after it, leaves it out.
        for key in ("name", "id", "weight", "text", "target_value", "positive", "titles"):
            setattr(self, key, getattr(self, key) or None)
        for key in ("id", "text", "weight"):
            setattr(self, key, (name := getattr(self, key)) and normal_name(name))
        column, group = (name and normal_name(name) for name in (self.split.column, self.split.group))
        self.split = replace(self.split, column=column, group=group)
        # What is found and counted while the source is read.
        self.report = FileReport()

    @abstractmethod
    def chunks(self) -> Chunks:
        """Yield the source's rows as tables of strings, indexed by row number."""

    @property
    def title(self) -> str:
        """What the data is called: `name`, or what it is called by default."""
        return self.name or self.default_name()

    def default_name(self) -> str:
        """What the data is called where nobody gave it a name; fit to publish a model under."""
        return "data"

    def __str__(self) -> str:
        return self.title

    def read(self) -> Records:
        """Read all rows, check them against the schema and split them.

        Raises:
            UserError: names the file, column or row that is wrong.
        """
        titles = read_titles(self.titles) if self.titles else None  # a wrong path is said before a long reading
        columns, table, unused = self._read_columns()
        if table.empty:
            raise UserError(f"{self} has a header and no rows; give it some.")
        numbers, table = table.index, self._placed(table)
        without = rows_to_pass_over(table, self.label, self.unlabelled, str(self))
        if without.any():
            kept = np.flatnonzero(~without)
            columns, table, numbers = take(columns, kept), chosen(table, kept), numbers[kept]
        self.kinds.check(columns, table.index, str(self))
        weights = read_weights(table[self.weight], str(self)) if self.weight else None
        labels = make_targets(table, self._target_columns(), self.target_rule, self.target_value, str(self))
        order = order_labels(labels, self.positive, str(self), self.label)
        ids = self._ids(table, numbers)
        given = table[self.split.column] if self.split.column else None
        groups = table[self.split.group] if self.split.group else None
        splits = split_rows(self.split, ids, labels, given, groups, str(self))
        if weights is not None:
            require_weights(weights, splits, labels, f"{self}: data.weight={self.weight}")
            weights = weights.set_axis(numbers)
        slices = table[name_list(self.slices)].set_axis(numbers, axis=0)
        ids, labels, splits = (series.set_axis(numbers) for series in (ids, labels, splits))
        return Records(
            ids,
            columns,
            labels.rename("target"),
            splits.rename("split"),
            order,
            slices,
            reading=dict(self.report.found),
            titles={} if titles is None else titles.of(order),
            weights=weights,
            unused=unused,
            unlabelled=int(without.sum()),
            nearly_positive=nearly_positive(table, self.label),
        )

    def place_of(self, number: int) -> tuple[str, int]:
        """Where a row of `read` stands in the source, as messages name it: `line` or `row`, and which."""
        return self.report.unit, int(self.report.lines.of(np.array([number]))[0])

    def _placed(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table indexed by where its rows stand in the source, as messages name it."""
        lines = self.report.lines.of(table.index.to_numpy(dtype=np.int64))
        return table.set_axis(pd.Index(lines, name=self.report.unit), axis=0)

    def _read_columns(self) -> tuple[dict[str, Column], pd.DataFrame, list[str]]:
        """The text fields, encoded chunk by chunk, a table of the columns with other roles, and the columns without."""
        builders: dict[str, ColumnBuilder] = {}
        rest, indexes = StoredTable(), list[pd.Index]()
        self.report = FileReport()
        with stage(f"reading {self}") as advance:
            for part in self.chunks():
                chunk = part.set_axis(check_header(part.columns, str(self)), axis=1)
                if not indexes:
                    fields = self._check(list(chunk.columns))
                    builders = {name: ColumnBuilder() for name in fields}
                    others = list(dict.fromkeys(name for names in self._roles().values() for name in names))
                    self.report.announce()
                for name, builder in builders.items():
                    builder.add(chunk[name])
                rest.add(to_table(chunk[others]))
                indexes.append(chunk.index)
                advance(len(chunk))
        if not indexes:
            raise UserError(f"{self} has no rows; give it some.")
        if self.report.read:
            self.report.close(str(self))
        # One by one, so that nothing stands in memory twice.
        columns = {name: builders.pop(name).build() for name in fields}
        table = from_table(rest.table(), indexes[0].append(indexes[1:]))
        return columns, table, [name for name in chunk.columns if name not in {*fields, *others}]

    @property
    def roles(self) -> dict[str, list[str]]:
        """Config key → its columns, for the keys that name any."""
        return {key: names for key, names in self._roles().items() if names}

    def _options(self) -> FileOptions:
        """Which columns are wanted."""
        wanted = {normal_name(name) for names in self._roles().values() for name in names}
        wanted |= {*name_list(self.columns), *self.kinds.fields}
        return FileOptions(wanted=frozenset(wanted), needed=frozenset(wanted) if self.columns else None)

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
            return [normal_name(self.target)] if self.target else []
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

    def _ids(self, table: pd.DataFrame, numbers: pd.Index) -> pd.Series:
        if self.id is None:
            return pd.Series(numbers, index=table.index, name="id")
        ids, unit = table[self.id].rename("id"), table.index.name
        if ids.isna().any():
            first = ids.index[ids.isna()][0]
            raise UserError(f"{self}, {unit} {first}: the id column {self.id!r} is empty; fill it in.")
        repeated = ids.iloc[repeated_rows(ids)]
        if len(repeated):
            first = ids.index[ids == repeated.iloc[0]][0]
            raise UserError(
                f"{self}, {unit} {repeated.index[0]}: the id {repeated.iloc[0]!r} is already in {unit} {first}; ids in "
                f"column {self.id!r} must be unique; correct them, or leave data.id out, and write "
                f"data.split.group={self.id} where its rows belong together."
            )
        return ids
