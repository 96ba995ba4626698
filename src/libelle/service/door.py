"""The door that every request passes: who asks, what is logged and counted, and what is said when something fails.

Nothing that was sent is logged: not the path, which may hold anything, but the route; no text of an exception, but
where it was raised.
"""

import logging
import os
import re
import time
from itertools import count
from typing import Any

from fastapi.exceptions import HTTPException
from pydantic_core import to_json
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libelle.language import ENGLISH, answering, preferred
from libelle.language import gettext as _
from libelle.service.context import Context, Facts
from libelle.service.refusal import RefusalError, where

log = logging.getLogger(__name__)
access = logging.getLogger("libelle.service.access")

#: A request id that a client or a proxy may choose: nothing but hexadecimal digits, as no text of a form is.
_REQUEST_ID = re.compile(r"[0-9a-fA-F-]{8,64}")
#: Of a worker: its process, what its requests' ids begin with, and their numbers.
_ids: list[Any] = [0, "", count()]
#: Routes that anybody may ask.
_OPEN = ("/health", "/health/live", "/health/ready", "/", "/openapi.json")
#: Where the files of the page are.
_PAGE = "/page/"
#: Connections of a worker at most.
_CONNECTIONS = 1000
#: The client has gone; what proxies write for it.
_GONE = 499


class Door:
    """An ASGI application around another one."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app, self._context = app, context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and answer in its place where that fails; in the language that it asks for."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        with answering(preferred(headers.get(b"accept-language", b"").decode("latin-1")) or ENGLISH):
            await self._pass(scope, headers, receive, send)

    async def _pass(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        facts = Facts(_request_id(headers.get(b"x-request-id", b"")))
        scope["libelle"] = facts
        status = _GONE

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *self._headers(facts)]
            await send(message)

        try:
            self._admit(scope["path"], headers, facts)
            await self._app(scope, receive, answer)
        except ClientDisconnect:
            pass
        except Exception as error:
            if not isinstance(error, RefusalError):
                log.error("request=%s failed: %s", facts.request_id, where(error))
            if status == _GONE:
                await refuse(answer, as_refusal(error))
        finally:
            self._note(scope, facts, status, time.perf_counter() - began)

    def _admit(self, path: str, headers: dict[bytes, bytes], facts: Facts) -> None:
        if self._context.connections() > _CONNECTIONS:
            sentence = _("There are too many connections; close some, or ask again in a second.")
            raise RefusalError(503, sentence, Retry_After="1", Connection="close")
        tokens = self._context.tokens
        facts.caller = tokens.owner(headers.get(b"authorization", b"").decode("latin-1")) if tokens.required else None
        if tokens.required and facts.caller is None and path not in _OPEN and not path.startswith(_PAGE):
            raise RefusalError(
                401,
                _("A token is needed; send it in the header Authorization, as Bearer and the token."),
                WWW_Authenticate="Bearer",
            )

    def _headers(self, facts: Facts) -> list[tuple[bytes, bytes]]:
        headers = [(b"x-request-id", facts.request_id.encode()), (b"x-content-type-options", b"nosniff")]
        if self._context.leaving:
            headers.append((b"connection", b"close"))
        return headers

    def _note(self, scope: Scope, facts: Facts, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        metrics = self._context.metrics
        metrics.requests.labels(route, status).inc()
        metrics.seconds.labels(route).observe(seconds)
        if not self._context.settings.access_log:
            return
        parts = [f"request={facts.request_id}", f"{_method(scope)} {route} {status}"]
        if facts.caller is not None:
            parts.append(f"caller={facts.caller}")
        if facts.model is not None:
            parts.append(f"model={facts.model}")
        if facts.records is not None:
            parts.append(f"records={facts.records} errors={facts.errors}")
        access.info("%s ms=%.2f", " ".join(parts), 1000 * seconds)


def as_refusal(error: Exception) -> RefusalError:
    """What a client is told of an error."""
    if isinstance(error, RefusalError):
        return error
    if isinstance(error, StarletteHTTPException | HTTPException):
        sentences = {
            404: _("There is nothing at this address; /openapi.json lists what there is."),
            405: _("Method Not Allowed."),
        }
        return RefusalError(
            error.status_code, sentences.get(error.status_code, f"{error.detail}."), **(error.headers or {})
        )
    return RefusalError(500, _("The service failed; its log says where, under the request's id."))


async def refuse(send: Send, refusal: RefusalError) -> None:
    """Answer with a sentence."""
    body = to_json({"error": refusal.sentence})
    headers: list[tuple[bytes, bytes]] = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    headers += [(name.lower().encode(), value.encode()) for name, value in refusal.headers.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _request_id(sent: bytes) -> str:
    text = sent.decode("latin-1")
    return text if _REQUEST_ID.fullmatch(text) else _new_id()


def _new_id() -> str:
    """An id that no other request has: the worker's, and a number of its own."""
    if _ids[0] != os.getpid():
        _ids[:] = [os.getpid(), os.urandom(8).hex(), count()]
    return f"{_ids[1]}{next(_ids[2]):08x}"


def _method(scope: Scope) -> Any:
    method = scope["method"]
    return method if method in ("GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH") else "other"
