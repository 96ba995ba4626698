"""What surrounds a sweep of `train.py`: Hydra callbacks, part of the entry layer."""

import logging
import shlex
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.hydra_hyperopt_sweeper.sweep import Header, Space, SweepError, SweepRecord, read_space
from libelle.cli import run_tables, terminal_tables
from libelle.cli.command import INTERRUPTED, USER_ERROR, leave, plain, sweep_ends
from libelle.cli.composition import make_plan
from libelle.cli.raw_arguments import as_typed, decoded
from libelle.components import build
from libelle.errors import UserError
from libelle.files import whole_file
from libelle.runs.run import COMPLETED, Manifest
from libelle.runs.run_list import run_of_trial, runs_of_sweep
from libelle.stores.base import Store
from libelle.training import workflow

log = logging.getLogger(__name__)


class SweepCallback(Callback):
    """Prepares the base before a search; shows a table of the runs after any sweep, and the best after a search.

    Hydra goes on with the other jobs where one fails, and raises the first error at the end, without a word of which
    job it was of: each is said when it fails.
    """

    def __init__(self) -> None:
        #: The keys that the sweep draws.
        self.swept: set[str] = set()

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Refuse a search that cannot work, and prepare the data that it starts from, unless they are prepared."""
        self.swept = {_key(override) for override in config.hydra.overrides.task if _is_sweep(override)}
        sweep_ends.append(partial(_print_others, config))
        if config.get("tune") is None:
            return
        # Hydra does so before each job, but the name of the sweep's folder needs it now: ${hydra:runtime.choices.tune}.
        HydraConfig.instance().set_config(config)
        with _only_exits():
            _refuse_other_model(config)
            _refuse_other_sweep(config)
            if config.mode == "train":
                for process in _processes(config):
                    _require_base(config, process)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **_: Any) -> None:
        """Say which job of a sweep has failed, and why; a search says it of its trials by itself."""
        if job_return.status != JobStatus.FAILED or config.hydra.mode != RunMode.MULTIRUN:
            return
        if "direction" not in config.hydra.sweeper:
            task = list(config.hydra.overrides.task)
            drawn = [as_typed(override) for override in task if _key(override) in self.swept or not self.swept]
            error = job_return._return_value  # `return_value` would raise it
            log.warning("job %s (%s) failed: %s", config.hydra.job.num, " ".join(drawn), error)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Print the sweep's runs, read from the store, since jobs may have run anywhere."""
        sweep_ends.clear()
        with _only_exits():
            folder = Path(config.hydra.sweep.dir)
            manifests = _runs(config)
            run_tables.print_runs(manifests)
            results = folder / "optimization_results.yaml"
            if results.exists():
                from libelle.reports.sweep_report import write_report

                completed = {item.trial: item.run_id for item in manifests if item.status == COMPLETED}
                jobs = {trial.finished_by: trial.number for trial in SweepRecord.read(folder).trials}
                named = {job: completed[trial] for job, trial in jobs.items() if trial in completed and job is not None}
                metrics = {item.objective for item in manifests if item.objective is not None}
                metric = metrics.pop() if len(metrics) == 1 else None
                found = _with_command(results, manifests)
                again = [shlex.quote(word) for word in found["best_overrides"] or ()]
                page = write_report(
                    folder,
                    data={item.data for item in manifests if item.data is not None},
                    models={item.model for item in manifests if item.model is not None},
                    runs=named,
                    objective=metric,
                    language=config.report.language,
                    again=again,
                )
                terminal_tables.print_search(found, manifests, page)


def _runs(config: DictConfig) -> Sequence[Manifest]:
    return runs_of_sweep(build(plain(config.store), Store, "store"), Path(config.hydra.sweep.dir).name)


def _print_others(config: DictConfig) -> None:
    """Print the runs of a sweep of which a job has failed; the sentence that says of which follows."""
    if config.get("store") is None:
        return
    try:
        manifests = _runs(config)
    except Exception as error:  # whatever it is: the job's error is the one that ends the command
        log.warning("%s", error)
        return
    if manifests:
        run_tables.print_runs(manifests)


