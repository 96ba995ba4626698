"""Which keys are raw, and what the schema knows of a key."""

from pathlib import Path
from typing import Any

import pytest
from hydra.utils import get_class

from libelle.cli.command import register_resolvers
from libelle.cli.raw_arguments import as_typed, decoded, is_raw, protect
from libelle.cli.schema_keys import _PAGES, _TRAIN, choices_in, is_text, nearest, options
from libelle.components import Component


@pytest.fixture(autouse=True)
def resolvers() -> None:
    register_resolvers()


@pytest.mark.parametrize("page", [*_PAGES.values(), _TRAIN])
def test_what_a_page_is_checked_against_is_where_it_is_said_to_be(page: str) -> None:
    assert issubclass(get_class(page), Component)


@pytest.mark.parametrize(
    ("command", "key", "choices"),
    [
        ("train", "data.path", ["data=csv"]),
        ("train", "data.columns", ["data=csv"]),
        ("train", "data.target", []),
        ("train", "data.split.column", []),
        ("train", "data.query", ["data=sql"]),
        ("train", "store.root", []),
        ("train", "base.name", []),
        ("train", "optimize", []),
        ("train", "tune.name", ["tune=logreg"]),
        ("train", "callbacks.pruning.monitor", ["pruning=median"]),
        ("runtime", "text", []),
        ("runtime", "run_id", []),
        ("runtime", "delimiter", []),
        ("publish", "name", []),
        ("threshold", "run_id", []),
        ("threshold", "store.root", []),
    ],
)
def test_a_key_whose_type_is_a_text_is_raw(command: str, key: str, choices: list[str]) -> None:
    assert is_raw(command, key, choices_in(choices))


@pytest.mark.parametrize(
    ("command", "key", "choices"),
    [
        ("train", "seed", []),
        ("train", "data", ["data=csv"]),
        ("train", "data.path", []),  # not a key of data=bi
        ("train", "data.target_rule", []),
        ("train", "data.size", []),
        ("train", "model.hidden", []),
        ("train", "process.parts", ["process=union"]),
        ("train", "process.tfidf.min_df", ["process=union"]),
        ("train", "model.loss.class_weights", []),
        ("train", "model.optimizer.lr", []),
        ("train", "tune.processes", ["tune=logreg"]),
        ("train", "trainer.devices", []),
        ("train", "hydra.sweeper.max_trials", ["tune=logreg"]),
        ("runtime", "explain", []),
        ("threshold", "cost.fp", []),
        ("train", "nothing", []),
        ("train", "a b", []),
    ],
)
def test_numbers_choices_and_lists_are_hydras(command: str, key: str, choices: list[str]) -> None:
    assert not is_raw(command, key, choices_in(choices))


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        *((str, True), (str | None, True), (list[str] | str | None, True), (Path | str, True), (int | str, False)),
        *((list[str], False), (str | dict[str, int], False), (list[int] | str | int, False), (None, False)),
    ],
)
def test_a_text_is_what_allows_any_text_and_nothing_to_parse(hint: Any, text: bool) -> None:
    assert is_text(hint) is text


def test_a_key_is_raw_for_each_option_that_a_sweep_draws() -> None:
    choices = choices_in(["model=logreg,ensemble", "data=csv,nothing"])
    assert choices == (("model=logreg", "data=csv"), ("model=ensemble", "data=csv"))
    assert is_raw("train", "data.path", choices)


def test_null_is_a_text_in_somebodys_data_and_nothing_elsewhere() -> None:
    protected = protect(["data=csv", "data.positive=null", "optimize=null", "data.target_rule=label"])
    assert protected == ["data=csv", "data.positive='null'", "optimize=null", "data.target_rule=label"]


def test_in_a_sweep_commas_part_names_of_ours_and_choices_part_data() -> None:
    typed = ["-m", "data=csv", "data.columns=a,b", "base.name=é,b", "data.path=choice('f é.csv',g.csv)", "seed=1,2"]
    protected = protect(typed)
    assert protected[2] == "data.columns='a,b'"
    assert [decoded(protected[place]) for place in (3, 4)] == ["base.name='é',b", "data.path=choice('f é.csv',g.csv)"]
    # Hydra's sweeper takes quotes away, and with them what they protect.
    assert "é" not in protected[3] + protected[4]
    assert protected[5] == "seed=1,2"
    assert protect(["base.name=a b,c"]) == ["base.name='a b,c'"]


def test_a_search_shows_its_overrides_as_they_can_be_pasted() -> None:
    typed = ["tune=logreg", "data=csv", "data.columns=choice('a,b',c)", "data.path=l'été 2026.csv"]
    assert protect(typed) == ["tune=logreg", "data=csv", "data.columns=choice('a,b',c)", 'data.path="l\'été 2026.csv"']
    assert as_typed("data.columns='a,b'") == "data.columns=a,b"


def test_hydras_own_keys_take_accents() -> None:
    assert protect(["hydra.sweep.dir=sweeps/été"]) == ["hydra.sweep.dir='sweeps/été'"]


def test_what_was_meant_has_the_same_letters_or_nearly() -> None:
    assert nearest("modle", ["mode", "model"]) == "model"
    assert nearest("transfromer", options("model")) == "transformer"
    assert nearest("xyz", options("model")) is None
