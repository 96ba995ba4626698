"""Search quality and overhead of the hyperopt sweeper, against random search and against Hydra's Optuna sweeper.

    python benchmarks/sweeper.py --optuna-python OPTUNA/bin/python > docs/results-tuning.md
    python benchmarks/sweeper.py --seeds 5 --problems branin   # a short look, without Optuna

Optuna needs an environment of its own, because Hydra's sweeper wants a version that wants an old NumPy:

    python3 -m venv OPTUNA
    OPTUNA/bin/pip install hydra-optuna-sweeper==1.3.0 'hydra-core<1.4' 'numpy<2' setuptools

This same file runs there, with `--worker`.

Quality: the best value after a budget of trials. Every sampler sees the same spaces, conditions included, has the same
budget and the seeds 0, 1, 2, ... Overhead: the whole sweep (for ours with the ledger, which is on disk before each job
starts) with a launcher that does nothing; for Optuna also ask and tell alone.
"""

import argparse
import json
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sweeper_problems import Float, Problem, Space, problems

BUDGETS = (50, 100)
OVERHEAD_TRIALS = 200
OVERHEAD_SPACE = {f"x{i}": Float(0, 1) for i in range(6)}

#: The best value after one, two, three... trials.
Curve = list[float]


def override(name: str, dimension: Float | list[str]) -> str:
    """A dimension in Hydra's grammar."""
    if isinstance(dimension, list):
        return f"{name}={','.join(dimension)}"
    text = f"interval({dimension.low},{dimension.high})"
    text = f"tag(log,{text})" if dimension.log else text
    return f"{name}=tag('{'='.join(dimension.when)}',{text})" if dimension.when else f"{name}={text}"


def running_best(values: list[float]) -> Curve:
    """The best of the first values, for each number of them."""
    return [min(values[: count + 1]) for count in range(len(values))]


def hyperopt_curve(problem: Problem, name: str, trials: int, seed: int) -> Curve:
    """What the plugin's search finds."""
    from hydra_plugins.hydra_hyperopt_sweeper._suggestion import Suggester, algorithm
    from hydra_plugins.hydra_hyperopt_sweeper.config import AnnealConf, MixConf, RandConf, TpeConf
    from hydra_plugins.hydra_hyperopt_sweeper.sweep import read_space

    space = read_space({}, [override(*item) for item in problem.space.items()], None)  # type: ignore[arg-type]
    conf = vars({"mix": MixConf, "tpe": TpeConf, "anneal": AnnealConf, "rand": RandConf}[name]())
    search = Suggester(space, algorithm(conf), seed)
    losses = []
    for number in range(trials):
        raws = search.suggest(number, 0)
        drawn = {d.name: d.distribution.value(raws[d.label]) for d in space.dimensions if d.label in raws}
        losses.append(problem.function(drawn))
        search.add(number, raws)
        search.tell(number, losses[-1])
    return running_best(losses)


def optuna_curve(problem: Problem, trials: int, seed: int) -> Curve:
    """What Optuna's TPE finds with its defaults, which are those of Hydra's sweeper."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(lambda trial: problem.function(optuna_draw(trial, problem.space)), n_trials=trials)
    return running_best([trial.value for trial in study.trials])


def optuna_draw(trial: Any, space: Space) -> dict[str, Any]:
    """One trial's values; what a choice switches off is not suggested."""
    drawn: dict[str, Any] = {}
    for name, dimension in space.items():
        if isinstance(dimension, list):
            drawn[name] = trial.suggest_categorical(name, dimension)
        elif dimension.when is None or drawn[dimension.when[0]] == dimension.when[1]:
            drawn[name] = trial.suggest_float(name, dimension.low, dimension.high, log=dimension.log)
    return drawn


class Idle:
    """A launcher whose jobs do nothing and return a number that differs from trial to trial."""

    def launch(self, job_overrides: Any, initial_job_idx: int) -> list[Any]:
        """What a job would give back."""
        from hydra.core.utils import JobReturn, JobStatus

        values = [sum(float(line.partition("=")[2]) for line in job) for job in job_overrides]
        return [JobReturn(status=JobStatus.COMPLETED, _return_value=value) for value in values]


