"""From config nodes to objects and back; every wrong key has a sentence."""

import re
import sys
from dataclasses import dataclass, field
from types import ModuleType

import pytest

from libelle import cleaners, components
from libelle.cleaners.base import Cleaner
from libelle.cleaners.text import Stopwords
from libelle.components import Component, build, check_arguments, describe, validate
from libelle.errors import UserError
from libelle.stores.base import Store


@dataclass(kw_only=True)
class Inner(Component):
    size: int = 1


@dataclass(kw_only=True)
class Outer(Component):
    name: str
    share: float | int | None = None
    inner: Inner = field(default_factory=Inner)


class ForeignStopping:
    def __init__(self, monitor: str, patience: int = 3, other=None) -> None: ...


def test_a_component_is_built_again_from_its_description():
    cleaner = Stopwords(words=["de", "la"])
    node = describe(cleaner)
    assert node == {"_target_": "stopwords", "words": ["de", "la"]}
    assert build(node, Cleaner, "cleaner.stopwords") == cleaner


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "node.name is not set; give it a value."),
        ({"name": "a", "sise": 1}, "node.sise is not a key of Outer; its keys are name, share, inner."),
        ({"name": "a", "inner": {"sise": 1}}, "node.inner.sise is not a key of Inner; its keys are size."),
        ({"name": "a", "inner": {"size": "x"}}, "node.inner.size=x does not fit: write a whole number."),
        (
            {"name": "a", "inner": 3},
            "node.inner=3 does not fit: write its keys one by one, as node.inner.size=<value>.",
        ),
        ({"name": "a", "share": "x"}, "node.share=x does not fit: write a number or a whole number."),
        ({"name": ["a"], "sise": 1}, "node.name=['a'] does not fit: write a text (1 more like it)."),
        ({"sise": 1}, "(1 more like it)."),
    ],
)
def test_wrong_keys_and_values_are_named_with_what_would_fit(values, sentence):
    with pytest.raises(UserError) as caught:
        validate(Outer, values, "node")
    assert sentence in str(caught.value)


def test_keys_at_the_top_have_no_dot_before_them():
    with pytest.raises(UserError, match=r"^name is not set"):
        validate(Outer, {}, "")


@pytest.mark.parametrize("target", [None, "", "libelle", "Stopwords", "os.system", "libelle.cleaners.base.Cleaner"])
def test_only_classes_of_the_group_are_built(target):
    with pytest.raises(UserError, match=r"cleaner\.x\._target_=.* is not a Cleaner of libelle"):
        build({"_target_": target}, Cleaner, "cleaner.x")


def test_arguments_of_other_libraries_are_checked_against_their_annotations():
    check_arguments(ForeignStopping, {"monitor": "validation_loss", "patience": 5, "other": object()}, "callbacks.stop")
    with pytest.raises(UserError, match=r"^callbacks\.stop\.patience=soon does not fit: write a whole number"):
        check_arguments(ForeignStopping, {"patience": "soon"}, "callbacks.stop")


def test_an_option_whose_library_is_not_installed_names_its_extra(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "minio" or "libelle.stores." in name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "minio", None)
    node = {"_target_": "libelle.stores.minio.MinioStore"}
    with pytest.raises(UserError, match=r"^store=minio needs minio, .* install it with pip install 'libelle\[minio\]'"):
        build(node, Store, "store")


WRITTEN = """
import dataclasses, pathlib, typing
import numpy as np
from typing import Final
from libelle.cleaners.base import TextCleaner
from libelle.cleaners.text import Stopwords
{decorator}
class Written({base}):
    conf_name = {name!r}
    {key}: {hint} = {default}
    def {method}(self, text):
        return text
"""


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, None),
        ({"decorator": ""}, "the class Written is no dataclass of its own, as keys need; decorate it"),
        ({"method": "clean_texts"}, "the class Written does not define clean_text, as its contract asks"),
        ({"decorator": "", "base": "Stopwords", "key": "_pattern"}, None),
        ({"decorator": "", "base": "Stopwords", "hint": "Final[int]"}, None),
        ({"decorator": "", "base": "Stopwords"}, "the class Written is no dataclass of its own"),
        ({"name": None}, "the class Written has conf_name=None, and conf/cleaner/None.yaml does not name it"),
        ({"name": "other"}, "has conf_name='other', and conf/cleaner/other.yaml does not name it as its _target_"),
        ({"name": "accents"}, "has conf_name='accents', and conf/cleaner/accents.yaml does not name it"),
        ({"hint": "np.ndarray"}, "cleaner.x: Written cannot be read from a config (Unable to generate"),
        ({"hint": '"Nowhere"'}, "cleaner.x: Written cannot be read from a config ("),
        ({"hint": "pathlib.Path", "default": 'pathlib.Path("a")'}, "cleaner.x: Written cannot be stored (Object of"),
        ({"hint": "frozenset[int]", "default": "frozenset()"}, "annotate its fields with types of JSON"),
    ],
)
def test_a_class_that_cannot_be_stored_and_built_again_is_refused_before_any_work(
    changes, sentence, tmp_path, monkeypatch
):
    module = ModuleType("libelle.written")
    values = {
        "decorator": "@dataclasses.dataclass",
        "name": "written",
        "hint": "int",
        "default": "1",
        "key": "key",
        "base": "TextCleaner",
    }
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(WRITTEN.format(**{**values, "method": "clean_text", **changes}), vars(module))
    (tmp_path / "cleaner").mkdir()
    target = "libelle.written.Written"
    (tmp_path / "cleaner" / "written.yaml").write_text(f"_target_: {target}\n", encoding="utf-8")
    (tmp_path / "cleaner" / "accents.yaml").write_text("_target_: libelle.cleaners.text.Accents\n", encoding="utf-8")
    monkeypatch.setattr(components, "CONF", tmp_path)
    if sentence is None:
        cleaner = build({"_target_": target}, Cleaner, "cleaner.x")
        assert build(describe(cleaner), Cleaner, "cleaner.x") == cleaner
        return
    with pytest.raises(UserError) as caught:
        build({"_target_": target}, Cleaner, "cleaner.x")
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("target", "why"),
    [
        (None, "(none is given)"),
        ("mine", "(no conf/cleaner/mine.yaml of this installation names its class)"),
        ("mine.Cleaner", "(only classes within the package libelle are)"),
        ("libelle.cleaners.mine.Mine", "(libelle.cleaners.mine has no Mine, or is not there)"),
    ],
)
def test_it_is_said_why_there_is_no_such_class(target, why):
    with pytest.raises(UserError, match=re.escape(f"is not a Cleaner of libelle {why}; choose an option")):
        build({"_target_": target}, Cleaner, "cleaner.x")


def test_a_class_whose_module_needs_what_is_not_installed_says_so(tmp_path, monkeypatch):
    (tmp_path / "lent.py").write_text("import nothing_of_this_name\n", encoding="utf-8")
    monkeypatch.setattr(cleaners, "__path__", [*cleaners.__path__, str(tmp_path)])
    with pytest.raises(UserError, match=r"_target_=libelle\.cleaners\.lent\.Lent needs nothing_of_this_name, which is"):
        build({"_target_": "libelle.cleaners.lent.Lent"}, Cleaner, "cleaner.x")
