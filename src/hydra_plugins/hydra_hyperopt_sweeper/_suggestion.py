"""Hyperopt's next suggestion: what to try, given what became of the trials before."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from hyperopt import STATUS_FAIL, STATUS_OK, Trials, anneal, mix, rand, tpe
from hyperopt.base import JOB_STATE_DONE, Domain
from hyperopt.pyll import scope

from ._errors import SweepError
from ._override_values import plain
from ._space import Dimension, Raws, Space
from .config import TpeConf

Suggest = Callable[..., list[dict[str, Any]]]

_SUGGEST: dict[str, Suggest] = {"tpe": tpe.suggest, "anneal": anneal.suggest, "rand": rand.suggest}


def algorithm(conf: Mapping[str, Any]) -> Suggest:
    """Hyperopt's suggest function with the parameters of a `hydra/sweeper/algorithm` config.

    Raises:
        SweepError: for an algorithm that is not known, or shares of `mix` that do not sum to 1.
    """
    name = conf["name"]
    options = {str(key): value for key, value in conf.items() if key != "name"}
    if name == "mix":
        if not np.isclose(sum(options.values()), 1):
            raise SweepError(f"hydra.sweeper.algorithm: the probabilities of mix sum to {sum(options.values())}")
        functions = {**_SUGGEST, "tpe": algorithm(vars(TpeConf()))}
        return partial(mix.suggest, p_suggest=[(share, functions[each]) for each, share in options.items()])
    if name not in _SUGGEST:
        raise SweepError(f"hydra.sweeper.algorithm.name={name}: there are tpe, anneal, rand, mix and grid")
    if name == "tpe":
        options["verbose"] = False
    return partial(_SUGGEST[name], **options)


class Suggester:
    """Hyperopt's view of a sweep.

    Every suggestion has a seed of its own, made from the sweep's seed and the trial's number: a sweep that is
    resumed draws what it would have drawn.

    Args:
        space: what is searched.
        suggest: one of hyperopt's suggest functions, from `algorithm`.
        seed: of the sweep.
    """

    def __init__(self, space: Space, suggest: Suggest, seed: int) -> None:
        self._domain = Domain(None, _expression(space))
        self._trials = Trials()
        self._suggest = suggest
        self._seed = seed

    def suggest(self, number: int, attempt: int) -> Raws:
        """Numbers for trial `number`; another `attempt` draws others from the same knowledge.

        After ten attempts at random: in a discrete space the algorithm may insist on what has been run.
        """
        seed = int(np.random.SeedSequence([self._seed, number, attempt]).generate_state(1)[0])
        suggest = self._suggest if attempt < 10 else rand.suggest
        # One at a time: after its random start, tpe gives one document however many ids it is asked for.
        (document,) = suggest([number], self._domain, self._trials, seed)
        # A rounded draw may be -0.0, which adding 0 makes an ordinary zero.
        return {label: drawn[0].item() + 0 for label, drawn in document["misc"]["vals"].items() if len(drawn)}

    def add(self, number: int, raws: Raws) -> None:
        """Make a trial known as pending; until it ends, tpe takes it for a bad one and looks elsewhere."""
        labels = list(self._domain.params)
        misc = {
            "tid": number,
            "cmd": self._domain.cmd,
            "workdir": self._domain.workdir,
            "idxs": {label: [number] if label in raws else [] for label in labels},
            "vals": {label: [raws[label]] if label in raws else [] for label in labels},
        }
        result = self._domain.new_result()
        self._trials.insert_trial_docs(self._trials.new_trial_docs([number], [None], [result], [misc]))
        self._trials.refresh()

    def tell(self, number: int, loss: float | None) -> None:
        """Record how a trial ended; None is a failure, which ranks behind every loss.

        Failures are DONE with status `fail`: documents in hyperopt's state ERROR vanish from its lists, and the
        same point would be suggested again.
        """
        document = self._trials.trials[number]
        document["state"] = JOB_STATE_DONE
        document["result"] = {"status": STATUS_FAIL} if loss is None else {"status": STATUS_OK, "loss": loss}


def _expression(space: Space) -> dict[str, Any]:
    """Hyperopt's graph: a conditional dimension stands behind switches, one for each dimension it depends on."""
    nodes = {d.label: scope.hyperopt_param(d.label, _draw(d)) for d in space.dimensions}
    return {d.label: [_switched(d, ways, space, nodes) for ways in _ways(d, space)] for d in space.dimensions}


def _draw(dimension: Dimension) -> Any:
    name, arguments = dimension.distribution.name, dimension.distribution.arguments
    return getattr(scope, name)(*arguments)


#: A way to reach a dimension: for each dimension it depends on, directly or not, the options that lead there.
Way = dict[str, frozenset[int]]


def _ways(dimension: Dimension, space: Space) -> list[Way]:
    """More than one way where a condition names a key that has several spaces; no trial takes two of them."""
    ways: list[Way] = [{}]
    for condition in dimension.conditions:
        parents = [d for d in space.dimensions if d.name == condition.name]
        steps = [
            _both(way, {parent.label: _options(parent, condition.values)})
            for parent in parents
            for way in _ways(parent, space)
        ]
        ways = [_both(way, step) for way in ways for step in steps]
    return [way for way in ways if all(way.values())]


def _both(one: Way, other: Way) -> Way:
    return one | {label: one.get(label, options) & options for label, options in other.items()}


def _options(parent: Dimension, values: tuple[Any, ...]) -> frozenset[int]:
    options = parent.distribution.options or ()
    return frozenset(index for index, option in enumerate(options) if plain(option) in values)


def _switched(dimension: Dimension, way: Way, space: Space, nodes: Mapping[str, Any]) -> Any:
    node = nodes[dimension.label]
    # Outermost what depends on nothing: the other way round, hyperopt's graph would have a circle.
    for parent in reversed([d for d in space.dimensions if d.label in way]):
        count = len(parent.distribution.options or ())
        branches = [node if index in way[parent.label] else None for index in range(count)]
        node = scope.switch(nodes[parent.label], *branches)
    return node
