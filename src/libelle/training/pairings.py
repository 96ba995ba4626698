"""Which process, model and sampler go together: derived from the feature blocks that they make and need.

`make pairings` prints the table, `check_pairing` refuses what is not in it, and the tests train all that is.
"""

from collections.abc import Collection, Iterable, Mapping

import yaml

from libelle.components import C, load_class
from libelle.errors import UserError
from libelle.installation import CONF
from libelle.models.base import Model
from libelle.processes.base import Process
from libelle.samplers.rows import Sampler

#: The one block that must be read by the model, if a process makes it: other blocks may be left aside.
ENCODER = "encoder"
#: Keys that say on what a network is trained, and what is true of a model that is none.
_DEVICES = ("trainer.accelerator=", "trainer.devices=", "trainer.precision=", "trainer.strategy=")
_TRUE_ANYWAY = (
    "trainer.accelerator=auto", "trainer.accelerator=cpu", "trainer.devices=1", "trainer.devices=auto",
    "trainer.strategy=auto",
)  # fmt: skip


def usual_models(process: Process) -> tuple[str, ...]:
    """The models to try first on what a process makes, in alphabetical order; none for raw texts."""
    makes = process.blocks
    return tuple(
        name
        for name, model in _classes(Model).items()
        if model.proposed and model.needs <= makes and (ENCODER in model.needs or ENCODER not in makes)
    )


def usual_process(block: str) -> str:
    """The process to propose to whoever needs a block."""
    return next((cls.proposed[block] for cls in _classes(Process).values() if block in cls.proposed), block)


def _classes(base: type[C]) -> dict[str, type[C]]:
    """Name → class, of all options of a group that have a class of their own."""
    files = sorted((CONF / base.conf_group).glob("*.yaml"))
    own = [path.stem for path in files if (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("_target_")]
    return {name: load_class(name, base, base.conf_group) for name in own}


def refusal(
    process: Process,
    model: Model,
    sampler: Sampler | None = None,
    cleaners: Collection[str] = (),
    options: Mapping[str, str] | None = None,
) -> str | None:
    """Why these do not go together, in one sentence that says what to choose; None where they do.

    Args:
        process: makes the features.
        model: takes them.
        sampler: draws from them.
        cleaners: names of the cleaners.
        options: config group → chosen option, for the sentence.
    """
    names = {"process": type(process).__name__, "model": type(model).__name__, "sampler": type(sampler).__name__}
    names |= options or {}
    makes = f"process={names['process']} makes {' and '.join(sorted(process.blocks))}"
    for block in sorted(model.needs - process.blocks):
        frozen = " with model.freeze_words=true" if block == "vectors" and getattr(model, "freeze_words", False) else ""
        others = [f"process={usual_process(block)}", *(f"model={m}" for m in usual_models(process)[:1])]
        return (
            f"model={names['model']}{frozen} needs the feature block {block!r}, and {makes}; choose another process, "
            f"such as {', or '.join(others)} (docs/models.md says which go together)."
        )
    if ENCODER in process.blocks - model.needs:
        return (
            f"process={names['process']} makes the tokens of an encoder, which only model=pretrained reads; choose it."
        )
    if model.non_negative and not process.non_negative:
        return (
            f"model={names['model']} takes no values below zero, and process={names['process']} makes some; choose "
            "process=tfidf or process=bigrams, or model=logreg."
        )
    if model.ensemble and sampler is not None:
        return f"sampler={names['sampler']} has no rows to draw for model={names['model']}, whose members are trained."
    if model.ensemble and cleaners:
        return (
            f"model={names['model']} takes raw texts, since its members have cleaners of their own; leave out cleaner=."
        )
    for block in sorted((sampler.needs if sampler else frozenset()) - process.blocks):
        return (
            f"sampler={names['sampler']} makes rows of the feature block {block!r}, and {makes}; use "
            f"sampler=oversample, or choose process={usual_process(block)} and a model that takes it."
        )
    return None


def check_pairing(
    process: Process,
    model: Model,
    sampler: Sampler | None = None,
    cleaners: Collection[str] = (),
    options: Mapping[str, str] | None = None,
) -> None:
    """Raise `UserError` unless these go together; the arguments are those of `refusal`."""
    reason = refusal(process, model, sampler, cleaners, options)
    if reason is not None:
        raise UserError(reason)


def check_weights(sampler: Sampler | None, weight: str | None) -> None:
    """Raise `UserError` where a sampler would make rows that have no weight, while records have one."""
    if sampler is not None and sampler.synthetic and weight is not None:
        raise UserError(
            f"sampler={type(sampler).conf_name} makes rows that no data.weight={weight} is known of; use "
            "sampler=oversample or sampler=undersample, whose rows keep theirs, or leave the sampler out."
        )


def check_mode(mode: str, process: Process, model: Model) -> None:
    """Raise `UserError` where a mode makes no sense: a base holds no raw texts, and an ensemble needs none."""
    if mode == "full":
        return
    if model.ensemble:
        raise UserError(f"mode={mode} is for models that are trained, and an ensemble's members are; use mode=full.")
    if mode == "prepare" and "texts" in process.blocks:
        raise UserError("mode=prepare keeps no raw texts, and process=raw makes nothing else; choose another process.")


def refuse_devices(model: Model, overrides: Iterable[str]) -> None:
    """Raise `UserError` where devices were asked for, by a typed key, for a model that Lightning does not train.

    Its other keys say nothing to such a model, and do no harm in a script that goes through all models.

    Args:
        model: any.
        overrides: as they were typed.
    """
    if model.lightning:
        return
    for override in overrides:
        if override.lstrip("+").startswith(_DEVICES) and override not in _TRUE_ANYWAY:
            raise UserError(
                f"{override} is for networks, and model={model.conf_name} is none; leave it out, or choose a network, "
                "as model=mlp."
            )
