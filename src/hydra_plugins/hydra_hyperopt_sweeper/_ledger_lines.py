"""What the lines of a ledger and of a curve hold, checked where they are read: somebody may have edited them."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import ConfigDict, Field, FiniteFloat, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from ._errors import SweepError

T = TypeVar("T")

#: The number of a trial, of a job or of a step.
_Number = Annotated[int, Field(ge=0, lt=1 << 53)]
#: A moment in seconds since the epoch, or a time in seconds.
_Seconds = Annotated[float, Field(ge=0, lt=1e15)]


class Launched(TypedDict):
    """Which job runs which trial."""

    event: Literal["launched"]
    trial: _Number
    job: _Number
    parameters: dict[str, Any]
    overrides: list[str]


class Finished(TypedDict):
    """How a trial ended."""

    event: Literal["finished"]
    trial: _Number
    job: _Number
    status: Annotated[str, Field(pattern="^(completed|pruned|failed|nan|timeout)$")]
    value: FiniteFloat | None
    error: str | None
    started: _Seconds | None
    seconds: _Seconds | None


class Point(TypedDict):
    """A point of a job's curve."""

    step: _Number
    value: float | None


#: Any line of a ledger but the first.
LINE: TypeAdapter[Launched | Finished] = TypeAdapter(Annotated[Launched | Finished, Field(discriminator="event")])
POINT: TypeAdapter[Point] = TypeAdapter(Point)

#: Of a line whose keys are all known.
CLOSED = ConfigDict(extra="forbid")


def checked(adapter: TypeAdapter[T], line: object, path: object) -> T:
    """A line that is as it should be.

    Args:
        adapter: of what it should be.
        line: as it was read.
        path: of the file, for the message.

    Raises:
        SweepError: when it is anything else.
    """
    try:
        return adapter.validate_python(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise unknown(path, f"{_place(first['loc'])}{first['msg'][:200]}") from error


def unknown(path: object, reason: str) -> SweepError:
    """What to say of a file that another version of the sweeper has written, or somebody else."""
    shown = "".join(character if character.isprintable() else "?" for character in reason)
    return SweepError(f"{path} is no ledger of this version of the sweeper ({shown}); choose another hydra.sweep.dir")


def _place(keys: Sequence[object]) -> str:
    place = ".".join(map(str, keys))[:100]
    return f"{place}: " if place else ""
