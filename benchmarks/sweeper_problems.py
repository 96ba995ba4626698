"""What the search algorithms are compared on. Needs nothing but Python, as it runs beside an old Optuna, too."""

import csv
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
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


@dataclass(frozen=True)
class Axis:
    """The values that one key takes in a recorded table, rising; between two, the nearer one counts."""

    values: tuple[float, ...]
    log: bool = False

    def nearest(self, value: float) -> float:
        """The recorded value nearest to `value`, on a log scale where the axis has one."""
        return min(self.values, key=lambda v: abs(math.log(v / value)) if self.log else abs(v - value))


MLP_TABLE = Path(__file__).with_name("mlp_diaries.csv")
MLP_GRID = {
    "model.optimizer.lr": Axis((0.0003, 0.0007, 0.0015, 0.003), log=True),
    # The table is of the model as it was when the linear path was trained by SGD at a rate of its own.
    "model.optimizer.linear_lr": Axis((1.0, 5.0, 25.0, 125.0), log=True),
    "model.dropout": Axis((0.0, 0.2, 0.4, 0.6)),
    "model.ngram_dropout": Axis((0.0, 0.25, 0.5, 0.75)),
}


@cache
def _mlp_table() -> dict[tuple[float, ...], float]:
    with MLP_TABLE.open(encoding="utf-8") as file:
        rows = [tuple(map(float, row)) for row in list(csv.reader(file))[1:]]
    return {row[:-1]: row[-1] for row in rows}


def mlp_on_diaries(v: Values) -> float:
    """Validation average precision, negative, of `model=mlp` on `data=diaries` after 4 epochs, from the table."""
    return -_mlp_table()[tuple(axis.nearest(v[key]) for key, axis in MLP_GRID.items())]


def problems() -> dict[str, Problem]:
    """All problems by name."""
    mlp = {key: Float(axis.values[0], axis.values[-1], axis.log) for key, axis in MLP_GRID.items()}
    return {
        "branin": Problem({"x": Float(-5, 10), "y": Float(0, 15)}, branin, 0.397887),
        "hartmann6": Problem({f"x{i}": Float(0, 1) for i in range(6)}, hartmann6, -3.32237),
        "log_rosenbrock (log)": Problem(
            {"x": Float(1e-3, 1e3, True), "y": Float(1e-3, 1e3, True)}, log_rosenbrock, 0.0
        ),
        "gauss_wave (conditional)": Problem(
            {"curve": ["plain", "wave"], "x": Float(-20, 20), "amplitude": Float(0, 1, when=("curve", "wave"))},
            gauss_wave,
            -2.835261,
        ),
        "mlp on diaries (table)": Problem(mlp, mlp_on_diaries, -max(_mlp_table().values())),
    }
