"""Search quality and overhead of the hyperopt sweeper.

    python benchmarks/sweeper.py                                   # against random search, 30 seeds
    python benchmarks/sweeper.py --optuna-python OTHER/bin/python  # and against Optuna's TPE
    python benchmarks/sweeper.py --seeds 5 --trials 40             # a short look

OTHER is an environment of its own with `pip install hydra-optuna-sweeper`, which wants an old Optuna. There this
same file runs with `--worker` and needs nothing but Optuna.

Quality: the best value after a budget of trials, on public test functions with known minima. Every sampler sees
the same space, with its conditions. Overhead: the sweeper's own time per trial over 200 trials with a launcher
that does nothing; for Optuna, ask and tell alone.
"""

import argparse
import json
import math
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Float:
    """A float dimension; with `when`, drawn only where the choice of that name has that option."""

    low: float
    high: float
    log: bool = False
    when: tuple[str, str] | None = None


Space = Mapping[str, Float | list[str]]


@dataclass(frozen=True)
class Problem:
    """A function to minimise. Its value at the best point is `minimum`."""

    space: Space
    function: Callable[[Values], float]
    minimum: float


def branin(v: Values) -> float:
    """Branin (1972)."""
    x, y = v["x"], v["y"]
    bowl = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return float(bowl**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10)


def hartmann6(v: Values) -> float:
    """Hartmann in six dimensions (1973)."""
    a = [(10, 3, 17, 3.5, 1.7, 8), (0.05, 10, 17, 0.1, 8, 14), (3, 3.5, 1.7, 10, 17, 8), (17, 8, 0.05, 10, 0.1, 14)]
    p = [
        (0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886),
        (0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991),
        (0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650),
        (0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381),
    ]
    x = [v[f"x{i}"] for i in range(6)]
    exponents = [sum(a[i][j] * (x[j] - p[i][j]) ** 2 for j in range(6)) for i in range(4)]
    return -float(sum(c * math.exp(-e) for c, e in zip((1.0, 1.2, 3.0, 3.2), exponents, strict=True)))


def log_rosenbrock(v: Values) -> float:
    """Rosenbrock (1960) of the decimal logarithms of its arguments."""
    x, y = math.log10(v["x"]), math.log10(v["y"])
    return float((1 - x) ** 2 + 100 * (y - x**2) ** 2)


def gauss_wave(v: Values) -> float:
    """`gauss_wave2` of hyperopt's test suite, without its noise: one of two curves, one with an amplitude."""
    bump = 2 * math.exp(-((v["x"] / 5) ** 2))
    return -bump if v["curve"] == "plain" else -(bump + math.sin(v["x"]) * v["amplitude"])


PROBLEMS = {
    "branin": Problem({"x": Float(-5, 10), "y": Float(0, 15)}, branin, 0.397887),
    "hartmann6": Problem({f"x{i}": Float(0, 1) for i in range(6)}, hartmann6, -3.32237),
    "log_rosenbrock": Problem({"x": Float(1e-3, 1e3, True), "y": Float(1e-3, 1e3, True)}, log_rosenbrock, 0.0),
    "gauss_wave (conditional)": Problem(
        {"curve": ["plain", "wave"], "x": Float(-20, 20), "amplitude": Float(0, 1, when=("curve", "wave"))},
        gauss_wave,
        -2.835261,
    ),
}


def override(name: str, dimension: Float | list[str]) -> str:
    """A dimension in Hydra's grammar."""
    if isinstance(dimension, list):
        return f"{name}={','.join(dimension)}"
    text = f"interval({dimension.low},{dimension.high})"
    text = f"tag(log,{text})" if dimension.log else text
    return f"{name}=tag('{'='.join(dimension.when)}',{text})" if dimension.when else f"{name}={text}"


def hyperopt_best(problem: Problem, algorithm: str, trials: int, seed: int) -> float:
    """Best value that the plugin's search finds."""
    from hydra_plugins.hydra_hyperopt_sweeper import _search
    from hydra_plugins.hydra_hyperopt_sweeper._grammar import read_space
    from hydra_plugins.hydra_hyperopt_sweeper.config import AnnealConf, RandConf, TpeConf

    space = read_space({}, [override(*item) for item in problem.space.items()], None)  # type: ignore[arg-type]
    conf = vars({"tpe": TpeConf, "anneal": AnnealConf, "rand": RandConf}[algorithm]())
    search = _search.Search(space, _search.algorithm(conf), seed)
    best = math.inf
    for number in range(trials):
        raws = search.suggest(number, 0)
        drawn = {d.name: d.distribution.value(raws[d.label]) for d in space.dimensions if d.label in raws}
        loss = problem.function(drawn)
        search.add(number, raws)
        search.tell(number, loss)
        best = min(best, loss)
    return best


