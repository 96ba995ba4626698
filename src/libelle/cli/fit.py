"""`libelle.fit`, the door for Python: a DataFrame in, a fitted pipeline out, by the config of the command line."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import partial
from logging import ERROR, getLogger
from pathlib import Path

import pandas as pd
from hydra import compose
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from libelle.cli.command import HYDRA_ERRORS, plain, refused, register_resolvers
from libelle.cli.composition import chosen_options
from libelle.cli.lightning_nodes import make_lightning
from libelle.cli.raw_arguments import protect
from libelle.cli.schema_keys import own_hydra
from libelle.components import describe
from libelle.data.frame_source import FrameSource
from libelle.data.source import Source
from libelle.errors import UserError
from libelle.models.base import Model
from libelle.pipeline import Pipeline
from libelle.processes.union import refuse_unchosen
from libelle.stores.base import Store
from libelle.stores.local import store_at
from libelle.training import workflow
from libelle.training.pairings import refuse_devices
from libelle.training.plan import Plan, Provenance
from libelle.training.schema import build_plan

#: Keys that are arguments of `fit`, or about a file.
_FILE_KEYS = ("path", "delimiter", "encoding", "quote", "sheet", "name")
_ARGUMENTS = ("data", "model", *(f"data.{key}" for key in (*_FILE_KEYS, "target", "columns")))
#: Groups and nodes that mean nothing to `fit`.
_NOT_FOR_FIT = ("store", "mode", "tune", "base", "hydra")


def fit(
    frame: pd.DataFrame,
    *,
    target: str | Sequence[str],
    columns: str | Sequence[str] | None = None,
    model: str = "mlp",
    overrides: str | Sequence[str] = (),
    store: Store | str | Path | None = None,
) -> Pipeline:
    """Train a classifier on a DataFrame.

    Args:
        frame: one row per record.
        target: the label's column; several with `data.target_rule=all_empty` among the overrides.
        columns: the text fields; by default all columns without another role.
        model: an option of the group `model`.
        overrides: anything else that `train.py` takes, as `"process=tfidf"`, `"data.id=form"`, `"seed=2"`.
        store: keeps the result as a run, with its report: a store, or the folder of a local one; by default nothing is
            kept.

    Returns:
        The fitted pipeline; `metrics` has those of each split, and `name` is the run id, where it was kept.

    Raises:
        UserError: names the column, key or option that is wrong.
    """
    if not isinstance(frame, pd.DataFrame):
        raise UserError(f"fit takes a DataFrame, and this is one {type(frame).__name__}; put the records into one.")
    if not isinstance(model, str):
        raise UserError(f"model={model!r} is not a text; name an option of the group, as model='logreg'.")
    names, texts, typed = _texts("target", target), _texts("columns", columns), _texts("overrides", overrides)
    place = None if store is None else store_at(store)
    plan = _make_plan(frame, names, texts, model, typed, place)
    with _quiet(plan.model):
        return workflow.fit_alone(plan) if store is None else workflow.full(plan).pipeline


def _texts(name: str, value: str | Sequence[str] | None) -> list[str]:
    """An argument that is a text or several, as a list."""
    texts = [value] if isinstance(value, str) else list(value) if isinstance(value, Iterable) else value or []
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise UserError(f"{name}={value!r} is neither a text nor a list of texts; give one or the other.")
    return texts


def _make_plan(
    frame: pd.DataFrame,
    target: list[str],
    columns: list[str],
    model: str,
    overrides: list[str],
    store: Store | None,
) -> Plan:
    keys = [override.partition("=")[0].lstrip("+~") for override in overrides]
    for key, override in zip(keys, overrides, strict=True):
        if key in _ARGUMENTS or key.partition(".")[0] in _NOT_FOR_FIT:
            raise UserError(
                f"{override} is not for fit, which has arguments of its own for data, model and store; leave it out."
            )
    with _composed([f"model={model}", *overrides]) as config:
        values, options = plain(config), chosen_options(config, HydraConfig.get())
        values["data"] |= {"name": "dataframe", "target": target[0] if len(target) == 1 else target}
        values["data"] |= {"columns": columns} if columns else {}
        if config.callbacks.get("progress_bar") is not None:
            config.callbacks.progress_bar = None
        plan = build_plan(Provenance(values, options, command="libelle.fit"), partial(make_lightning, config))
        refuse_unchosen(plan.process, keys)
        refuse_devices(plan.model, overrides)
    about = {field.name: getattr(plan.source, field.name) for field in fields(Source)}
    # The run does not say where its data are: they are nowhere that another program could read.
    place = store or plan.store
    kept = replace(plan.provenance, config={**plan.provenance.config, "data": None, "store": describe(place)})
    return replace(plan, source=FrameSource(**about, frame=frame), store=place, provenance=kept)


@contextmanager
def _composed(overrides: Sequence[str]) -> Iterator[DictConfig]:
    """The config of `train.py`; Hydra's own state is as before at the end, also within another Hydra application."""
    typed = ["data=csv", *overrides]
    register_resolvers()
    try:
        protected = protect(typed)
        with own_hydra():
            config = compose("train", overrides=protected, return_hydra_config=True)
            HydraConfig.instance().set_config(config)
            yield config
    except HYDRA_ERRORS as error:
        raise refused("train", typed, error) from error


@contextmanager
def _quiet(model: Model) -> Iterator[None]:
    """Nothing but warnings of libelle's own: in a notebook, what Lightning says of devices helps nobody."""
    if not model.lightning:
        yield
        return
    import pytorch_lightning  # noqa: F401 - it makes the handlers

    handlers = [handler for name in ("pytorch_lightning", "lightning_fabric") for handler in getLogger(name).handlers]
    levels = [handler.level for handler in handlers]
    for handler in handlers:
        handler.setLevel(ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"pytorch_lightning|lightning_fabric|torch")
            yield
    finally:
        for handler, level in zip(handlers, levels, strict=True):
            handler.setLevel(level)
