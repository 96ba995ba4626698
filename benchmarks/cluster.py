"""What several machines would take: a simulation of docs/scale.md's large jobs, from figures measured on one core.

    python benchmarks/cluster.py
    python benchmarks/cluster.py --rates mlp=30000 --machines 1 4 --forms 5000000 --price 0.5

Nothing is run on any machine: each core takes the next shard or trial as soon as it is free, and the last to end
decides. What is assumed is printed first; every figure of it is an argument.
"""

import argparse
import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass

MINUTE, HOUR = 60, 3600
#: Seed of what is drawn: which shards and trials are slow.
SEED = 1


@dataclass(frozen=True)
class Loss:
    """The first machine is lost with all that it has not ended; another takes its place.

    Attributes:
        at: seconds after the first machine was there.
        noticed: seconds until what it had begun is given to others.
        replaced: seconds from then until another machine is there.
    """

    at: float
    noticed: float
    replaced: float


def finish(jobs: Sequence[float], machines: int, cores: int, start: float, loss: Loss | None = None) -> float:
    """When the last job ends, in seconds after the machines are there.

    Args:
        jobs: seconds of each, handed out in this order.
        machines: how many.
        cores: of each machine; each is one worker.
        start: seconds until a worker takes its first job.
        loss: of the first machine; None for none.
    """
    # A job: since when it can be had, its number, its seconds. A worker: since when it is free, when it is lost.
    waiting = [(0.0, number, seconds) for number, seconds in enumerate(jobs)]
    never = float("inf")
    workers = [(start, loss.at if loss and core < cores else never) for core in range(machines * cores)]
    if loss:
        workers += [(loss.at + loss.noticed + loss.replaced + start, never)] * cores
    heapq.heapify(workers)
    last = start
    while waiting:
        free, lost = heapq.heappop(workers)
        since, number, seconds = heapq.heappop(waiting)
        begun = max(free, since)
        if loss and begun >= lost:
            heapq.heappush(waiting, (since, number, seconds))
        elif loss and begun + seconds > lost:
            heapq.heappush(waiting, (lost + loss.noticed, number, seconds))
        else:
            last = max(last, begun + seconds)
            heapq.heappush(workers, (begun + seconds, lost))
    return last


def uneven(seconds: float, count: int, spread: float, slow: float) -> list[float]:
    """Seconds of some jobs of one kind: normal around their mean, one in a hundred slower by a factor."""
    draw = random.Random(SEED)
    return [max(0.1, draw.gauss(1, spread)) * seconds * (slow if draw.random() < 0.01 else 1) for _ in range(count)]


