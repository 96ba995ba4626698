"""Words of the program itself that pages show: splits, steps of a run, kinds of fields, states of a trial."""

from collections.abc import Callable

from libelle.data.split import TEST, TRAIN, VALIDATION
from libelle.language import N_, gettext, ngettext

_SPLITS = {TRAIN: N_("train"), VALIDATION: N_("validation"), TEST: N_("test")}
_SPLIT_RECORDS = {TRAIN: N_("train records"), VALIDATION: N_("validation records"), TEST: N_("test records")}
_STEPS = (N_("training"), N_("scoring"))
_STATUSES: dict[str, Callable[[int], str]] = {
    "completed": lambda number: ngettext("completed", "completed", number),
    "pruned": lambda number: ngettext("pruned", "pruned", number),
    "failed": lambda number: ngettext("failed", "failed", number),
    "running": lambda number: ngettext("unfinished", "unfinished", number),
    "nan": lambda number: ngettext("no finite value", "no finite value", number),
    "timeout": lambda number: ngettext("timed out", "timed out", number),
}
#: What stands in the place of a value in a table of parts of the records.
_VALUES = (N_("(missing)"), N_("(none)"), N_("(all others)"))
_KINDS = {"categorical": N_("categorical"), "numeric": N_("numeric")}
_DIRECTIONS = {"minimize": N_("Minimize {what}"), "maximize": N_("Maximize {what}")}


def split_name(split: str) -> str:
    """A split, as a table's head."""
    return gettext(_SPLITS[split])


def split_records(split: str) -> str:
    """What the records of a split are called, below their number."""
    return gettext(_SPLIT_RECORDS[split])


def kind_name(kind: str) -> str:
    """What a field that is not text holds."""
    return gettext(_KINDS[kind])


def step_name(step: str) -> str:
    """A step of a run, before its time."""
    return gettext(step) if step in _STEPS else step


def status_name(status: str, number: int = 1) -> str:
    """What became of one or more trials."""
    return _STATUSES[status](number) if status in _STATUSES else status


def value_name(value: str) -> str:
    """A value of a column, or what stands in its place."""
    return gettext(value) if value in _VALUES else value


def direction(name: str, what: str) -> str:
    """What a sweep does with its objective."""
    return gettext(_DIRECTIONS[name]).format(what=what)
