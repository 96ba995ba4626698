"""Every file of conf/ composes, and every node fits the signature it names."""

import inspect

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.utils import get_class
from omegaconf import OmegaConf

from helpers.scripts import CONF
from libelle.cli.command import register_resolvers
from libelle.components import build, describe, with_names
from libelle.data.source import Source
from libelle.errors import UserError
from libelle.evaluation.calibration import Calibration
from libelle.models.base import Model
from libelle.processes.base import Process
from libelle.processes.union import choose_parts
from libelle.samplers.rows import Sampler
from libelle.stores.base import Store
from libelle.training.plan import Provenance
from libelle.training.schema import build_plan

pytestmark = pytest.mark.usefixtures("hydra_restore_singletons")

BASES = {
    "data": Source,
    "process": Process,
    "model": Model,
    "sampler": Sampler,
    "store": Store,
    "calibration": Calibration,
}
GROUPS = sorted(
    (path.parent.name, path.stem)
    for path in CONF.glob("*/*.yaml")
    if path.parent.name not in ("trainer", "callbacks", "logger")
)


def composed(*overrides, script="train"):
    register_resolvers()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose(script, overrides=list(overrides), return_hydra_config=True)
    HydraConfig.instance().set_config(config)
    own = OmegaConf.masked_copy(config, [name for name in config if name != "hydra"])
    plain = OmegaConf.to_container(own, resolve=True)
    assert isinstance(plain, dict)
    return plain


def test_every_folder_of_conf_is_known_to_these_tests():
    assert {path.name for path in CONF.iterdir() if path.is_dir()} == {
        *BASES, "cleaner", "mode", "trainer", "callbacks", "logger", "pruning", "tune",
    }  # fmt: skip


@pytest.mark.parametrize(("group", "option"), GROUPS)
def test_option_composes_and_is_accepted(group, option):
    # Alone an option may not go with the default model: tests/training/test_pairings.py has the pairs.
    partner = {"sampler": ["model=logreg"], "process": ["mode=prepare"]}.get(group, [])
    config = composed(f"{group}={option}", *(["model=ensemble"] if option == "raw" else partner))
    plan = build_plan(Provenance(config))
    if group in BASES and config[group]:
        # The file says all keys or leaves them to the class; either way nothing unknown is in it.
        node = choose_parts(config[group]) if group == "process" else config[group]
        component = build(node, BASES[group], group)
        assert describe(component)["_target_"] == with_names(config[group])["_target_"]
    if group == "cleaner" and option not in ("none", "french", "predecessor"):
        assert list(plan.cleaners) == [option]


@pytest.mark.parametrize("option", [path.stem for path in (CONF / "pruning").glob("*.yaml") if path.stem != "none"])
def test_pruning_is_one_more_callback(option):
    node = composed(f"pruning={option}")["callbacks"]["pruning"]
    arguments = {key: value for key, value in node.items() if key != "_target_"}
    get_class(node["_target_"])(**arguments)


@pytest.mark.parametrize("group", ["callbacks", "logger"])
def test_lightning_nodes_bind_to_their_signatures(group):
    for path in (CONF / group).glob("*.yaml"):
        for name, node in composed(f"{group}={path.stem}", "~pruning")[group].items():
            arguments = {key: value for key, value in node.items() if key != "_target_"}
            inspect.signature(get_class(node["_target_"])).bind(**arguments)
            assert name.isidentifier()


def test_trainer_keys_are_lightnings():
    from pytorch_lightning import Trainer

    inspect.signature(Trainer).bind(**composed()["trainer"])


@pytest.mark.parametrize("script", [path.stem for path in CONF.glob("*.yaml") if path.stem != "scripts"])
def test_every_script_composes(script):
    assert composed(script=script)


def test_cleaners_are_applied_in_the_order_typed():
    config = composed("cleaner=[stopwords,accents,lowercase]")
    assert list(build_plan(Provenance(config)).cleaners) == ["stopwords", "accents", "lowercase"]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("process.min_count=0", ["process.min_count=0", "write a number of at least 1."]),
        ("+process.min_cuont=3", ["process.min_cuont", "min_count"]),
        ("optimize=accuracy", ["optimize=accuracy", "validation.average_precision"]),
        ("optimize=valid.f1", ["valid is not a split", "validation"]),
        ("optimize=validation.nothing", ["optimize=validation.nothing", "average_precision", "f1_macro"]),
        ("optimize=validation.rows", ["optimize=validation.rows", "is not a metric"]),
        ("optimize=validation.top_k", ["optimize=validation.top_k", "is not a metric", "top_k_accuracy"]),
        ("optimize=test.threshold", ["optimize=test.threshold", "is not a metric"]),
        ("seed=-1", ["seed=-1"]),
        ("data.size=five", ["data.size=five"]),
        ("data.split.test=1.5", ["data.split.test=1.5"]),
        ("data.target_rule=most", ["data.target_rule=most", "all_empty"]),
        ("model._target_=os.system", ["model._target_=os.system", "Model"]),
        ("base.name=a/b", ["base.name=a/b does not fit: a name may hold letters, digits", "choose another one"]),
        (f"base.name={'x' * 101}", ["base.name=xxx", "100 at most"]),
        ("model.batch_size=0", ["model.batch_size=0"]),
        ("model.optimizer.name=adm", ["model.optimizer.name=adm", "adamw"]),
    ],
)
def test_wrong_value_is_named_in_one_sentence(override, words):
    with pytest.raises(UserError) as error:
        build_plan(Provenance(composed(override)))
    message = str(error.value)
    assert all(word in message for word in words), message
    assert "\n" not in message