def ask_and_tell_overhead() -> float:
    """Milliseconds per trial of Optuna's ask and tell."""
    began = time.perf_counter()
    optuna_curve(Problem(OVERHEAD_SPACE, lambda v: sum(v.values()), 0.0), OVERHEAD_TRIALS, seed=0)
    return (time.perf_counter() - began) / OVERHEAD_TRIALS * 1e3


def optuna_overhead() -> float:
    """Milliseconds per trial of Hydra's Optuna sweeper as a whole."""
    import optuna
    from hydra_plugins.hydra_optuna_sweeper._impl import OptunaSweeperImpl
    from omegaconf import OmegaConf

    sampler = optuna.samplers.TPESampler(seed=0)
    sweeper = OptunaSweeperImpl(sampler, "minimize", None, None, OVERHEAD_TRIALS, 1, 0.0, None, None, None)
    with tempfile.TemporaryDirectory() as folder:
        sweeper.config = OmegaConf.create({"hydra": {"sweep": {"dir": folder}}})
        sweeper.hydra_context, sweeper.launcher = SimpleNamespace(), Idle()
        began = time.perf_counter()
        sweeper.sweep([override(*item) for item in OVERHEAD_SPACE.items()])
        return (time.perf_counter() - began) / OVERHEAD_TRIALS * 1e3


def hyperopt_overhead() -> float:
    """Milliseconds per trial of the whole sweeper, ledger and results included."""
    from omegaconf import OmegaConf

    from hydra_plugins.hydra_hyperopt_sweeper._ledger import Ledger
    from hydra_plugins.hydra_hyperopt_sweeper._sweep_loop import Sweep
    from hydra_plugins.hydra_hyperopt_sweeper.config import HyperoptSweeperConf, MixConf
    from hydra_plugins.hydra_hyperopt_sweeper.sweep import Header, read_space

    algorithm: Any = OmegaConf.structured(MixConf)
    options = HyperoptSweeperConf(algorithm=algorithm, max_trials=OVERHEAD_TRIALS, seed=0)
    space = read_space({}, [override(*item) for item in OVERHEAD_SPACE.items()], None)  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder:
        header = Header(space.records, space.fixed, "minimize", None, 0)
        with Ledger(Path(folder), header, new_seed=0) as ledger:
            sweep = Sweep(options, space, ledger, Idle())  # type: ignore[arg-type]
            began = time.perf_counter()
            sweep.run()
            return (time.perf_counter() - began) / OVERHEAD_TRIALS * 1e3


def least(measure: Callable[[], float]) -> float:
    """The least of three measurements: whatever else the machine does can only add to it."""
    return min(measure() for _ in range(3))


def worker(chosen: dict[str, Problem], seeds: int) -> dict[str, Any]:
    """What Optuna reaches and costs, computed in its own environment."""
    curves = {name: [optuna_curve(p, max(BUDGETS), seed) for seed in range(seeds)] for name, p in chosen.items()}
    return {
        "curves": curves,
        "overhead": {"sweep": least(optuna_overhead), "ask and tell": least(ask_and_tell_overhead)},
    }


def hyperopt_curves(chosen: dict[str, Problem], seeds: int) -> dict[str, dict[str, list[Curve]]]:
    """What our algorithms reach, by problem and algorithm."""
    algorithms = {"mix": "mix", "tpe": "tpe", "anneal": "anneal", "random": "rand"}
    return {
        name: {
            title: [hyperopt_curve(problem, algorithm, max(BUDGETS), seed) for seed in range(seeds)]
            for title, algorithm in algorithms.items()
        }
        for name, problem in chosen.items()
    }


