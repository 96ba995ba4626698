"""What a run needs, as plain objects: made from the config by `schema.build_plan`, carried out by `workflow.py`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from libelle.cleaners.base import Cleaner
from libelle.data.source import Source
from libelle.data.table_files import Excel
from libelle.evaluation.calibration import Calibration
from libelle.language import ENGLISH
from libelle.models.base import Model
from libelle.processes.base import Process
from libelle.samplers.rows import Sampler
from libelle.shards import SHARD_ROWS
from libelle.stores.base import Store

#: The nodes of the config that a base settles.
BASE_NODES = ("data", "cleaner", "process")


def no_lightning(_: Path) -> tuple[Sequence[Any], Sequence[Any]]:
    """No callbacks and no loggers."""
    return (), ()


@dataclass(frozen=True)
class Provenance:
    """What a plan was made from: kept with the run, or the base, so that it can be shown and repeated.

    Attributes:
        config: the resolved config of `train.py`, as plain dicts.
        options: config group → chosen option, as `{"model": "mlp"}`.
        typed: what was typed of the nodes that a base settles: group → option, or key → value.
        command: the command line.
        sweep: name of the sweep that the run is part of.
        trial: its number there.
    """

    config: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    typed: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    sweep: str | None = None
    trial: int | None = None


@dataclass(frozen=True)
class Resumed:
    """A run that was begun before and goes on.

    Attributes:
        run_id: the id.
        folder: its work folder on this machine.
    """

    run_id: str
    folder: Path


@dataclass(frozen=True)
class Plan:
    """All that a run needs, as plain objects.

    Attributes:
        source: where records come from.
        cleaners: name → cleaner, in the order of application.
        process: not yet fitted.
        model: not yet fitted.
        store: where the run is kept.
        sampler: changes the training rows; None leaves them.
        calibration: not yet fitted; None leaves the model's own scores.
        base_name: of the prepared data, for `prepare` and `train`.
        seed: of everything random in training.
        objective: the metric that the run is judged by, as `validation.average_precision`; None for the default.
        keep_texts: whether files of the base and of the run may hold texts of records.
        excel: whose Excel `errors.csv` is for, see `libelle.data.table_files.Excel`.
        language: of the run's report.
        shard_rows: rows that are worked on at once; what has more lies in files meanwhile.
        trainer: keyword arguments of Lightning's Trainer.
        lightning: makes Lightning's callbacks and loggers, given a scratch folder.
        provenance: what the plan was made from.
        resumed: the run that goes on; None begins a new one.
    """

    source: Source
    cleaners: Mapping[str, Cleaner]
    process: Process
    model: Model
    store: Store
    sampler: Sampler | None = None
    calibration: Calibration | None = None
    base_name: str = "based"
    seed: int = 1
    objective: str | None = None
    keep_texts: bool = False
    excel: Excel = None
    language: str = ENGLISH
    shard_rows: int = SHARD_ROWS
    trainer: Mapping[str, Any] = field(default_factory=dict)
    lightning: Callable[[Path], tuple[Sequence[Any], Sequence[Any]]] = no_lightning
    provenance: Provenance = field(default_factory=Provenance)
    resumed: Resumed | None = None
