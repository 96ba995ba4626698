"""What all requests of a worker share, and what is kept of one request for the log and the counts."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from libelle.service.limits import Intake
from libelle.service.metrics import Metrics
from libelle.service.models_served import Catalogue
from libelle.service.scorer import Scorer
from libelle.service.settings import Settings
from libelle.service.tokens import Tokens

T = TypeVar("T")

#: Connections of a worker from which on calls wait for each other's records.
_SEVERAL = 4


@dataclass
class Facts:
    """What is known of a request; never a text of a record.

    Attributes:
        request_id: of the request, answered in `X-Request-ID`.
        caller: the name of its token.
        model: the version that answers.
        records: how many there are.
        errors: how many of them could not be scored.
    """

    request_id: str
    caller: str | None = None
    model: str | None = None
    records: int | None = None
    errors: int = 0


@dataclass
class Context:
    """What all requests of a worker share.

    Attributes:
        settings: of the service.
        catalogue: what is served.
        tokens: who may ask.
        folder: where the workers' counts, and what the process above them knows, are; None for a worker alone.
        leaving: whether the worker ends as soon as its connections have.
        ending: whether the service does.
        connections: says how many the worker has.
        tasks: what goes on after its request was answered.
    """

    settings: Settings
    catalogue: Catalogue
    tokens: Tokens
    folder: Path | None = None
    leaving: bool = False
    ending: bool = False
    connections: Callable[[], int] = lambda: 1
    metrics: Metrics = field(default_factory=Metrics)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.intake = Intake(self.settings)
        self.scorer = Scorer(self.metrics.calls.observe, lambda: self.connections() >= _SEVERAL)

    def later(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something after the request was answered."""
        task = asyncio.ensure_future(work())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
