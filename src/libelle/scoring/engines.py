"""Who scores the shards: worker processes of this machine, or Ray."""

import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from libelle.errors import UserError
from libelle.scoring.job import Job, Outcome, Shard
from libelle.scoring.shard import ShardScorer

#: How often a shard is given to another worker after one that died of it.
REPEATED = 2

#: The engines, by name.
EngineName = Literal["processes", "ray"]


class Engine(Protocol):
    """Scores shards in any order."""

    def __call__(
        self, job: Job, shards: Sequence[Shard], workers: int, advance: Callable[[int], None]
    ) -> Iterator[Outcome]:
        """Yield what becomes of each shard as soon as it is done.

        Args:
            job: what they are of.
            shards: that are to be scored.
            workers: how many at a time.
            advance: called with the number of records that were scored, negative where they will be scored again.

        Raises:
            UserError: the first that a worker met, or that shards end their workers.
        """


@dataclass(frozen=True)
class Failure:
    """Why a shard could not be scored.

    Attributes:
        kind: a mistake of the user's, a defect of ours, or no memory.
        text: the sentence, or the traceback.
    """

    kind: Literal["mistake", "defect", "memory"]
    text: str


def attempt(scorer: ShardScorer, shard: Shard, advance: Callable[[int], None]) -> Outcome | Failure:
    """Score a shard in a worker; what goes wrong is for the process that gave the shard out."""
    try:
        return scorer.score(shard, advance)
    except UserError as error:
        return Failure("mistake", str(error))
    except MemoryError as error:
        return Failure("memory", f"MemoryError {error}".strip())
    except Exception as error:
        unwritten = scorer.job.output.unwritten(error) if isinstance(error, OSError) else None
        return Failure("mistake", str(unwritten)) if unwritten else Failure("defect", traceback.format_exc())


class Losses:
    """Counts the workers that died of each shard."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._lost: Counter[int] = Counter()

    def add(self, shard: Shard, how: str) -> None:
        """Count one.

        Raises:
            UserError: when that was the last try.
        """
        self._lost[shard.number] += 1
        if self._lost[shard.number] > REPEATED:
            raise self.given_up(shard, how)

    def given_up(self, shard: Shard, how: str) -> UserError:
        """What to say of a shard that nobody tries again."""
        return UserError(
            f"Scoring {self._job.where(shard)} has ended {REPEATED + 1} workers ({how}); where memory ran out, set "
            "fewer workers=, else look at these rows; the same command goes on from here."
        )

    def take(self, shard: Shard, answer: Outcome | Failure) -> Outcome | None:
        """The outcome; None where the shard is to be scored again.

        Raises:
            UserError: when the worker met one, or that was the last try.
        """
        if isinstance(answer, Outcome):
            return answer
        if answer.kind == "mistake":
            raise UserError(answer.text)
        if answer.kind == "defect":
            raise RuntimeError(f"Scoring {self._job.where(shard)} failed:\n{answer.text}")
        self.add(shard, answer.text)
        return None