def shards(forms: int, rate: float, machines: int, given: argparse.Namespace) -> list[float]:
    """Seconds of each shard; where the workers together ask more of the store than it gives, they wait for it."""
    count = -(-forms // given.shard)
    workers = min(count, machines * given.cores)
    seconds = max(1 / rate, workers * given.bytes / (given.store * 1e6)) * forms / count
    return uneven(seconds, count, given.spread, given.slow)


def row(work: str, jobs: list[float], machines: int, given: argparse.Namespace) -> str:
    """One row of the table: a job on some machines, undisturbed and with a machine lost half-way."""
    start = given.load + given.model * machines / given.store  # each machine fetches it, all at once
    whole = finish(jobs, machines, given.cores, start)
    lost = finish(jobs, machines, given.cores, start, Loss(whole / 2, given.notice, given.machine))
    hours = machines * (given.machine + whole) / HOUR
    busy = sum(jobs) / (machines * given.cores * whole)
    times = f"{clock(given.machine + whole)} | {clock(given.machine + lost)} | {busy:.0%}"
    return f"| {work} | {machines} | {times} | {hours:.2f} | {hours * given.price:.2f} |"


def clock(seconds: float) -> str:
    """A length of time, as people say it."""
    if seconds >= 2 * HOUR:
        return f"{seconds / HOUR:.1f} h"
    minutes, left = divmod(round(seconds), MINUTE)
    return f"{minutes} min {left:02} s" if minutes else f"{left} s"


def assumed(given: argparse.Namespace) -> str:
    """What the figures rest on, in sentences."""
    rates = ", ".join(f"`{name}` {rate:,.0f}" for name, rate in given.rates)
    trials = ", ".join(f"{seconds:,.0f}" for seconds in given.trial)
    return f"""Measured, by default, on one core (docs/performance.md, docs/scale.md):

- forms a second and core: {rates}; reading and writing included for `mlp`, scoring alone for `transformer`
- import, load and first answer: {given.load:g} s; a model of {given.model:g} MB, which each machine fetches
- {given.bytes:g} bytes a form, read and written
- seconds of a trial on one core: {trials} (AG News with `mlp` and `transformer`)

Assumed:

- machines of {given.cores} cores, one worker a core, as fast as the one measured also when all are busy
- {given.machine:g} s from asking for a machine until it is there with libelle on it, counted and paid; all machines
  are kept until the last job ends, at {given.price:g} an hour; what a loss adds is not in the cost
- a store that gives and takes {given.store:g} MB/s, all machines together; cores that wait for it count as busy
- shards of {given.shard:,} forms; their seconds vary by {given.spread:.0%} (standard deviation), one in a hundred takes
  {given.slow:g} times as long; trials vary by {given.trial_spread:.0%}
- lost half-way: the first machine, with what its workers had begun; {given.notice:g} s until others take it, and a new
  machine after {given.machine:g} s more
- {given.trials} trials, handed out one by one; that suggestions know less when more trials run at once is not counted
"""


def rate(text: str) -> tuple[str, float]:
    """A model and its forms a second and core, from `mlp=43000`."""
    name, _, value = text.partition("=")
    return name, float(value)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The figures to reckon with."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--rates", type=rate, nargs="+", default=[("mlp", 36_700.0), ("transformer", 15_600.0)], metavar="MODEL=RATE")
    add("--forms", type=int, nargs="+", default=[1_660_000, 20_000_000, 100_000_000])
    add("--machines", type=int, nargs="+", default=[1, 2, 10])
    add("--cores", type=int, default=16)
    add("--load", type=float, default=1.2, help="seconds of import, load and first answer")
    add("--model", type=float, default=99, help="MB of the model; the default is that of 1.66 million forms")
    add("--machine", type=float, default=120, help="seconds until a machine is there")
    add("--store", type=float, default=100, help="MB a second of the store, of all machines together")
    add("--bytes", type=float, default=120, help="of a form, read and written; the default is that of CSV")
    add("--shard", type=int, default=100_000, help="forms of a shard")
    add("--spread", type=float, default=0.1, help="of the seconds of shards")
    add("--slow", type=float, default=3, help="factor of one shard or trial in a hundred")
    add("--notice", type=float, default=60, help="seconds until a lost machine is noticed")
    add("--price", type=float, default=1, help="of a machine for an hour")
    add("--trials", type=int, default=200)
    add("--trial", type=float, nargs="+", default=[34.4, 79.1], help="seconds of a trial")
    add("--trial-spread", type=float, default=0.5, help="of the seconds of trials")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what is assumed, and the table."""
    given = parse(arguments)
    print(assumed(given))
    print("| work | machines | time | with a machine lost | cores busy | machine hours | cost |")
    print("|---|---|---|---|---|---|---|")
    for name, forms_a_second in given.rates:
        for forms in given.forms:
            for machines in given.machines:
                jobs = shards(forms, forms_a_second, machines, given)
                print(row(f"score {forms:,} forms, `{name}`", jobs, machines, given))
    for seconds in given.trial:
        trials = uneven(seconds, given.trials, given.trial_spread, given.slow)
        for machines in given.machines:
            print(row(f"{given.trials} trials of {clock(seconds)}", trials, machines, given))


if __name__ == "__main__":
    main()
