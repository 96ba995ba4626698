"""Options that no sweep can have are refused before it begins, in a sentence that names the key."""

import math
from collections.abc import Mapping
from typing import Any

from ._errors import SweepError
from .config import HyperoptSweeperConf

#: The least value of each option; of those in _ABOVE, it is itself too small.
_LEAST = {
    "max_trials": 1,
    "n_jobs": 1,
    "max_batch_size": 1,
    "no_progress_stop": 1,
    "max_failure_rate": 0,
    "timeout": 0,
    "seed": 0,
}
_ALGORITHM_LEAST = {
    "gamma": 0,
    "n_startup_jobs": 1,
    "n_EI_candidates": 1,
    "prior_weight": 0,
    "avg_best_idx": 1,
    "shrink_coef": 0,
    "rand": 0,
    "anneal": 0,
    "tpe": 0,
}
#: Options that must lie above their bound.
_ABOVE = ("gamma", "prior_weight")


def check_options(options: HyperoptSweeperConf) -> None:
    """Check all options of a sweep.

    Raises:
        SweepError: names the first one that is out of its bounds.
    """
    if options.direction not in ("minimize", "maximize"):
        raise SweepError(f"hydra.sweeper.direction={options.direction}: there are minimize and maximize")
    _check_least("hydra.sweeper", vars(options), _LEAST)
    if options.max_failure_rate > 1:
        raise SweepError(f"hydra.sweeper.max_failure_rate={options.max_failure_rate}: it is a share, at most 1")
    algorithm: Any = options.algorithm  # Hydra hands over a DictConfig
    _check_least("hydra.sweeper.algorithm", algorithm, _ALGORITHM_LEAST)


def _check_least(node: str, values: Mapping[str, Any], least: Mapping[str, int]) -> None:
    for name, bound in least.items():
        value = values.get(name)
        if value is None:
            continue
        if math.isnan(value) or value < bound or (value == bound and name in _ABOVE):
            relation = "above" if name in _ABOVE else "at least"
            raise SweepError(f"{node}.{name}={value}: it must be {relation} {bound}")
