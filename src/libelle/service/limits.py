"""Bounds of what a worker takes in: bytes while they arrive, and records while they wait."""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import Request

from libelle.language import count as written
from libelle.language import gettext as _
from libelle.service.refusal import RefusalError
from libelle.service.settings import Limits

#: Bodies of the largest size that a worker holds at once.
_BODIES = 4


class Intake:
    """What a worker holds of requests that it has not answered yet."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._bytes = 0
        self._records = 0

    async def body(self, request: Request) -> bytes:
        """Read a body within bounds.

        Raises:
            RefusalError: 413 when it is too large, 429 when too much arrives at once.
        """
        said = request.headers.get("content-length", "")
        if said.isdecimal() and int(said) > self._limits.max_bytes:
            raise self._too_large()
        parts: list[bytes] = []
        held = 0
        try:
            async for part in request.stream():
                parts.append(part)
                held += len(part)
                self._bytes += len(part)
                if held > self._limits.max_bytes:
                    raise self._too_large()
                if self._bytes > _BODIES * self._limits.max_bytes:
                    raise _busy(_("Too many bytes arrive at once; ask again in a second."))
        finally:
            self._bytes -= held
        return parts[0] if len(parts) == 1 else b"".join(parts)

    @contextmanager
    def records(self, count: int, explain: bool = False) -> Iterator[None]:
        """Hold some records until they are answered.

        Raises:
            RefusalError: 413 when a request has too many, 429 when too many wait already.
        """
        limits = self._limits
        if count > limits.max_records:
            sentence = _("The request has {n} records; send at most {most} at once.")
            raise RefusalError(413, sentence.format(n=written(count), most=written(limits.max_records)))
        if explain and count > limits.max_explained:
            sentence = _("The request wants {n} explanations; send at most {most} records at once.")
            raise RefusalError(413, sentence.format(n=written(count), most=written(limits.max_explained)))
        if self._records and self._records + count > limits.max_waiting:
            sentence = _("{n} records wait already; ask again in a second.")
            raise _busy(sentence.format(n=written(self._records)))
        self._records += count
        try:
            yield
        finally:
            self._records -= count

    def _too_large(self) -> RefusalError:
        sentence = _("The body is larger than {most} bytes; send fewer records at once.")
        return RefusalError(413, sentence.format(most=written(self._limits.max_bytes)))


def _busy(sentence: str) -> RefusalError:
    return RefusalError(429, sentence, Retry_After="1")
