"""The entry layer: from a command line to one function call.

`composition.py` beside it makes plain objects of what Hydra composed, and `sweeps.py` is what a sweep adds.
"""

import json
import logging
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from hydra_plugins.hydra_hyperopt_sweeper._values import SweepError
from hydra_plugins.hydra_hyperopt_sweeper.pruning import Trial
from libelle.arguments import as_typed, protect, restore
from libelle.composition import make_plan, plain, repeatable
from libelle.errors import UserError
from libelle.logs import log_to_terminal

if TYPE_CHECKING:
    from libelle.stores.base import Store

log = logging.getLogger(__name__)


USER_ERROR, INTERRUPTED = 2, 130


def command(main: Callable[[], Any], protect: Callable[[list[str]], list[str]] = protect) -> None:
    """Run a script's Hydra main; its exit status says how it went.

    0 done, 1 a defect of ours or a config that Hydra refuses, 2 a `UserError` or a `SweepError`, 130 interrupted.

    Args:
        main: decorated with `hydra.main`.
        protect: encodes the raw ones among the arguments.
    """
    # Hydra would print a traceback and leave with 1 whatever happened.
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")
    log_to_terminal()
    OmegaConf.register_new_resolver("direction", _direction, replace=True)
    try:
        sys.argv[1:] = protect(sys.argv[1:])
        main()
    except UserError as error:
        leave(str(error), USER_ERROR)
    except KeyboardInterrupt:
        leave("Interrupted.", INTERRUPTED)
    except SweepError as error:
        leave(str(error), USER_ERROR)
    except (HydraException, OmegaConfBaseException) as error:
        leave(str(error), 1)
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python would complain once more while closing it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _direction(metric: str | None) -> str:
    """Whether more or less of a metric is better, as sweepers want to know it."""
    from libelle.evaluation.metrics import LOWER_IS_BETTER

    return "minimize" if metric is not None and metric.rpartition(".")[2] in LOWER_IS_BETTER else "maximize"


def train(config: DictConfig) -> float | None:
    """Run `train.py` on a composed config, and return the objective, as sweepers want it."""
    sweeping = HydraConfig.get().mode == RunMode.MULTIRUN
    try:
        return _train(config, sweeping)
    except UserError as error:
        if sweeping:
            # Hydra goes on with the other jobs and raises the first failure at the end.
            raise
        leave(str(error), USER_ERROR)


def _train(config: DictConfig, sweeping: bool) -> float | None:
    from libelle import report, workflow

    settings = HydraConfig.get()
    overrides = _overrides()
    plan = make_plan(config, settings)
    plan.lightning = partial(make_lightning, config)
    plan.command = shlex.join(["python", f"{settings.job.name}.py", *repeatable(overrides, plan, settings)])
    if sweeping:
        trial = Trial.current()
        plan.sweep = Path(settings.sweep.dir).name
        plan.trial = int(settings.job.num) if trial is None else trial.number()
    if config.mode == "prepare":
        report.print_base(plan.base_name, workflow.prepare(plan), plan.process, python_command(), overrides)
        return None
    outcome = workflow.train(plan) if config.mode == "train" else workflow.full(plan)
    if not sweeping:  # a sweep ends with one table of its runs
        report.print_outcome(outcome, python_command(), overrides)
    return outcome.value


def runtime(config: DictConfig) -> None:
    """Run `runtime.py` on a composed config."""
    with _plain_errors():
        from libelle.components import validate
        from libelle.pipeline import Pipeline
        from libelle.runs.ids import RunId
        from libelle.runs.table import newest
        from libelle.runtime import Request, score

        values, store = _values_and_store(config)
        if isinstance(values["record"], str):
            values["record"] = json.loads(values["record"])
        request = validate(Request, values, "")
        run_id = RunId.parse(request.run_id) if request.run_id else None
        score(request, Pipeline.load(request.published or str(run_id or newest(store)), store))


def threshold(config: DictConfig) -> None:
    """Run `threshold.py` on a composed config."""
    with _plain_errors():
        from libelle import report
        from libelle.components import validate
        from libelle.evaluation import threshold
        from libelle.evaluation.wishes import Request
        from libelle.runs.ids import RunId
        from libelle.runs.run import Run
        from libelle.runs.table import newest

        values, store = _values_and_store(config)
        request = validate(Request, values, "")
        store.check()
        run = Run.open(store, RunId.parse(request.run_id) if request.run_id else newest(store))
        choice = threshold.save(run, threshold.decide(run, request))
        if request.format == "json":
            print(json.dumps({"run_id": str(run.id), **choice}, ensure_ascii=False))
        else:
            report.print_threshold(run, choice, python_command(), _overrides())


def _overrides() -> list[str]:
    """The overrides of this command, as they were typed."""
    return [as_typed(override) for override in HydraConfig.get().overrides.task]


