"""Scoring, in one thread of a worker: what waits together is scored together.

A call of the pipeline costs two milliseconds for one record and three for twenty, so records of several requests share
calls. Nothing waits for others to come: a call takes whatever has come while the one before was at work.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from libelle.errors import UserError
from libelle.features import Floats
from libelle.pipeline import Pipeline
from libelle.service.records import Record

log = logging.getLogger(__name__)

#: Records that are scored in one call; requests of more go piece by piece, so that others come in between.
PIECE = 1000


@dataclass
class _Waiting:
    """Records of one request that wait for their scores."""

    pipeline: Pipeline
    rows: Sequence[Record]
    future: "asyncio.Future[Floats]"
    loop: asyncio.AbstractEventLoop


@dataclass
class _Call:
    """Any other work for the thread."""

    work: Callable[[], Any]
    future: "asyncio.Future[Any]"
    loop: asyncio.AbstractEventLoop


class Scorer:
    """Scores in a thread of its own, begun with the first record; called from one event loop.

    Attributes:
        waiting: records that have not been scored yet.
        calls: called with the number of records of each call.
    """

    def __init__(self, calls: Callable[[int], None] = lambda records: None) -> None:
        self.waiting = 0
        self.calls = calls
        self._queue: queue.SimpleQueue[_Waiting | _Call | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def scores(self, pipeline: Pipeline, rows: Sequence[Record]) -> Floats:
        """Probabilities of records that were judged, float32 [rows, classes].

        Raises:
            UserError: when the pipeline refuses them.
        """
        if not rows:
            return np.empty((0, len(pipeline.labels)), np.float32)
        self.waiting += len(rows)
        left = len(rows)
        pieces = []
        try:
            for start in range(0, len(rows), PIECE):
                part = rows[start : start + PIECE] if len(rows) > PIECE else rows
                loop = asyncio.get_running_loop()
                pieces.append(await self._put(_Waiting(pipeline, part, loop.create_future(), loop)))
                self.waiting -= len(part)
                left -= len(part)
        finally:
            self.waiting -= left
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    async def call(self, work: Callable[[], Any]) -> Any:
        """Do other work in the thread, in its turn."""
        loop = asyncio.get_running_loop()
        return await self._put(_Call(work, loop.create_future(), loop))

    def close(self) -> None:
        """End the thread once all that waits is done."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _put(self, item: _Waiting | _Call) -> "asyncio.Future[Any]":
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="scorer", daemon=True)
            self._thread.start()
        self._queue.put(item)
        return item.future

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            together, others, ending = self._take(item)
            for found in together.values():
                self._score(found)
            for call in others:
                _answer(call.loop, [(call.future, *_outcome(call.work))])
            if ending:
                return

    def _take(self, item: "_Waiting | _Call | None") -> tuple[dict[int, list[_Waiting]], list[_Call], bool]:
        """What waits now, up to a call's records: by pipeline, other work, and whether the end has come."""
        together: dict[int, list[_Waiting]] = {}
        others: list[_Call] = []
        rows = 0
        while item is not None:
            if item.future.cancelled():  # nobody waits any more
                pass
            elif isinstance(item, _Call):
                others.append(item)
            else:
                together.setdefault(id(item.pipeline), []).append(item)
                rows += len(item.rows)
            if rows >= PIECE:
                return together, others, False
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return together, others, False
        return together, others, True

    def _score(self, items: list[_Waiting]) -> None:
        pipeline = items[0].pipeline
        rows = items[0].rows if len(items) == 1 else [row for item in items for row in item.rows]
        self.calls(len(rows))
        scores, error = _outcome(lambda: pipeline.predict_proba(rows))
        if isinstance(error, UserError) and len(items) > 1:
            for item in items:  # one request must not spoil the others
                self._score([item])
            return
        answers: list[tuple[asyncio.Future[Any], Any, BaseException | None]] = []
        start = 0
        for item in items:
            end = start + len(item.rows)
            answers.append((item.future, None if error else scores[start:end], error))
            start = end
        _answer(items[0].loop, answers)


def _outcome(work: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    try:
        return work(), None
    except Exception as error:
        return None, error


def _answer(
    loop: asyncio.AbstractEventLoop, answers: list[tuple["asyncio.Future[Any]", Any, BaseException | None]]
) -> None:
    def deliver() -> None:
        for future, value, error in answers:
            if future.done():
                continue
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)

    try:
        loop.call_soon_threadsafe(deliver)
    except RuntimeError:
        log.debug("the loop has ended before its last answers")
