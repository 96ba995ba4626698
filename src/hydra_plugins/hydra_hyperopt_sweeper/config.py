"""The options under `hydra.sweeper`, and the search algorithms one can choose for it."""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING


@dataclass
class AlgorithmConf:
    """A search algorithm; the fields after `name` are keyword arguments of hyperopt's function."""

    name: str = MISSING


@dataclass
class TpeConf(AlgorithmConf):
    """Tree of Parzen estimators (Bergstra et al., 2011).

    Two defaults are not hyperopt's own (gamma 0.25, 20 startup jobs), which leave too few good trials to model in
    sweeps of some dozens of trials; `benchmarks/sweeper.py` shows the difference.

    Attributes:
        gamma: the best `gamma * sqrt(n)` of the n trials so far, 25 at most, make up the good density.
        n_startup_jobs: random trials before the first one that is modelled.
        n_EI_candidates: points drawn from the good density; the one with the best ratio of densities is run.
        prior_weight: weight of the prior against one observed trial.
    """

    name: str = "tpe"
    gamma: float = 1.0
    n_startup_jobs: int = 10
    n_EI_candidates: int = 24  # noqa: N815 - hyperopt's name
    prior_weight: float = 1.0


@dataclass
class AnnealConf(AlgorithmConf):
    """Simulated annealing: draws around one of the best trials, ever closer.

    Attributes:
        avg_best_idx: mean rank of the trial to draw around (geometric distribution).
        shrink_coef: how fast the neighbourhood shrinks with the number of trials.
    """

    name: str = "anneal"
    avg_best_idx: float = 2.0
    shrink_coef: float = 0.1


@dataclass
class RandConf(AlgorithmConf):
    """Independent draws from the search space."""

    name: str = "rand"


@dataclass
class MixConf(AlgorithmConf):
    """Each trial by one of three algorithms, drawn at random.

    The default: annealing refines what the estimators find, and they lead it out of a plateau.

    Attributes:
        rand: probability of a random draw; the three sum to 1.
        anneal: probability of annealing.
        tpe: probability of the tree of Parzen estimators.
    """

    name: str = "mix"
    rand: float = 0.0
    anneal: float = 0.5
    tpe: float = 0.5


@dataclass
class GridConf(AlgorithmConf):
    """Every point of a finite space, in the order of the overrides, the last one moving fastest."""

    name: str = "grid"


@dataclass
class HyperoptSweeperConf:
    """Options of the sweeper.

    Attributes:
        algorithm: what suggests the trials.
        params: search space in the override grammar; a key `NAME=VALUE` holds the part drawn only with that value.
        direction: `minimize` or `maximize` what the job returns.
        objective: name of what the job returns. A sweep goes on only under the same name; without one, only under the
            same fixed overrides.
        seed: same seed, same trials. None: one is drawn, and kept in the ledger.
        max_trials: total number of trials in the sweep folder, those of earlier starts included.
        n_jobs: trials that run at a time, the next one launched as soon as one ends; with a launcher that runs jobs in
            this process, or that is not known, trials suggested and launched at a time.
        max_batch_size: most jobs handed to the launcher at once. None: `n_jobs`, or the whole grid where every point is
            run.
        max_failure_rate: the sweep stops with an error once more than this share of its total has failed.
        timeout: seconds from this start after which no further trial begins.
        loss_threshold: stop once the best value is at least as good as this.
        no_progress_stop: stop once this many trials in a row have finished without a better value.
        detach: run the sweep in a process that outlives the terminal, and follow it.
    """

    _target_: str = "hydra_plugins.hydra_hyperopt_sweeper.hyperopt_sweeper.HyperoptSweeper"
    defaults: list[Any] = field(default_factory=lambda: [{"algorithm": "mix"}])
    algorithm: AlgorithmConf = MISSING
    params: dict[str, Any] | None = field(default_factory=dict)
    direction: str = "minimize"
    objective: str | None = None
    seed: int | None = None
    max_trials: int = 50
    n_jobs: int = 1
    max_batch_size: int | None = None
    max_failure_rate: float = 1.0
    timeout: float | None = None
    loss_threshold: float | None = None
    no_progress_stop: int | None = None
    detach: bool = False


def _register() -> None:
    store = ConfigStore.instance().store
    provider = "hydra_hyperopt_sweeper"
    store(group="hydra/sweeper", name="hyperopt", node=HyperoptSweeperConf, provider=provider)
    for conf in (TpeConf, AnnealConf, RandConf, MixConf, GridConf):
        store(group="hydra/sweeper/algorithm", name=conf.name, node=conf, provider=provider)


_register()
