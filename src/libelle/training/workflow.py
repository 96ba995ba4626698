"""The three modes, as a list of steps. This file alone knows all parts."""

import logging
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from libelle.cleaners.base import Cleaner
from libelle.components import look_up
from libelle.data.check.findings import DataCheck
from libelle.data.check.look import look_at
from libelle.data.records import Records
from libelle.data.split import VALIDATION
from libelle.errors import UserError
from libelle.files import SCRATCH, owned
from libelle.logs import log_to_file
from libelle.models.base import Training
from libelle.pipeline import Pipeline
from libelle.processes.base import Process
from libelle.progress import stage
from libelle.runs.environment import git_commit, library_versions
from libelle.runs.heartbeat import beating
from libelle.runs.run import COMPLETED, FAILED, Run
from libelle.runs.sending import finish, write_drafts
from libelle.runs.work import CHECKPOINTS, LOG, work_folder
from libelle.shards import in_shards
from libelle.training.bases import Base, has_base, read_base, write_base
from libelle.training.pairings import check_pairing, check_weights, refusal
from libelle.training.plan import BASE_NODES, Plan
from libelle.training.prepared_data import Prepared, tell
from libelle.training.resuming import begin, resume_command, take_up
from libelle.training.source_file import SourceFile

if TYPE_CHECKING:  # importing scikit-learn takes a second
    from libelle.evaluation.metrics import Metrics

log = logging.getLogger(__name__)

#: What looks at the data of trials have found in this process, each once.
_found_in_trials: list[dict[str, Any]] = []


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        run_id: the id.
        metrics: split → metric → value, as in `metrics.json`.
        objective: name of the metric that the run is judged by.
        value: its value.
        pipeline: the fitted pipeline.
        data: the data's name.
        wish: what a threshold can be chosen by, as an argument of `threshold`.
        report: where its report is: a path, or its key in a store that does not keep files.
    """

    run_id: str
    metrics: "Mapping[str, Metrics]"
    objective: str
    value: float
    pipeline: Pipeline
    data: str
    wish: str
    report: str


def full(plan: Plan) -> Outcome:
    """Everything, start to end: from the source to a completed run in the store."""
    with _workplace(plan) as scratch:
        training, records, check = _read(plan, scratch)
        with _begin_run(plan, plan.source.title, records.fingerprint(), scratch) as run:
            prepared = _prepare(plan, records, check)
            del records  # the raw texts are not needed any more
            return _train(plan, training, prepared, run, scratch)


def fit_alone(plan: Plan) -> Pipeline:
    """Everything, start to end, with nothing kept: from the source to a fitted pipeline."""
    from libelle.training.fitting import fit

    with tempfile.TemporaryDirectory(prefix=owned(SCRATCH)) as name, in_shards(Path(name), plan.shard_rows):
        training, records, check = _read(plan, Path(name), keep=False)
        return fit(plan, training, _prepare(plan, records, check)).pipeline


def prepare(plan: Plan) -> str:
    """Clean and process once, into the base; returns its new version. What was there before stays until then."""
    with _workplace(plan) as scratch:
        plan.process.prepare(plan.store)
        file = SourceFile.of(plan.source)
        records = plan.source.read()
        prepared = _prepare(plan, records, _look(plan, records))
        config = {name: plan.provenance.config.get(name) for name in BASE_NODES}
        options = {name: plan.provenance.options.get(name) for name in BASE_NODES}
        version = write_base(plan.store, plan.base_name, prepared, config, options, file, scratch)
        log.info("base %s in %s is now %s", plan.base_name, plan.store, version)
        return version


def train(plan: Plan) -> Outcome:
    """From the base to a completed run: sampler, model, evaluation."""
    with _workplace(plan) as scratch:
        training = _training(plan, scratch)
        base = read_base(plan.store, plan.base_name, scratch)
        _refuse_differences(plan, base)
        _check_base(plan, base)
        check_weights(plan.sampler, base.prepared.weight)
        _refuse_objective(plan, base.prepared.labels)
        if _first(plan):
            _say_what_the_base_holds(base)
        config = {**plan.provenance.config, **base.config}
        plan = replace(plan, provenance=replace(plan.provenance, config=config))
        fingerprint = base.prepared.about["fingerprint"]
        with _begin_run(plan, base.prepared.name, fingerprint, scratch, f"{base.name}/{base.version}") as run:
            return _train(plan, training, base.prepared, run, scratch)


def check_base(plan: Plan, *, any_model: bool = False) -> bool:
    """Whether there is a base for `train`.

    Args:
        plan: names the base.
        any_model: the base is for models that are not known yet, not for the plan's.

    Raises:
        UserError: when there is one, and it differs from what was typed or does not go with the model.
    """
    with _workplace(plan) as scratch:
        found = has_base(plan.store, plan.base_name)
        if found:
            base = read_base(plan.store, plan.base_name, scratch)
            _refuse_differences(plan, base)
            if not any_model:
                _check_base(plan, base)
        elif not any_model:
            _check_parts(plan, plan.process, plan.cleaners, plan.provenance.options.get("process"))
        return found


def _check_base(plan: Plan, base: Base) -> None:
    """Raise `UserError` unless the plan's model and sampler go with the process and the cleaners of a base."""
    process, cleaners, option = base.prepared.process, base.prepared.cleaners, base.options.get("process")
    refused = refusal(process, plan.model, plan.sampler, cleaners) is not None
    if refused and refusal(plan.process, plan.model, plan.sampler, plan.cleaners) is None:
        # The model has brought a process that it goes with: to propose one would lead from refusal to refusal.
        options = {"process": plan.process.conf_name, "model": plan.model.conf_name, **plan.provenance.options}
        raise UserError(
            f"The base {base.name!r} was prepared with process={option or process.conf_name}, which does not go with "
            f"model={options['model']}; name another base for process={options['process']} with base.name=, or prepare "
            "this one again with mode=prepare."
        )
    _check_parts(plan, process, cleaners, option)


