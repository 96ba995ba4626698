"""From a config node to a Python object.

A component (source, cleaner, process, model, store…) is a dataclass whose fields are its config keys. A node names the
class in `_target_` and gives the fields; the same form is written into a saved pipeline, so that training and runtime
build the same object from the same words.

`conf/` is the registry: an option's own file, `conf/<group>/<name>.yaml`, says which class goes by the name. Files in
`conf/` hold import paths, as Hydra knows them, and everything that is stored holds names alone (`mlp`, `tokens`), so
that a class can move without breaking what was stored before.
"""

import dataclasses
import importlib
import inspect
import json
import sys
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, TypeVar, get_type_hints

import yaml
from pydantic import ConfigDict, Field, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from libelle.errors import UserError, in_brief
from libelle.installation import CONF

T = TypeVar("T")
C = TypeVar("C", bound="Component")

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


#: What is said of a class whose fields cannot be keys of a config.
_STORABLE = "annotate its fields with types of JSON: texts, numbers, lists and mappings of them"


#: What pydantic finds, by its name for it → what is to be written instead.
_WANTED = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    "finite_number": "a number that is not infinite",
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    "string_type": "a text",
    "list_type": "a list in brackets, as [a,b]",
    "greater_than": "a number above {gt:.12g}",
    "greater_than_equal": "a number of at least {ge:.12g}",
    "less_than": "a number below {lt:.12g}",
    "less_than_equal": "a number of at most {le:.12g}",
    "literal_error": "{expected}",
}


class Component:
    """Base of all that is built from a config node."""

    #: Unknown keys are refused, and `data.id=7` is the column "7".
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", coerce_numbers_to_str=True)
    #: The config group whose options are built from subclasses; said by each contract (`Model`, `Process`, …).
    conf_group: ClassVar[str]
    #: The option whose file `conf/<conf_group>/<conf_name>.yaml` is the class's own; said by each class that is built.
    conf_name: ClassVar[str]


def build(node: Mapping[str, Any], base: type[C], key: str) -> C:
    """Build the component that a node describes.

    Args:
        node: `_target_`, the name of a class or its import path within libelle, and the class's fields.
        base: what the class must derive from. Other classes are refused: a saved pipeline must not be able to call
            just anything.
        key: the node's place in the config, for messages.

    Raises:
        UserError: names the key that is unknown, missing or has a wrong value.
    """
    fields = dict(node)
    component = validate(load_class(fields.pop("_target_", None), base, key), fields, key)
    try:
        json.dumps(describe(component))
    except TypeError as error:  # what could not be stored would be found at the end of training
        raise UserError(f"{key}: {type(component).__name__} cannot be stored ({error}); {_STORABLE}.") from error
    return component


def validate(cls: type[T], values: Mapping[str, Any], key: str) -> T:
    """Make a dataclass from plain values, checking every type and bound.

    Raises:
        UserError: names the first key that does not fit, and what would.
    """
    try:
        return TypeAdapter(cls).validate_python(dict(values))
    except ValidationError as error:
        raise UserError(_sentence(error, cls, values, key)) from None
    except PydanticUserError as error:  # of a class that somebody is writing
        said = in_brief(str(error).partition(". ")[0])
        raise UserError(f"{key}: {cls.__name__} cannot be read from a config ({said}); {_STORABLE}.") from error


def describe(component: Component) -> dict[str, Any]:
    """The node that builds an equal component: JSON values alone, and the class by its name."""
    cls = type(component)
    if "conf_name" not in vars(cls):
        raise TypeError(f"{cls.__name__} needs a conf_name of its own: the option of {cls.conf_group} that it is.")
    return {"_target_": cls.conf_name, **dataclasses.asdict(component)}  # type: ignore[call-overload]


def with_names(config: Any) -> Any:
    """The same config, with the name of each component of libelle in place of its import path.

    Components that were built are found: nothing is imported for it, as callbacks are not, which take seconds.
    """
    if not isinstance(config, Mapping):
        return config
    named = {key: with_names(value) for key, value in config.items()}
    module, _, name = str(config.get("_target_")).rpartition(".")
    found = getattr(sys.modules.get(module), name, None)
    if isinstance(found, type) and issubclass(found, Component) and "conf_name" in vars(found):
        named["_target_"] = found.conf_name
    return named


def load_class(target: object, base: type[C], key: str) -> type[C]:
    """Import a class of libelle.

    Args:
        target: its name, an option of the group of `base`, or its import path.
        base: what it must derive from.
        key: the node's place in the config, for messages.

    Raises:
        UserError: when there is no such class, or it is not a `base`.
    """
    path = str(target)
    try:
        found = _import(path if "." in path else _import_path(path, base))
    except ModuleNotFoundError as error:  # a library that the class's module needs
        raise UserError(f"{key}._target_={path} needs {error.name}, which is not installed; install it.") from error
    if not (isinstance(found, type) and issubclass(found, base)) or _is_contract(found):
        why = "" if found is not None else " (none is given)" if target is None else _why_not(path, base)
        raise UserError(
            f"{key}._target_={path} is not a {base.__name__} of libelle{why}; choose an option of the group."
        )
    wrong = _unfinished(found, base, named="." not in path)
    if wrong is not None:
        raise UserError(f"{key}._target_={path} cannot be built: {wrong}.")
    return found


