"""Scoring: what waits together is scored together.

A call of the pipeline costs two milliseconds for one record and four for twenty, so records of several requests share
calls. Nothing waits for others to come: a call takes whatever has come while the one before was at work.

Calls are made in the thread of the event loop. In a thread of its own, scoring and the loop wait for each other at each
of numpy's calls: a request cost twice the processor time. A call is short instead: it takes as many records as the
model scores in `_SECONDS`, and the loop has its turn between two.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from libelle.errors import UserError
from libelle.evaluation.explanation import effects_of, erasures
from libelle.features import Floats
from libelle.pipeline import Pipeline
from libelle.service.records import Record

#: Records of a call at most, and at least.
_MOST, _FEWEST = 1000, 16
#: Bytes of the records of a call at most, if there are several.
_BYTES = 1 << 19
#: Seconds that a call is put off at most, and records that are worth no more waiting.
_PAUSE, _ENOUGH = 0.004, 16
#: Characters of the variants of a record that an explanation scores in one call, if there are several.
_VARIED = 1 << 17
#: Seconds of the processor that a call should take.
_SECONDS = 0.1


@dataclass
class _Waiting:
    """Records of one request that wait for their scores, or any other work that waits for its turn."""

    pipeline: Pipeline
    rows: Sequence[Record]
    work: Callable[[], Any] | None
    future: "asyncio.Future[Any]"


class Scorer:
    """Scores, for one event loop.

    Attributes:
        waiting: records that have not been scored yet.
        calls: called with the number of records of each call.
    """

    def __init__(
        self, calls: Callable[[int], None] = lambda records: None, several: Callable[[], bool] = lambda: False
    ) -> None:
        """Begin with nothing.

        Args:
            calls: see above.
            several: says whether there are clients enough for a call to be worth waiting for more of them.
        """
        self.waiting = 0
        self.calls = calls
        self._several = several
        self._queue: deque[_Waiting] = deque()
        self._next_call: asyncio.Handle | None = None
        self._pausing = False
        self._ended = self._took = 0.0
        self._pieces: dict[int, int] = {}

    async def scores(self, pipeline: Pipeline, rows: Sequence[Record], size: int = 0) -> Floats:
        """Probabilities of records that were judged, float32 [rows, classes].

        Args:
            pipeline: that scores them.
            rows: the records.
            size: of all together, in bytes: fewer long ones are scored in one call.

        Raises:
            UserError: when the pipeline refuses them.
        """
        if not rows:
            return np.empty((0, len(pipeline.labels)), np.float32)
        left = len(rows)
        self.waiting += left
        few = max(_BYTES * left // size, 1) if size > _BYTES else left
        pieces: list[Floats] = []
        try:
            while left:
                start = len(rows) - left
                part = rows[start : start + min(self._piece(pipeline), few)]
                pieces.append(await self._put(_Waiting(pipeline, part, None, self._future())))
                left -= len(part)
                self.waiting -= len(part)
        finally:
            self.waiting -= left
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    async def explain(self, pipeline: Pipeline, row: Record) -> Any:
        """What each field and word of a record adds, see `Pipeline.explain`."""
        variants, words = erasures(pipeline.texts(pipeline.table([row])), pipeline.whole)
        longest = max((len(text) for text in row.values() if isinstance(text, str)), default=0)
        few = max(_VARIED // max(longest, 1), 1)
        parts = [variants.iloc[start : start + few] for start in range(0, len(variants), few)]
        scores = [
            await self._put(_Waiting(pipeline, [], partial(_score, pipeline, part), self._future())) for part in parts
        ]
        return effects_of(words, np.concatenate(scores), pipeline.rule)

    def _future(self) -> "asyncio.Future[Any]":
        return asyncio.get_running_loop().create_future()

    def _piece(self, pipeline: Pipeline) -> int:
        return self._pieces.get(id(pipeline), _MOST)

    def _put(self, item: _Waiting) -> "asyncio.Future[Any]":
        self._queue.append(item)
        if self._next_call is None or (self._pausing and self.waiting >= _ENOUGH):
            self._plan()
        return item.future

    def _plan(self) -> None:
        """Plan the next call: now, or after a pause as long as the call before where there are several clients."""
        if self._next_call is not None:
            self._next_call.cancel()
        loop = asyncio.get_running_loop()
        pause = 0.0
        if self.waiting < _ENOUGH and self._several():
            pause = self._ended + min(self._took, _PAUSE) - time.monotonic()
        self._pausing = pause > 0
        self._next_call = loop.call_later(pause, self._next) if self._pausing else loop.call_soon(self._next)

    def _next(self) -> None:
        """Make one call, and let the loop have its turn before the next."""
        began = time.monotonic()
        items = self._take()
        if items and items[0].work is not None:
            _deliver(items[0], items[0].work)
        elif items:
            self._score(items)
        self._ended = time.monotonic()
        self._took = self._ended - began
        self._next_call = None
        if self._queue:
            self._plan()

    def _take(self) -> list[_Waiting]:
        """What is scored next: the first that waits, and those of the same pipeline that fit beside it."""
        taken: list[_Waiting] = []
        kept: list[_Waiting] = []
        rows = 0
        while self._queue:
            item = self._queue.popleft()
            if item.future.done():  # nobody waits any more
                continue
            if item.work is not None and not taken:
                taken.append(item)
                break
            fits = not taken or rows + len(item.rows) <= self._piece(item.pipeline)
            if item.work is None and fits and (not taken or item.pipeline is taken[0].pipeline):
                taken.append(item)
                rows += len(item.rows)
            else:
                kept.append(item)
        self._queue.extendleft(reversed(kept))
        return taken

    def _score(self, items: list[_Waiting]) -> None:
        pipeline = items[0].pipeline
        rows = items[0].rows if len(items) == 1 else [row for item in items for row in item.rows]
        began = time.thread_time()
        try:
            scores = pipeline.predict_proba(rows)
        except UserError:
            for item in items:  # one request must not spoil the others
                _deliver(item, lambda item=item: pipeline.predict_proba(item.rows))  # type: ignore[misc]
            return
        except Exception as error:
            for item in items:
                item.future.set_exception(error)
            return
        self._learn(pipeline, len(rows), time.thread_time() - began)
        self.calls(len(rows))
        start = 0
        for item in items:
            end = start + len(item.rows)
            item.future.set_result(scores[start:end])
            start = end

    def _learn(self, pipeline: Pipeline, rows: int, seconds: float) -> None:
        """How many records a call should have: fewer after one that took too long, and more after a short one."""
        piece = self._piece(pipeline)
        if seconds > 2 * _SECONDS and rows > piece // 2:
            self._pieces[id(pipeline)] = max(rows // 2, _FEWEST)
        elif piece < _MOST and seconds < _SECONDS and rows >= piece:
            self._pieces[id(pipeline)] = min(2 * piece, _MOST)


def _score(pipeline: Pipeline, texts: pd.DataFrame) -> Floats:
    return pipeline.score(pipeline.clean(texts))


def _deliver(item: _Waiting, work: Callable[[], Any]) -> None:
    try:
        item.future.set_result(work())
    except Exception as error:
        item.future.set_exception(error)