def print_quality(ours: dict[str, dict[str, list[Curve]]], optuna: dict[str, list[Curve]]) -> None:
    """Print a table for each budget."""
    for budget in BUDGETS:
        print(f"\n## {budget} trials\n")
        print("| | mix | tpe | anneal | random | Optuna TPE | mix beats random | mix beats Optuna |")
        print("|---|---|---|---|---|---|---|---|")
        for name, each in ours.items():
            found = {**each, "Optuna TPE": optuna.get(name, [])}
            minimum = problems()[name].minimum
            distances = {title: [curve[budget - 1] - minimum for curve in curves] for title, curves in found.items()}
            cells = [f"{statistics.median(each):.4g}" if each else "-" for each in distances.values()]
            cells += [superiority(distances["mix"], distances[other]) for other in ("random", "Optuna TPE")]
            print(f"| {name} | {' | '.join(cells)} |")


def superiority(ours: list[float], others: list[float]) -> str:
    """The share of all pairs in which ours is the better; a tie counts half."""
    points = [(mine < theirs) + (mine == theirs) / 2 for mine in ours for theirs in others]
    return f"{statistics.mean(points):.0%}" if points else "-"


def main() -> None:
    """Print docs/results-tuning.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--problems", nargs="+", default=None)
    parser.add_argument("--optuna-python", help="the python of an environment with hydra-optuna-sweeper")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := set(options.problems or ()) - set(problems()):
        parser.error(f"no problem {', '.join(unknown)}: there are {', '.join(problems())}")
    chosen = {name: problems()[name] for name in options.problems or problems()}
    if options.worker:
        print(json.dumps(worker(chosen, options.seeds)))
        return
    optuna: dict[str, Any] = {"curves": {}, "overhead": None}
    if options.optuna_python:
        command = [options.optuna_python, __file__, "--worker", "--seeds", str(options.seeds), "--problems", *chosen]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    ours = hyperopt_curves(chosen, options.seeds)
    if options.optuna_python:
        optuna = json.loads(process.communicate()[0])
    print(HEADER.format(seeds=options.seeds, python=platform.python_version()))
    print_quality(ours, optuna["curves"])
    print_overhead(least(hyperopt_overhead), optuna["overhead"])


def print_overhead(ours: float, theirs: dict[str, float] | None) -> None:
    """Print the table of costs."""
    print(f"\n## Overhead\n\nOver {OVERHEAD_TRIALS} trials of six dimensions, the least of three sweeps:\n")
    print(f"| | ms per trial | ratio |\n|---|---|---|\n| `hydra/sweeper=hyperopt` | {ours:.1f} | 1 |")
    if theirs:
        print(f"| `hydra/sweeper=optuna` | {theirs['sweep']:.1f} | {ours / theirs['sweep']:.2f} |")
        print(f"| Optuna's ask and tell alone | {theirs['ask and tell']:.1f} | {ours / theirs['ask and tell']:.2f} |")


HEADER = """\
# Results of tuning

Printed by `python benchmarks/sweeper.py --optuna-python ...`, whose first lines say how to make Optuna's environment.
2 cores, no GPU, Python {python}.

The distance of the best value to the minimum, median of {seeds} seeds: smaller is better. *Beats* is the share of
all pairs of seeds in which `mix`, the default of `hydra/sweeper=hyperopt`, ended lower, a tie counting half: 50% means
no difference. All samplers have their defaults; Optuna's are those of `hydra/sweeper=optuna` too.

- `branin`, `hartmann6`, Rosenbrock of logarithms, and hyperopt's `gauss_wave`, where one parameter exists under one of
  two choices alone, are public test functions.
- `mlp on diaries` is `model=mlp` on `data=diaries`: validation average precision after 4 epochs over
  `model.optimizer.lr`, `model.optimizer.linear_lr` (both on a log scale), `model.dropout` and `model.ngram_dropout`,
  recorded on a grid of 256 points in `benchmarks/mlp_diaries.csv`. A point counts as its nearest neighbour on the
  grid. The grid is of an earlier `mlp`, whose linear path was trained by SGD at that rate."""


if __name__ == "__main__":
    main()