def optuna_best(problem: Problem, trials: int, seed: int) -> float:
    """Best value that Optuna's TPE finds with its defaults."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(lambda trial: problem.function(optuna_draw(trial, problem.space)), n_trials=trials)
    return float(study.best_value)


def optuna_draw(trial: Any, space: Space) -> dict[str, Any]:
    """One trial's values; what a choice switches off is not suggested."""
    drawn: dict[str, Any] = {}
    for name, dimension in space.items():
        if isinstance(dimension, list):
            drawn[name] = trial.suggest_categorical(name, dimension)
        elif dimension.when is None or drawn[dimension.when[0]] == dimension.when[1]:
            drawn[name] = trial.suggest_float(name, dimension.low, dimension.high, log=dimension.log)
    return drawn


def optuna_overhead(trials: int) -> float:
    """Milliseconds per trial of ask and tell."""
    began = time.perf_counter()
    optuna_best(Problem(PROBLEMS["hartmann6"].space, lambda _: 0.0, 0.0), trials, seed=0)
    return (time.perf_counter() - began) / trials * 1e3


def hyperopt_overhead(trials: int) -> float:
    """Milliseconds per trial of the whole sweeper, ledger and results included, under an idle launcher."""
    from hydra.core.utils import JobReturn, JobStatus
    from omegaconf import OmegaConf

    from hydra_plugins.hydra_hyperopt_sweeper import _impl, _ledger
    from hydra_plugins.hydra_hyperopt_sweeper._grammar import read_space
    from hydra_plugins.hydra_hyperopt_sweeper.config import HyperoptSweeperConf, TpeConf

    class Idle:
        def launch(self, job_overrides: Any, initial_job_idx: int) -> list[JobReturn]:
            return [JobReturn(status=JobStatus.COMPLETED, _return_value=float(len(jobs))) for jobs in job_overrides]

    algorithm: Any = OmegaConf.structured(TpeConf)
    options = HyperoptSweeperConf(algorithm=algorithm, max_trials=trials, seed=0)
    space_of = PROBLEMS["hartmann6"].space
    space = read_space({}, [override(*item) for item in space_of.items()], None)  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder:
        identity = _ledger.Identity(space.texts, space.fixed, "minimize", None, 0)
        with _ledger.Ledger(Path(folder), identity, new_seed=0) as ledger:
            sweep = _impl._Sweep(options, space, ledger, Idle())  # type: ignore[arg-type]
            began = time.perf_counter()
            sweep.run()
            return (time.perf_counter() - began) / trials * 1e3


def worker(trials: int, seeds: int) -> dict[str, Any]:
    """What Optuna reaches, computed in its own environment."""
    found = {name: [optuna_best(p, trials, seed) for seed in range(seeds)] for name, p in PROBLEMS.items()}
    return {"found": found, "overhead": optuna_overhead(200)}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--optuna-python", help="the python of an environment with hydra-optuna-sweeper")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(worker(options.trials, options.seeds)))
        return
    optuna: dict[str, Any] = {"found": {}, "overhead": None}
    if options.optuna_python:
        command = [options.optuna_python, __file__, "--worker"]
        command += ["--trials", str(options.trials), "--seeds", str(options.seeds)]
        optuna = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    print(f"Median best value of {options.seeds} seeds after {options.trials} trials (distance to the minimum)\n")
    print(f"{'':26}{'tpe':>12}{'anneal':>12}{'random':>12}{'optuna tpe':>12}")
    for name, problem in PROBLEMS.items():
        columns = [
            [hyperopt_best(problem, algorithm, options.trials, seed) for seed in range(options.seeds)]
            for algorithm in ("tpe", "anneal", "rand")
        ]
        columns.append(optuna["found"].get(name, []))
        cells = [f"{statistics.median(c) - problem.minimum:12.4g}" if c else f"{'-':>12}" for c in columns]
        print(f"{name:26}{''.join(cells)}", flush=True)
    ours = hyperopt_overhead(200)
    print(f"\nOverhead per trial over 200 trials: {ours:.1f} ms", end="")
    print(f"; Optuna {optuna['overhead']:.1f} ms, ratio {ours / optuna['overhead']:.2f}" if optuna["overhead"] else "")


if __name__ == "__main__":
    main()
