"""From config nodes to objects and back; every wrong key has a sentence."""

import sys
from dataclasses import dataclass, field

import pytest

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
        ({"name": "a", "inner": {"size": "x"}}, "node.inner.size=x does not fit: input should be a valid integer"),
        ({"name": "a", "share": "x"}, "node.share=x does not fit: input should be a valid number"),
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
    with pytest.raises(
        UserError, match=r"^callbacks\.stop\.patience=soon does not fit: input should be a valid integer"
    ):
        check_arguments(ForeignStopping, {"patience": "soon"}, "callbacks.stop")


def test_an_option_whose_library_is_not_installed_names_its_extra(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "minio" or "libelle.stores." in name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "minio", None)
    node = {"_target_": "libelle.stores.minio.MinioStore"}
    with pytest.raises(UserError, match=r"^store=minio needs minio, .* install it with pip install 'libelle\[minio\]'"):
        build(node, Store, "store")
