"""How much each parameter of a sweep matters, as far as its trials can tell."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from hydra_plugins.hydra_hyperopt_sweeper.sweep import TrialRecord
from libelle.language import gettext as _
from libelle.tuning.sweep import Parameter, Sweep

#: Fewer completed trials than this say nothing about a parameter.
MINIMUM = 10

_FOLDS, _REPEATS, _TREES = 5, 10, 100


@dataclass(frozen=True)
class Importance:
    """One parameter's importance.

    Attributes:
        parameter: the searched key.
        trials: number of completed trials that have the parameter.
        value: how much less of the variance of the trials' ranks is predicted once the parameter's values are
            shuffled; None where nothing can be said.
        spread: standard deviation of `value` over shuffles.
    """

    parameter: Parameter
    trials: int
    value: float | None = None
    spread: float = 0.0


@dataclass(frozen=True)
class Importances:
    """The importances of all parameters that vary, the greatest first.

    Attributes:
        parameters: with their importances.
        explained: share of the variance of the ranks that is predicted for held-out trials (R²); None with too few
            trials.
        reason: why nothing can be said; empty where something can.
    """

    parameters: list[Importance]
    explained: float | None = None
    reason: str = ""


def importances(sweep: Sweep, seed: int = 0) -> Importances:
    """Permutation importance (Breiman, 2001, Random Forests) in a forest that predicts a trial's rank.

    The forest is fitted in five folds, and values are shuffled in the held-out trials alone, so that a parameter
    without effect stays near zero. Ranks rather than values keep a few diverged trials from deciding everything. Where
    a trial lacks a conditional parameter, it gets that of a random trial which has one: the forest then cannot
    mistake the presence of a parameter for the effect of what it depends on. Functional ANOVA (Hutter et al., 2014),
    the usual measure, would need a parameter in every trial.

    Args:
        sweep: its completed trials count.
        seed: of folds, forests and shuffles; the same seed gives the same numbers.
    """
    done = sweep.ranked
    varying = [Importance(p, len(texts)) for p in sweep.parameters if len(set(texts := _texts(p, done))) > 1]
    known = [item for item in varying if item.trials >= MINIMUM]
    values = [trial.value for trial in done]
    if not known or len(set(values)) == 1:
        reason = _("Too few trials to say: it takes {count} completed ones, in which parameter and value vary.").format(
            count=MINIMUM
        )
        return Importances(varying, reason=reason)
    explained, drops = _shuffled(_table([item.parameter for item in known], done, seed), rankdata(values), seed)
    if explained <= 0:
        reason = _("Nothing to say: these trials do not let a forest predict how well others do.")
        return Importances(varying, explained, reason)
    measured = [
        Importance(item.parameter, item.trials, float(np.mean(drop)), float(np.std(drop)))
        for item, drop in zip(known, drops, strict=True)
    ]
    measured.sort(key=lambda item: -(item.value or 0))
    return Importances(measured + [item for item in varying if item not in known], explained)


def _texts(parameter: Parameter, trials: list[TrialRecord]) -> list[str]:
    return [trial.settings[parameter.key] for trial in trials if parameter.key in trial.settings]


def _table(parameters: list[Parameter], trials: list[TrialRecord], seed: int) -> np.ndarray:
    """Positions, float64 [trials, parameters]; absent ones drawn from those that are there."""
    generator = np.random.default_rng(seed)
    table = np.array([[parameter.position(trial) for parameter in parameters] for trial in trials])
    for column in table.T:
        absent = np.isnan(column)
        column[absent] = generator.choice(column[~absent], absent.sum())
    return table


def _shuffled(table: np.ndarray, ranks: np.ndarray, seed: int) -> tuple[float, list[np.ndarray]]:
    """R² of held-out ranks, and for each column of the table how much of it each shuffle takes away."""
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.metrics import r2_score
    from sklearn.model_selection import KFold

    folds = []
    for train, test in KFold(_FOLDS, shuffle=True, random_state=seed).split(table):
        forest = RandomForestRegressor(_TREES, min_samples_leaf=2, random_state=seed)
        folds.append((forest.fit(table[train], ranks[train]), test))

    def explained(tables: np.ndarray) -> np.ndarray:
        """R² for each of several versions of the table, [versions, trials, parameters]."""
        predicted = np.empty(tables.shape[:2])
        for forest, test in folds:
            rows = tables[:, test].reshape(-1, tables.shape[2])
            predicted[:, test] = forest.predict(rows).reshape(len(tables), -1)
        return np.array([r2_score(ranks, row) for row in predicted])

    generator = np.random.default_rng(seed)
    (whole,) = explained(table[None])
    drops = []
    for index in range(table.shape[1]):
        tables = np.repeat(table[None], _REPEATS, axis=0)
        tables[:, :, index] = generator.permuted(tables[:, :, index], axis=1)
        drops.append(whole - explained(tables))
    return float(whole), drops