def _check_parts(plan: Plan, process: Process, cleaners: Mapping[str, Cleaner], option: str | None) -> None:
    """Raise `UserError` unless the plan's model and sampler go with a process, of this option, and cleaners."""
    options = {
        group: name for group, name in {**plan.provenance.options, "process": option}.items() if name is not None
    }
    check_pairing(process, plan.model, plan.sampler, cleaners, options)
    plan.model.check(process)
    if plan.sampler is not None:
        plan.sampler.check()


def _read(plan: Plan, scratch: Path, *, keep: bool = True) -> tuple[Training, Records, DataCheck]:
    """Check all that can be checked before, read the records and look at them."""
    _check_parts(plan, plan.process, plan.cleaners, plan.provenance.options.get("process"))
    check_weights(plan.sampler, plan.source.weight)
    training = _training(plan, scratch, keep=keep)
    plan.process.prepare(plan.store)
    plan.model.prepare(plan.store)
    records = plan.source.read()
    check = _look(plan, records)
    plan.model.accept(records)
    _refuse_objective(plan, records.labels)
    return training, records, check


def _refuse_objective(plan: Plan, labels: Sequence[str]) -> None:
    """Raise `UserError` where data with these labels have no such metric: no run begins for it."""
    from libelle.training.objective import objective_of  # importing scikit-learn takes a second

    objective_of(plan.objective, labels)


def _look(plan: Plan, records: Records) -> DataCheck:
    """Look at the records, and say what was found; raise `UserError` where training makes no sense."""
    check = look_at(plan.source, records)
    found = check.kept
    # A sweep over `data.*` has other data in some of its trials.
    if _first(plan) or (_found_in_trials and found not in _found_in_trials):
        tell(found)
    if plan.provenance.trial is not None and found not in _found_in_trials:
        _found_in_trials.append(found)
    check.refuse()
    return check


def _say_what_the_base_holds(base: Base) -> None:
    if base.file is not None and (warning := base.file.warning(base.name)):
        log.warning("%s", warning)
    base.prepared.report()


def _first(plan: Plan) -> bool:
    """Whether a plan is the first for its data, as far as can be seen: the trials of a sweep have the same."""
    return plan.provenance.trial in (None, 0)


def _prepare(plan: Plan, records: Records, check: DataCheck) -> Prepared:
    keep_texts = plan.keep_texts
    return Prepared.from_source(plan.source, records, plan.cleaners, plan.process, keep_texts=keep_texts, check=check)


