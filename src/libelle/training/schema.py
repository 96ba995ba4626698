"""The config: its schema, and `build_plan`, which turns a composed config into the objects of a run."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from libelle.cleaners.base import Cleaner
from libelle.components import Component, Positive, Seed, build, validate, with_names
from libelle.data.source import Source
from libelle.data.table_files import Excel
from libelle.errors import UserError
from libelle.evaluation.calibration import Calibration
from libelle.language import ENGLISH, LanguageCode, require_language
from libelle.models.base import Model
from libelle.processes.base import Process
from libelle.processes.union import choose_parts
from libelle.samplers.rows import Sampler
from libelle.shards import SHARD_ROWS
from libelle.stores.base import Store
from libelle.training.pairings import check_mode, check_pairing
from libelle.training.plan import Plan, Provenance, no_lightning


def _name(text: str) -> str:
    if not re.fullmatch(r"[\w.-]{0,99}\w", text):
        raise PydanticCustomError(
            "name",
            "a name may hold letters, digits, '_', '.' and '-' alone, 100 at most, and ends with none of the last two; "
            "choose another one",
        )
    return text


#: A name that may be a folder's.
Name = Annotated[str, AfterValidator(_name)]


@dataclass(kw_only=True)
class BaseConfig(Component):
    """Which base; several may live side by side."""

    name: Name = "based"


@dataclass(kw_only=True)
class ReportConfig(Component):
    """The report of a run, or of a sweep.

    Attributes:
        language: that it is written in.
    """

    language: LanguageCode = ENGLISH

    def __post_init__(self) -> None:
        require_language(self.language)


@dataclass(kw_only=True)
class TuneConfig(Component):
    """A search; the space and the budget are the sweeper's, under `hydra.sweeper`.

    Attributes:
        name: of the sweep, and of its folder.
        processes: options of the process group whose bases are prepared first; None for the one that is chosen.
    """

    name: Name
    processes: list[str] | None = None


@dataclass(kw_only=True)
class TrainConfig(Component):
    """The nodes of `conf/train.yaml`. `build_plan` checks components, each against its own class.

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
        trainer: keyword arguments of Lightning's Trainer; null: Lightning's own default.
        callbacks: name → Lightning callback; null takes one out.
        logger: name → Lightning logger; null takes one out.
        seed: of everything random in training.
        optimize: the metric that the run is judged by, as `validation.average_precision`.
        keep_texts: whether files of the run may hold texts of records.
        excel: whose Excel the run's `errors.csv` is for; null for plain CSV.
        shard_rows: rows that are worked on at once: data of more rows lie in files meanwhile, not in memory.
        report: how the report is written.
        tune: the search that the run is a trial of.
        resume: id of a run that was interrupted, or killed, and goes on; its own config counts.
    """

    data: dict[str, Any]
    cleaner: dict[str, dict[str, Any] | None]
    process: dict[str, Any]
    model: dict[str, Any]
    sampler: dict[str, Any] | None
    mode: Literal["full", "prepare", "train"]
    base: BaseConfig
    store: dict[str, Any]
    trainer: dict[str, Any]
    callbacks: dict[str, dict[str, Any] | None]
    logger: dict[str, dict[str, Any] | None]
    seed: Seed = 1
    calibration: dict[str, Any] | None = None
    optimize: str | None = None
    keep_texts: bool = False
    excel: Excel = None
    shard_rows: Positive = SHARD_ROWS
    report: ReportConfig = field(default_factory=ReportConfig)
    tune: TuneConfig | None = None
    resume: str | None = None


def build_plan(
    provenance: Provenance, lightning: Callable[[Path], tuple[Sequence[Any], Sequence[Any]]] = no_lightning
) -> Plan:
    """Check a whole config, and build what a run needs.

    Args:
        provenance: holds the config and the chosen options.
        lightning: makes Lightning's callbacks and loggers, given a scratch folder.

    Raises:
        UserError: names the first key that is unknown, missing or wrong.
    """
    checked = validate(TrainConfig, provenance.config, "")
    if checked.optimize is not None and checked.optimize.count(".") != 1:
        raise UserError(
            f"optimize={checked.optimize} is not a split and a metric; write for instance "
            "optimize=validation.average_precision."
        )
    if checked.optimize is not None:
        from libelle.training.objective import refuse_unknown  # importing scikit-learn takes a second

        refuse_unknown(checked.optimize)
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
        excel=checked.excel,
        language=checked.report.language,
        shard_rows=checked.shard_rows,
        trainer={name: value for name, value in checked.trainer.items() if value is not None},
        lightning=lightning,
        provenance=replace(provenance, config=with_names(provenance.config)),
    )
    check_mode(checked.mode, plan.process, plan.model)
    if checked.mode == "full":  # a base is paired with any model later
        check_pairing(plan.process, plan.model, plan.sampler, plan.cleaners, provenance.options)
    return plan
