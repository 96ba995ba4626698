"""conf/ is the registry: one name, one file, one class; and no default is said twice in different words."""

import dataclasses
import importlib
import inspect
import pkgutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

import libelle
from helpers.scripts import CONF
from libelle.cleaners.text import Accents
from libelle.components import Component, describe, load_class, with_names
from libelle.data.frame_source import FrameSource
from libelle.errors import UserError
from libelle.models.base import Model
from libelle.training.pruning import HalvingPruning, MedianPruning, Pruning


def import_everything() -> None:
    for module in pkgutil.walk_packages(libelle.__path__, "libelle."):
        importlib.import_module(module.name)


def below(cls: type) -> Iterator[type]:
    for sub in cls.__subclasses__():
        yield sub
        yield from below(sub)


def component_classes() -> list[type[Component]]:
    """Every class of libelle that a node of a config group can name."""
    import_everything()
    found = {cls for cls in below(Component) if hasattr(cls, "conf_group") and not inspect.isabstract(cls)}
    found.discard(FrameSource)  # made in Python alone
    return sorted((cls for cls in found if cls.__module__.startswith("libelle.")), key=lambda cls: cls.__qualname__)


CLASSES = component_classes()
VARIANTS = [
    path
    for group in ("process", "model", "data")
    for path in sorted((CONF / group).glob("*.yaml"))
    if "_target_" not in yaml.safe_load(path.read_text(encoding="utf-8"))
]
BASES = {cls.conf_group: cls for cls in below(Component) if "conf_group" in vars(cls)}


def read(path: Path) -> dict[str, Any]:
    """What a config file itself says, interpolations resolved."""
    plain = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def default_of(field: dataclasses.Field[Any]) -> Any:
    """A field's default as config values; MISSING where it has none."""
    value = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value


def flat(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted key → value."""
    values: dict[str, Any] = {}
    for key, value in node.items():
        values |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return values


def test_every_group_has_a_contract() -> None:
    assert set(BASES) == {"process", "model", "cleaner", "calibration", "data", "sampler", "store"}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__qualname__)
def test_a_class_has_one_file_and_one_name(cls: type[Component]) -> None:
    assert "conf_name" in vars(cls), f"{cls.__qualname__} needs a conf_name of its own"
    path = f"{cls.__module__}.{cls.__qualname__}"
    files = [file for file in CONF.glob("*/*.yaml") if yaml.safe_load(file.read_text("utf-8")).get("_target_") == path]
    assert files == [CONF / cls.conf_group / f"{cls.conf_name}.yaml"], "variants extend this file by `defaults`"
    assert load_class(cls.conf_name, BASES[cls.conf_group], "node") is cls
    assert with_names({"_target_": path}) == {"_target_": cls.conf_name}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__qualname__)
def test_the_defaults_of_a_class_are_those_of_its_file(cls: type[Component]) -> None:
    said = read(CONF / cls.conf_group / f"{cls.conf_name}.yaml")
    fields = {field.name: default_of(field) for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    assert said.keys() - {"_target_", "defaults"} == fields.keys(), "each key can be seen and set, and no other"
    assert {key: value for key, value in fields.items() if value != said[key]} == {
        # What has no default in the class has one in the file alone.
        key: value
        for key, value in fields.items()
        if value is dataclasses.MISSING
    }


@pytest.mark.parametrize("path", VARIANTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_variant_says_only_what_differs_from_the_file_that_it_extends(path: Path) -> None:
    variant = read(path)
    extended = flat(read(path.parent / f"{variant.pop('defaults')[0]}.yaml"))
    assert not [key for key, value in flat(variant).items() if key in extended and value == extended[key]]


@pytest.mark.parametrize(("option", "cls"), [("median", MedianPruning), ("halving", HalvingPruning)])
def test_the_defaults_of_a_pruning_callback_are_those_of_its_file(option: str, cls: type[Pruning]) -> None:
    said = read(CONF / "pruning" / f"{option}.yaml")
    assert said.pop("_target_").endswith(f".{cls.__name__}")
    assert said == {name: parameter.default for name, parameter in inspect.signature(cls).parameters.items()}


@pytest.mark.parametrize("name", ["../model/mlp", "diaries", "none", "Mlp", "mlp_lstm", "nothing", ""])
def test_a_name_that_is_no_class_is_one_sentence(name: str) -> None:
    with pytest.raises(
        UserError, match=r"model\._target_=.* is not a Model of libelle.*; choose an option of the group"
    ):
        load_class(name, Model, "model")


def test_a_class_is_found_by_its_name_without_importing_the_others() -> None:
    code = "import sys; from libelle.components import load_class; from libelle.cleaners.base import Cleaner\n"
    code += "load_class('accents', Cleaner, 'x')\n"
    code += "assert not [name for name in sys.modules if name.startswith(('libelle.models', 'libelle.processes'))]"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_component_without_a_name_of_its_own_cannot_be_stored() -> None:
    class Loud(Accents):
        pass

    with pytest.raises(TypeError, match="Loud needs a conf_name of its own"):
        describe(Loud())


def test_a_whole_config_is_stored_with_names() -> None:
    node = {"_target_": "libelle.processes.tfidf.Tfidf", "min_df": 2}
    config = {
        "process": {"_target_": "libelle.processes.union.Union", "parts": ["tfidf"], "tfidf": node},
        "callbacks": {"stop": {"_target_": "pytorch_lightning.callbacks.EarlyStopping"}},
        "pruning": {"_target_": "libelle.training.pruning.MedianPruning"},
        "seed": 1,
    }
    named = with_names(config)
    assert named["process"]["_target_"] == "union"
    assert named["process"]["tfidf"] == {"_target_": "tfidf", "min_df": 2}
    assert {key: named[key] for key in ("callbacks", "pruning", "seed")} == {
        key: config[key] for key in ("callbacks", "pruning", "seed")
    }
    assert config["process"]["_target_"] == "libelle.processes.union.Union"