def _train(plan: Plan, training: Training, prepared: Prepared, run: Run, scratch: Path) -> Outcome:
    # Metrics and pages: preparation does without, and importing them takes seconds.
    from libelle.evaluation.automatic_coding import reachable_wish
    from libelle.training.fitting import fit
    from libelle.training.run_files import keep

    fitted = fit(plan, training, prepared)
    if fitted.calibration is not None:
        run.put_json("calibration.json", fitted.calibration)
    run.manifest.objective, run.manifest.value = fitted.objective, fitted.value
    with stage("writing the run and its report"):
        keep(run, prepared, fitted, plan, scratch)
    page = run.key("report.html")
    return Outcome(
        run_id=str(run.id),
        metrics=fitted.metrics,
        objective=fitted.objective,
        value=fitted.value,
        pipeline=replace(fitted.pipeline, name=str(run.id)),
        data=prepared.name,
        wish=reachable_wish(prepared.dataset(VALIDATION).targets, fitted.scores[VALIDATION], fitted.pipeline.rule),
        report=str(run.store.local_path(page) or page),
    )


@contextmanager
def _workplace(plan: Plan) -> Iterator[Path]:
    """Yield the work folder, which holds the log, once the store is known to work."""
    plan.store.check()
    resumed = None if plan.resumed is None else plan.resumed.folder
    with work_folder(resumed) as folder, log_to_file(folder / LOG), in_shards(folder, plan.shard_rows):
        yield folder


def _training(plan: Plan, scratch: Path, *, keep: bool = True) -> Training:
    """Build what Lightning needs before any work starts: a wrong setting must not cost an hour."""
    if not plan.model.lightning:
        return Training(scratch, plan.seed)
    from libelle.models.lightning_trainer import make_trainer  # importing Lightning takes seconds

    training = Training(scratch, plan.seed, plan.trainer, *plan.lightning(scratch))
    make_trainer(training)
    return replace(training, checkpoints=scratch / CHECKPOINTS if keep else None)


@contextmanager
def _begin_run(plan: Plan, data: str, fingerprint: str, scratch: Path, base: str | None = None) -> Iterator[Run]:
    """Claim a run id, or take up the run that goes on; at the end the manifest says how it went, whatever happens."""
    about = {
        "command": plan.provenance.command,
        "git_commit": git_commit(),
        "seed": plan.seed,
        "data": data,
        "model": plan.provenance.options.get("model", type(plan.model).__name__),
        "data_fingerprint": fingerprint,
        "libraries": library_versions(),
        "base": base,
        "sweep": plan.provenance.sweep,
        "trial": plan.provenance.trial,
    }
    if plan.resumed is None:
        run = begin(plan.store, about, scratch, plan.provenance)
    else:
        run = take_up(plan.store, plan.resumed, about)
    write_drafts(run, scratch)
    started = time.monotonic()
    with beating(run) as heart:
        try:
            # Said here: whoever interrupts a run that is said to have begun finds it failed, not running.
            log.info("run %s %s in %s", run.id, "begins" if plan.resumed is None else "is resumed", plan.store)
            yield run
        except BaseException as error:
            reason = "interrupted" if isinstance(error, KeyboardInterrupt) else _reason(error)
            log.debug("%s", traceback.format_exc())
            log.error("run %s failed: %s", run.id, reason)
            if isinstance(error, KeyboardInterrupt | ChildProcessError) and plan.provenance.config.get("data"):
                log.info("it goes on with: %s", resume_command(plan.store, str(run.id)))
            with _store_errors_said():
                finish(run, scratch, FAILED, reason)
                heart.stop()
            raise
        log.info("run %s took %.1f s", run.id, time.monotonic() - started)
        with stage("storing the run"):
            finish(run, scratch, COMPLETED)
        heart.stop()


def _reason(error: BaseException) -> str:
    """What a run says of why it failed."""
    kind, said = type(error).__name__, str(error)
    return f"{kind}: {said}" if isinstance(error, KeyError) else said or kind  # its own words are a key and no more


@contextmanager
def _store_errors_said() -> Iterator[None]:
    """Say what fails in the store, and go on: a failed run ends with its own error."""
    try:
        yield
    except (UserError, OSError) as error:
        log.warning("%s", error)


def _refuse_differences(plan: Plan, base: Base) -> None:
    """Raise `UserError` where what was typed contradicts what the base settles."""
    for key, typed in plan.provenance.typed.items():
        settled = base.options.get(key) if key in BASE_NODES else look_up(base.config, key)
        if typed != settled:
            raise UserError(
                f"{key}={typed} differs from the base {base.name!r}, which was prepared with {key}={settled}; leave it "
                f"out, prepare again with mode=prepare, or use another base.name."
            )
