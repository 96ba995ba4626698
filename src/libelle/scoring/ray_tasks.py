"""Engine `ray`: each shard is a task of a Ray cluster; a worker of it loads the pipeline once.

The cluster is the one that `RAY_ADDRESS` names, or one that is started on this machine. All its nodes see the input and
the output folder under the same paths, or have the credentials of the bucket that they are in, and have libelle
installed; what a node that dies was working on, another does.
"""

import os
import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from libelle.errors import UserError, in_brief, needs_extra
from libelle.scoring.engines import REPEATED, Failure, Losses, attempt
from libelle.scoring.job import Job, Outcome, Shard
from libelle.scoring.shard import ShardScorer

_ADDRESS = "RAY_ADDRESS"

#: The scorer of this worker's last job: who it was made for, and it.
_scorer: tuple[str, ShardScorer] | None = None


def score_by_ray(job: Job, shards: Sequence[Shard], workers: int, advance: Callable[[int], None]) -> Iterator[Outcome]:
    """Score shards, see `libelle.scoring.engines.Engine`."""
    with _cluster(workers) as ray:
        task = ray.remote(num_cpus=1, max_retries=REPEATED)(_score)
        given, losses, waiting = ray.put(job), Losses(job), deque(shards)
        running: dict[Any, Shard] = {}
        try:
            while waiting or running:
                while waiting and len(running) < workers:
                    shard = waiting.popleft()
                    running[task.remote(given, given.hex(), shard)] = shard
                (done,), _ = ray.wait(list(running))
                shard = running.pop(done)
                outcome = losses.take(shard, _get(ray, done, losses, shard))
                if outcome is None:
                    waiting.appendleft(shard)
                    continue
                advance(outcome.rows)
                yield outcome
        finally:
            for left in running:
                ray.cancel(left, force=True)


def _score(job: Job, name: str, shard: Shard) -> Outcome | Failure:
    """A task."""
    global _scorer
    if _scorer is None or _scorer[0] != name:
        _scorer = name, ShardScorer(job)
    return attempt(_scorer[1], shard, lambda rows: None)


def _get(ray: Any, done: Any, losses: Losses, shard: Shard) -> Outcome | Failure:
    try:
        answer: Outcome | Failure = ray.get(done)
    except ray.exceptions.RayTaskError:
        raise  # a defect: tasks return what goes wrong
    except ray.exceptions.RayError as error:
        raise losses.given_up(shard, type(error).__name__) from error
    return answer


@contextmanager
def _cluster(workers: int) -> Iterator[Any]:
    """Ray, connected to a cluster; one that was started here ends here."""
    with needs_extra("engine=ray", "ray", ", or set engine=processes"):
        import ray as library
    ray: Any = library
    if ray.is_initialized():
        yield ray
        return
    address = os.environ.get(_ADDRESS)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        if address:
            _knock(address)
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        else:
            local = {"num_cpus": workers, "include_dashboard": False}
            ray.init(address="local", log_to_driver=False, logging_level="ERROR", **local)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        where = address or "a cluster on this machine"
        raise UserError(
            f"engine=ray: {where} does not answer ({in_brief(error)}); correct {_ADDRESS}, or leave it out."
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise where nobody listens: Ray itself would wait for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()