def _is_contract(cls: type[Component]) -> bool:
    """Whether a class is one to derive from."""
    return inspect.isabstract(cls) and "conf_name" not in vars(cls)


def _why_not(path: str, base: type[Component]) -> str:
    """Why nothing was found at an import path, or by a name."""
    module, _, name = path.rpartition(".")
    if not module:
        return f" (no conf/{base.conf_group}/{path}.yaml of this installation names its class)"
    if module.split(".")[0] != "libelle":
        return " (only classes within the package libelle are)"
    return f" ({module} has no {name}, or is not there)"


def _unfinished(cls: type[Component], base: type[Component], *, named: bool) -> str | None:
    """What a class that somebody is writing lacks, with what to do; None where it is whole.

    Args:
        cls: the class.
        base: the contract of its group.
        named: whether it was found by its name, which is right then.
    """
    if inspect.isabstract(cls):
        lacking = " and ".join(sorted(vars(cls)["__abstractmethods__"]))
        return f"the class {cls.__name__} does not define {lacking}, as its contract asks; add what is missing"
    hints = {name: str(hint) for name, hint in inspect.get_annotations(cls).items() if name == name.strip("_")}
    own = [name for name, hint in hints.items() if "ClassVar" not in hint and "Final" not in hint]
    if not dataclasses.is_dataclass(cls) or ("__dataclass_fields__" not in vars(cls) and own):
        return f"the class {cls.__name__} is no dataclass of its own, as keys need; decorate it with @dataclass"
    name = vars(cls).get("conf_name")
    if not named and _import_path(str(name), base) != f"{cls.__module__}.{cls.__qualname__}":
        # Stored by its name, it would come back as another class, or not at all.
        return (
            f"the class {cls.__name__} has conf_name={name!r}, and conf/{base.conf_group}/{name}.yaml does not name it "
            "as its _target_; give the class the name of its own file"
        )
    return None


def look_up(config: Mapping[str, Any], key: str) -> Any:
    """The value at a dotted key; None where the key is missing."""
    value: Any = config
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _import_path(name: str, base: type[Component]) -> str:
    """What the option's own file says; nothing where there is no such option, or it only varies another one."""
    file = CONF / base.conf_group / f"{name}.yaml"
    if not name.isidentifier() or not file.is_file():
        return ""
    return str((yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get("_target_"))


def _import(path: str) -> object:
    """What an import path within libelle leads to; None where there is nothing."""
    module, _, name = path.rpartition(".")
    if module.split(".")[0] != "libelle":
        return None
    try:
        return getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):
            raise  # the module is there, and a library that it needs is not
        return None


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
    errors = error.errors(include_url=False)
    first, place = errors[0], _place(errors[0], values, key)
    here = [each for each in errors if _place(each, values, key) == place]  # a union's branches each have one
    others = len(errors) - len(here)
    more = f" ({others} more like it)" if others else ""
    match first["type"]:
        case "unexpected_keyword_argument":
            owner = _owner(cls, first["loc"][:-1])
            names = ", ".join(field.name for field in dataclasses.fields(owner))
            return f"{place} is not a key of {owner.__name__}; its keys are {names}{more}."
        case "missing":
            return f"{place} is not set; give it a value{more}."
        case "dataclass_type":
            below = f"{place}.{dataclasses.fields(_owner(cls, first['loc']))[0].name}"
            return f"{place}={first['input']} does not fit: write its keys one by one, as {below}=<value>{more}."
    wanted = [_WANTED[each["type"]].format(**each.get("ctx", {})) for each in here if each["type"] in _WANTED]
    message = f"write {' or '.join(dict.fromkeys(wanted))}" if wanted else first["msg"][0].lower() + first["msg"][1:]
    return f"{place}={first['input']} does not fit: {message}{more}."


def _place(error: ErrorDetails, values: Any, key: str) -> str:
    """The dotted key that an error of pydantic is about."""
    path = [key] if key else []
    for part in error["loc"]:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            if error["type"] != "missing":
                continue  # pydantic names the branch of a union here
        path.append(str(part))
    return ".".join(path)


def _owner(cls: Any, path: tuple[int | str, ...]) -> Any:
    """The dataclass that a path through nested dataclasses leads to."""
    for name in path:
        hint = get_type_hints(cls).get(str(name))
        cls = hint if dataclasses.is_dataclass(hint) else cls
    return cls
