"""The config: its schema, and `check`, which turns a composed config into the objects of a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from libelle.cleaners.base import Cleaner
from libelle.components import Component, Positive, build, validate
from libelle.data.source import Source
from libelle.errors import UserError
from libelle.evaluation.calibration import Calibration
from libelle.models.base import Model
from libelle.processes.base import Process
from libelle.processes.union import choose_parts
from libelle.samplers.rows import Sampler
from libelle.stores.base import Store
from libelle.training.pairings import check_mode, check_pairing
from libelle.training.plan import Plan

Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(kw_only=True)
class TrainerConfig(Component):
    """Keyword arguments of `pytorch_lightning.Trainer`, under Lightning's names."""

    max_epochs: Annotated[int, Field(ge=-1)] = 8
    min_epochs: Positive | None = None
    max_steps: Annotated[int, Field(ge=-1)] = -1
    min_steps: Positive | None = None
    max_time: str | None = None
    accelerator: str = "auto"
    devices: Positive | str | list[int] = 1
    precision: str | int | None = None
    gradient_clip_val: float | None = None
    accumulate_grad_batches: Positive = 1
    limit_train_batches: Positive | Share | None = None
    limit_val_batches: Positive | Share | None = None
    overfit_batches: Positive | Share = 0.0
    val_check_interval: Positive | Share | None = None
    check_val_every_n_epoch: Positive | None = 1
    num_sanity_val_steps: int = 0
    log_every_n_steps: Positive = 50
    deterministic: bool | Literal["warn"] | None = None
    benchmark: bool | None = None
    detect_anomaly: bool = False
    fast_dev_run: bool | int = False
    profiler: str | None = None


@dataclass(kw_only=True)
class BaseConfig(Component):
    """Which base; several may live side by side."""

    name: Annotated[str, Field(pattern=r"^[\w.-]*\w$")] = "based"


@dataclass(kw_only=True)
class TuneConfig(Component):
    """A search; the space and the budget are the sweeper's, under `hydra.sweeper`.

    Attributes:
        name: of the sweep, and of its folder.
        model: the model that the space is for; None for any.
        processes: options of the process group whose bases are prepared first; None for the one that is chosen.
    """

    name: Annotated[str, Field(pattern=r"^[\w.-]*\w$")]
    model: str | None = None
    processes: list[str] | None = None


@dataclass(kw_only=True)
class TrainConfig(Component):
    """The nodes of `conf/train.yaml`. Components are checked by `check`, each against its own class.

    Attributes:
        data: the source.
        cleaner: name → cleaner, in the order of application.
        process: feature engineering.
        model: the classifier.
        calibration: makes scores true shares, on validation rows; null leaves them.
        sampler: changes the training rows; null leaves them.
        mode: which steps run.
        base: the prepared data that `mode=prepare` writes and `mode=train` reads.
        store: where runs are kept.
        trainer: Lightning's Trainer.
        callbacks: name → Lightning callback; null takes one out.
        logger: name → Lightning logger; null takes one out.
        seed: of everything random in training.
        optimize: the metric that the run is judged by, as `validation.average_precision`.
        keep_texts: whether files of the run may hold texts of records.
        tune: the search that the run is a trial of.
    """

    data: dict[str, Any]
    cleaner: dict[str, dict[str, Any] | None]
    process: dict[str, Any]
    model: dict[str, Any]
    sampler: dict[str, Any] | None
    mode: Literal["full", "prepare", "train"]
    base: BaseConfig
    store: dict[str, Any]
    trainer: TrainerConfig
    callbacks: dict[str, dict[str, Any] | None]
    logger: dict[str, dict[str, Any] | None]
    seed: Annotated[int, Field(ge=0, lt=1 << 32)] = 1
    calibration: dict[str, Any] | None = None
    optimize: str | None = None
    keep_texts: bool = False
    tune: TuneConfig | None = None


def check(config: Mapping[str, Any], options: Mapping[str, Any]) -> Plan:
    """Check a whole config, and build what a run needs.

    Args:
        config: the composed and resolved config of `train.py`, as plain dicts.
        options: config group → chosen option, as `{"model": "mlp"}`.

    Raises:
        UserError: names the first key that is unknown, missing or wrong.
    """
    values = dict(config)
    checked = validate(TrainConfig, values, "")
    if checked.optimize is not None and checked.optimize.count(".") != 1:
        raise UserError(
            f"optimize={checked.optimize} is not a split and a metric; write for instance "
            "optimize=validation.average_precision."
        )
    plan = Plan(
        source=build(checked.data, Source, "data"),
        cleaners={name: build(node, Cleaner, f"cleaner.{name}") for name, node in checked.cleaner.items() if node},
        process=build(choose_parts(checked.process), Process, "process"),
        model=build(checked.model, Model, "model"),
        store=build(checked.store, Store, "store"),
        sampler=build(checked.sampler, Sampler, "sampler") if checked.sampler else None,
        calibration=build(checked.calibration, Calibration, "calibration") if checked.calibration else None,
        base_name=checked.base.name,
        seed=checked.seed,
        objective=checked.optimize,
        keep_texts=checked.keep_texts,
        trainer={name: value for name, value in vars(checked.trainer).items() if value is not None},
        config=values,
        options=dict(options),
    )
    check_mode(checked.mode, plan.process, plan.model)
    if checked.mode == "full":  # a base is paired with any model later
        check_pairing(plan.process, plan.model, plan.sampler, plan.cleaners, options)
    return plan
