"""From a config node to a Python object.

A component (source, cleaner, process, model, store…) is a dataclass whose fields are its config keys. A node names the
class in `_target_` and gives the fields; the same form is written into a saved pipeline, so that training and runtime
build the same object from the same words.
"""

import dataclasses
import importlib
import inspect
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, TypeVar, get_type_hints

from pydantic import ConfigDict, Field, PydanticSchemaGenerationError, TypeAdapter, ValidationError

from libelle.errors import UserError

T = TypeVar("T")

#: A count of things that must be there.
Positive = Annotated[int, Field(ge=1)]
#: A count that may be none.
Natural = Annotated[int, Field(ge=0)]
#: A count of things that must be several.
Several = Annotated[int, Field(ge=2)]
#: What a random generator starts from.
Seed = Annotated[int, Field(ge=0, lt=1 << 32)]
#: A number above zero, as learning rates are.
AboveZero = Annotated[float, Field(gt=0)]
#: A number that may be zero, as penalties are.
NonNegative = Annotated[float, Field(ge=0)]
#: A share, none and all included: [0, 1].
Share = Annotated[float, Field(ge=0, le=1)]
#: A share that is not none: (0, 1].
PositiveShare = Annotated[float, Field(gt=0, le=1)]
#: A share that is not all, as of what is dropped: [0, 1).
PartialShare = Annotated[float, Field(ge=0, lt=1)]
#: A share that is neither none nor all: (0, 1).
OpenShare = Annotated[float, Field(gt=0, lt=1)]


class Component:
    """Base of all that is built from a config node."""

    #: Unknown keys are refused, and `data.id=7` is the column "7".
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


def build(node: Mapping[str, Any], base: type[T], key: str) -> T:
    """Build the component that a node describes.

    Args:
        node: `_target_`, the path of a class within libelle, and the class's fields.
        base: what the class must derive from. Other classes are refused: a saved pipeline must not be able to call
            just anything.
        key: the node's place in the config, for messages.

    Raises:
        UserError: names the key that is unknown, missing or has a wrong value.
    """
    fields = dict(node)
    return validate(load_class(fields.pop("_target_", None), base, key), fields, key)


def validate(cls: type[T], values: Mapping[str, Any], key: str) -> T:
    """Make a dataclass from plain values, checking every type and bound.

    Raises:
        UserError: names the first key that does not fit, and what would.
    """
    try:
        return TypeAdapter(cls).validate_python(dict(values))
    except ValidationError as error:
        raise UserError(_sentence(error, cls, values, key)) from None


def describe(component: Component) -> dict[str, Any]:
    """The node that builds an equal component: JSON values alone."""
    cls = type(component)
    fields = dataclasses.asdict(component)  # type: ignore[call-overload]
    return {"_target_": f"{cls.__module__}.{cls.__qualname__}", **fields}


def load_class(path: object, base: type[T], key: str) -> type[T]:
    """Import a class of libelle by its path.

    Raises:
        UserError: when there is no such class, or it is not a `base`.
    """
    module, _, name = str(path).rpartition(".")
    found = None
    if module.split(".")[0] == "libelle":
        try:
            found = getattr(importlib.import_module(module), name, None)
        except ModuleNotFoundError as error:
            if not f"{module}.".startswith(f"{error.name}."):
                raise  # the module is there, and a library that it needs is not
    if not (isinstance(found, type) and issubclass(found, base)) or inspect.isabstract(found):
        raise UserError(f"{key}._target_={path} is not a {base.__name__} of libelle; choose an option of the group.")
    return found


def check_arguments(cls: type, values: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Check arguments for another library's class against its annotations, where these say enough.

    Returns:
        The arguments, converted as pydantic does: "3" is the integer 3 where one is wanted.

    Raises:
        UserError: names the first key that does not fit.
    """
    hints = get_type_hints(cls.__init__)  # type: ignore[misc]
    checked = dict(values)
    for name in [name for name in values if name in hints]:
        try:
            checked[name] = TypeAdapter(hints[name]).validate_python(values[name])
        except PydanticSchemaGenerationError:
            continue  # a class of that library
        except ValidationError as error:
            raise UserError(_sentence(error, cls, values[name], f"{key}.{name}")) from None
    return checked


def _sentence(error: ValidationError, cls: type, values: Any, key: str) -> str:
    first = error.errors(include_url=False)[0]
    path = [key] if key else []
    for part in first["loc"]:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            if first["type"] != "missing":
                continue  # pydantic names the branch of a union here
        path.append(str(part))
    place = ".".join(path)
    more = f" ({error.error_count() - 1} more like it)" if error.error_count() > 1 else ""
    match first["type"]:
        case "unexpected_keyword_argument":
            owner = _owner(cls, first["loc"][:-1])
            names = ", ".join(field.name for field in dataclasses.fields(owner))
            return f"{place} is not a key of {owner.__name__}; its keys are {names}{more}."
        case "missing":
            return f"{place} is not set; give it a value{more}."
    message = first["msg"][0].lower() + first["msg"][1:]
    return f"{place}={first['input']} does not fit: {message}{more}."


def _owner(cls: Any, path: tuple[int | str, ...]) -> Any:
    """The dataclass that a path through nested dataclasses leads to."""
    for name in path:
        hint = get_type_hints(cls).get(str(name))
        cls = hint if dataclasses.is_dataclass(hint) else cls
    return cls