def publish(config: DictConfig) -> None:
    """Run `publish.py` on a composed config."""
    with _plain_errors():
        from libelle import publication, report
        from libelle.components import validate
        from libelle.runs.ids import RunId
        from libelle.runs.run import Run

        values, store = _values_and_store(config)
        request = validate(publication.Request, values, "")
        store.check()
        if request.list:
            report.print_published(publication.overview(store))
        elif request.rollback:
            published = publication.rollback(store, str(request.name))
            report.print_publication(published, python_command(), _overrides())
        else:
            run = Run.open(store, RunId.parse(str(request.run_id)))
            name = request.name or run.manifest.data or "model"
            published = publication.publish(store, run, name, request.threshold)
            report.print_publication(published, python_command(), _overrides())


def runs(config: DictConfig) -> None:
    """Run `runs.py` on a composed config."""
    with _plain_errors():
        from libelle import report as report_text
        from libelle import report_json
        from libelle.runs import table
        from libelle.runs.ids import RunId
        from libelle.runs.run import Run

        values, store = _values_and_store(config)
        verb, *names = json.loads(values["words"]) or ["list"]
        where = json.loads(values["where"])
        report = report_json if _as_json(where) else report_text
        found = [Run.open(store, RunId.parse(name)) for name in names]
        match verb, found:
            case "list", []:
                report.print_runs(table.select(table.manifests(store), where))
            case "show", [run]:
                report.print_run(run)
            case "diff", [first, second]:
                report.print_differences(first, second, table.differences(first, second))
            case "compare", _:
                from libelle.evaluation.comparison import compare, make_page
                from libelle.pages.rendering import write_page

                output = _output(where)
                comparison = compare(found)
                write_page(make_page(comparison), output, f"output={output}")
                report.print_comparison(comparison, output)
            case (("list" | "show" | "diff"), _):
                raise UserError(f"runs.py {verb} takes {_RUNS_TAKEN[verb]}, and {len(found)} were given.")
            case _:
                raise UserError(f"runs.py {verb} is not known; the verbs are list, show, diff and compare.")


_RUNS_TAKEN = {"list": "no run ids", "show": "one run id", "diff": "two run ids"}


def _as_json(where: dict[str, str]) -> bool:
    """Whether stdout is for programs."""
    form = where.pop("format", "text")
    if form not in ("text", "json"):
        raise UserError(f"format={form} is not known; choose text or json.")
    return form == "json"


def _output(where: dict[str, str]) -> Path:
    """Where the page of a comparison goes."""
    output = where.pop("output", "comparison.html")
    for key in where:
        raise UserError(f"runs.py compare knows no {key}=; it takes run ids, output= and format=.")
    if not Path(output).name:
        raise UserError(f"output={output} is not the name of a file; write for instance output=comparison.html.")
    return Path(output)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Leave with the sentence alone; Hydra would print the command's overrides, and with them the text."""
    try:
        yield
    except UserError as error:
        leave(str(error), USER_ERROR)


def _values_and_store(config: DictConfig) -> "tuple[dict[str, Any], Store]":
    from libelle.components import build
    from libelle.stores.base import Store

    values = restore(plain(config))
    return values, build(values.pop("store"), Store, "store")


def make_lightning(config: DictConfig, scratch: Path) -> tuple[Sequence[Any], Sequence[Any]]:
    """Build Lightning's callbacks and loggers from their nodes.

    Args:
        config: the composed config.
        scratch: where loggers without a `save_dir` write.

    Raises:
        UserError: names the node that cannot be built.
    """
    from hydra.utils import get_class, instantiate
    from pytorch_lightning.callbacks import ProgressBar

    from libelle.components import check_arguments

    def build(group: str, **extra: Any) -> list[Any]:
        built = []
        for name, node in config[group].items():
            if node is None:
                continue
            place = f"{group}.{name}"
            values = {key: value for key, value in extra.items() if key in node and node[key] is None}
            try:
                check_arguments(get_class(node["_target_"]), {**node, **values}, place)
                built.append(instantiate(node, **values))
            except UserError:
                raise
            except Exception as error:
                cause = error.__cause__ or error
                raise UserError(f"{place} cannot be built ({cause}); see {node.get('_target_')}.") from error
        return built

    callbacks = build("callbacks")
    if not sys.stderr.isatty():
        callbacks = [callback for callback in callbacks if not isinstance(callback, ProgressBar)]
    return callbacks, build("logger", save_dir=str(scratch))


def python_command() -> str:
    """How to call this Python from the shell that called us: `python`, if that is the same one."""
    if shutil.which("python") == sys.executable:
        return "python"
    here = os.path.relpath(sys.executable)
    return sys.executable if here.startswith("..") else here


def leave(message: str, status: int) -> NoReturn:
    """End the script with a sentence on stderr."""
    print(message, file=sys.stderr)
    sys.exit(status)
