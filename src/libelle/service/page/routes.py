"""The page and its files; nothing of what people type into it comes here, but by the API."""

import hashlib
import html
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from libelle.language import ENGLISH, LANGUAGES, LanguageCode, preferred
from libelle.language import gettext as _
from libelle.service.page.sentences import sentences
from libelle.service.refusal import RefusalError
from libelle.service.settings import Limits

_STATIC = Path(__file__).with_name("static")
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
#: What the page may load, and what it may be put into.
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'",
    "Referrer-Policy": "no-referrer",
    # Asked for each time, and sent where it has changed: modules of two versions do not go together.
    "Cache-Control": "no-cache",
}
#: Elements that hold a sentence, by its key.
_SAYS = re.compile(r'(?<=data-say=")(\w+)("[^>]*>)')


class _File:
    """What is sent, and what a browser knows it by when it asks again."""

    def __init__(self, body: bytes, kind: str) -> None:
        self._body, self._kind = body, kind
        self._mark = f'"{hashlib.sha256(body).hexdigest()[:32]}"'

    def answer(self, request: Request, **headers: str) -> Response:
        """The file; without its body where the browser has it."""
        headers = {**_HEADERS, **headers, "ETag": self._mark}
        if self._mark in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(self._body, headers=headers, media_type=self._kind)


def add_page(app: FastAPI, limits: Limits) -> None:
    """Add the routes `/` and `/page/…`.

    Args:
        app: of the service.
        limits: of its requests, which the page keeps.
    """
    pages = {language: _File(_page(language, limits), "text/html") for language in LANGUAGES}
    files = {
        path.name: _File(path.read_bytes(), _TYPES[path.suffix]) for path in _STATIC.iterdir() if path.suffix in _TYPES
    }

    async def page(request: Request) -> Response:
        language = _language(request)
        return pages[language].answer(request, **{"Content-Language": language, "Vary": "Accept-Language"})

    async def part(request: Request) -> Response:
        file = files.get(request.path_params["name"])
        if file is None:
            raise RefusalError(404, _("There is no such file of the page."))
        return file.answer(request)

    routes: dict[str, Callable[[Request], Awaitable[Response]]] = {"/": page, "/page/{name}": part}
    for path, function in routes.items():
        app.add_api_route(path, function, include_in_schema=False)


def _page(language: str, limits: Limits) -> bytes:
    """The page in a language, UTF-8; it holds the sentences of all, and changes without being loaded again."""
    told: dict[str, Any] = {
        "limits": {"records": limits.max_records, "bytes": limits.max_bytes},
        "sentences": {code: sentences(code) for code in LANGUAGES},
    }
    own = told["sentences"][language]
    # Nothing in it ends the element that holds it.
    data = json.dumps(told, ensure_ascii=False).replace("<", "\\u003c")
    page = (_STATIC / "index.html").read_text(encoding="utf-8")
    page = page.replace('lang="en"', f'lang="{language}"', 1)
    page = _SAYS.sub(lambda found: found[0] + html.escape(own[found[1]], quote=False), page)
    return page.replace(' id="service">', f' id="service">{data}', 1).encode()


def _language(request: Request) -> LanguageCode:
    """What the address asks for, or what the browser prefers of what there is."""
    asked = request.query_params.get("language")
    here = next((code for code in LANGUAGES if code == asked), None)
    return here or preferred(request.headers.get("accept-language", "")) or ENGLISH