def _with_command(path: Path, manifests: Sequence[Manifest]) -> dict[str, Any]:
    """The sweeper's results, rewritten: the best overrides as they train the best run again, alone, and the command."""
    results: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    best = run_of_trial(manifests, results["best_trial"])
    if best is not None:
        # A command is two words, as `python train.py`.
        results["best_overrides"] = shlex.split(best.command)[2:]
        results["best_command"] = best.command
        with whole_file(path) as temporary:
            temporary.write_text(yaml.safe_dump(results, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return results


@contextmanager
def _only_exits() -> Iterator[None]:
    """Hydra turns what a callback raises into a warning and goes on; an exit, it lets pass."""
    try:
        yield
    except (UserError, SweepError) as error:
        leave(str(error), USER_ERROR)
    except KeyboardInterrupt:
        leave("Interrupted.", INTERRUPTED)
    except Exception:
        traceback.print_exc()
        sys.exit(1)


def _refuse_other_model(config: DictConfig) -> None:
    """A search that is named after a model is for this model alone."""
    model = config.hydra.runtime.choices.tune
    if model not in GlobalHydra.instance().config_loader().get_group_options("model"):
        return
    for override in OverridesParser.create().parse_overrides(list(config.hydra.overrides.task)):
        if override.key_or_group == "model" and override.value() != model:
            raise UserError(
                f"{override.input_line} contradicts tune={model}, whose space is for model={model}; "
                "leave one of them out."
            )


def _refuse_other_sweep(config: DictConfig) -> None:
    """Refuse a folder that holds another sweep before data are prepared for nothing; the sweeper looks once more."""
    options, folder = config.hydra.sweeper, Path(config.hydra.sweep.dir)
    if "direction" not in options:  # another sweeper, which keeps no ledger
        return
    try:
        before = SweepRecord.read(folder).header
    except SweepError:
        return  # there is none, or what there is cannot be read, which the sweeper says
    space = _space(config)
    header = Header(space.records, space.fixed, options.direction, options.objective, options.seed)
    if space.dimensions and (differences := header.differences(before)):
        raise UserError(
            f"The sweep in {folder} is another one: {decoded('; '.join(differences))}; name this one with tune.name=, "
            "or choose another hydra.sweep.dir."
        )


def _space(config: DictConfig) -> Space:
    params: Any = config.hydra.sweeper.params
    params = OmegaConf.to_container(params, resolve=True) if params else {}
    return read_space(params, list(config.hydra.overrides.task), GlobalHydra.instance().config_loader())


def _processes(config: DictConfig) -> list[str]:
    """The processes whose bases the trials start from: those of `tune.processes` that the narrowed space still draws.

    Raises:
        SweepError: for a bad space, before the data are prepared.
    """
    space = _space(config)
    if config.tune.processes is None:
        return [config.hydra.runtime.choices.process]
    drawn = {option for d in space.dimensions if d.name == "process" for option in d.distribution.options or ()}
    return [process for process in config.tune.processes if process in drawn]


def _require_base(config: DictConfig, process: str) -> None:
    """Prepare the base of a process unless it exists; refuse one that differs from what was typed."""
    overrides = [override for override in config.hydra.overrides.task if not _is_sweep(override)]
    if process != config.hydra.runtime.choices.process:
        overrides.append(f"process={process}")
    loader = GlobalHydra.instance().config_loader()
    loaded = loader.load_sweep_config(config, overrides)
    with _hydra_config(loaded):
        plan = make_plan(loaded, loaded.hydra)
        # A search over processes draws its models to match; the config's own fits one of them at most.
        if not workflow.check_base(plan, any_model=config.tune.processes is not None):
            log.info("there is no base %s yet: preparing it", plan.base_name)
            workflow.prepare(plan)


def _key(override: str) -> str:
    return override.partition("=")[0].lstrip("+")


def _is_sweep(override: str) -> bool:
    return OverridesParser.create().parse_override(override).is_sweep_override()


@contextmanager
def _hydra_config(config: DictConfig) -> Iterator[None]:
    """Resolve `${hydra:...}` in another config for a while."""
    holder = HydraConfig.instance()
    before = holder.cfg
    holder.set_config(config)
    try:
        yield
    finally:
        holder.cfg = before
