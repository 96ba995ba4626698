"""Which process, model and sampler go together: derived from the feature blocks that they make and need.

`docs/models.md` shows the table, `check` refuses what is not in it, and the tests train all that is.
"""

from collections.abc import Collection, Mapping

from libelle.errors import UserError
from libelle.models.base import Model
from libelle.processes.base import Process
from libelle.samplers.rows import Sampler

#: Feature block → the process to take for it, where nothing else speaks for another.
USUAL_PROCESS = {
    "words": "tokens",
    "bag": "tokens",
    "matrix": "tfidf",
    "texts": "raw",
    "vectors": "tokens_fasttext",
    "encoder": "pretrained",
}

#: Feature block → the models to try first on it; the first block that a process makes counts.
USUAL_MODELS = {
    "encoder": ("pretrained",),
    "words": ("mlp", "transformer"),
    "matrix": ("logreg", "svm"),
}

#: Processes whose values are never below zero, as `naive_bayes` needs them; a union is, where all its parts are.
NON_NEGATIVE = frozenset({"Tfidf", "Bigrams"})


def usual_models(process: Process) -> tuple[str, ...]:
    """The models to try first on what a process makes; none for raw texts."""
    return next((models for block, models in USUAL_MODELS.items() if block in process.blocks), ())


def is_non_negative(process: Process) -> bool:
    """Whether no value of the process's matrices is below zero."""
    parts: Mapping[str, Process] = getattr(process, "processes_", {})
    return all(map(is_non_negative, parts.values())) if parts else type(process).__name__ in NON_NEGATIVE


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
        others = [f"process={USUAL_PROCESS.get(block, block)}", *(f"model={m}" for m in usual_models(process)[:1])]
        return (
            f"model={names['model']}{frozen} needs the feature block {block!r}, and {makes}; choose another process, "
            f"such as {', or '.join(others)} (docs/models.md says which go together)."
        )
    if "encoder" in process.blocks - model.needs:
        return (
            f"process={names['process']} makes the tokens of an encoder, which only model=pretrained reads; choose it."
        )
    if model.non_negative and not is_non_negative(process):
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
            f"sampler=oversample, or choose process={USUAL_PROCESS.get(block, block)} and a model that takes it."
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


def check_mode(mode: str, process: Process, model: Model) -> None:
    """Raise `UserError` where a mode makes no sense: a base holds no raw texts, and an ensemble needs none."""
    if mode == "full":
        return
    if model.ensemble:
        raise UserError(f"mode={mode} is for models that are trained, and an ensemble's members are; use mode=full.")
    if mode == "prepare" and "texts" in process.blocks:
        raise UserError("mode=prepare keeps no raw texts, and process=raw makes nothing else; choose another process.")
