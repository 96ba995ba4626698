"""The command `train`: one run, or one job of a sweep."""

import logging
import shlex
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from hydra_plugins.hydra_hyperopt_sweeper.pruning import Trial
from libelle.cli import terminal_tables
from libelle.cli.command import USER_ERROR, leave, typed_overrides, values_and_store
from libelle.cli.composition import make_plan, resumed_plan
from libelle.cli.repeatable_command import repeatable
from libelle.errors import UserError
from libelle.installation import how_to_call
from libelle.logs import log_to_terminal
from libelle.runs.ids import RunId
from libelle.training import workflow
from libelle.training.plan import Plan

#: The keys that go with `resume`.
_WHICH_RUN = ("resume", "store", "hydra")


def train(config: DictConfig) -> float | None:
    """Run the command on a composed config, and return the objective, as sweepers want it."""
    sweeping = HydraConfig.get().mode == RunMode.MULTIRUN
    if not logging.getLogger().handlers:  # a job in a process of its own, where Lightning would show its own messages
        log_to_terminal()
    try:
        return _train(config, sweeping)
    except UserError as error:
        if sweeping:
            # Hydra goes on with the other jobs and raises the first failure at the end.
            raise
        leave(str(error), USER_ERROR)


def _train(config: DictConfig, sweeping: bool) -> float | None:
    settings = HydraConfig.get()
    overrides = typed_overrides()
    if config.resume is not None:
        return _resume(config, overrides, sweeping)
    command = " ".join([how_to_call("train"), *map(shlex.quote, repeatable(overrides, config, settings))])
    sweep, trial = _place_in_sweep(settings) if sweeping else (None, None)
    plan = make_plan(config, settings, command=command, sweep=sweep, trial=trial)
    if config.mode == "prepare":
        terminal_tables.print_base(plan.base_name, workflow.prepare(plan), plan.process, overrides)
        return None
    outcome = _run(plan, config.mode)
    if not sweeping:  # a sweep ends with one table of its runs
        terminal_tables.print_outcome(outcome, overrides)
    return outcome.value


def _run(plan: Plan, mode: str) -> workflow.Outcome:
    return workflow.train(plan) if mode == "train" else workflow.full(plan)


def _resume(config: DictConfig, overrides: list[str], sweeping: bool) -> float:
    """Go on with a run, whose own config counts: what is typed says which run that is, and where."""
    others = [item for item in overrides if item.partition("=")[0].lstrip("+").partition(".")[0] not in _WHICH_RUN]
    if sweeping or others:
        said = f"leave out {others[0]}" if others else "leave out --multirun"
        raise UserError(f"resume= goes on with one run, by the config that it was begun with; {said}.")
    values, store = values_and_store(config)
    if not RunId.matches(values["resume"]):
        raise UserError(f"resume={values['resume']} is not a run id; give the run's, as in resume=2026-11-23_4.")
    with resumed_plan(store, RunId.parse(values["resume"])) as plan:
        outcome = _run(plan, plan.provenance.config["mode"])
        kept = [item for item in overrides if not item.startswith("resume")]
        terminal_tables.print_outcome(outcome, kept)
        return outcome.value


def _place_in_sweep(settings: Any) -> tuple[str, int]:
    """Name of the sweep that a job is part of, and the job's number there."""
    trial = Trial.current()
    return Path(settings.sweep.dir).name, int(settings.job.num) if trial is None else trial.number()
