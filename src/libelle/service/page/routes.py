"""The page and its files; nothing of what people type into it comes here, but by the API."""

import hashlib
import html
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from libelle.language import ENGLISH, LANGUAGES
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
_SAYS = re.compile(r'(?<=data-say=")(\w+)("[^>]*>)')
_PREFERRED = re.compile(r"([a-zA-Z*]+)[^,;]*(?:;\s*q=([0-9.]+))?")


@dataclass(frozen=True)
class _File:
    """What is sent, and how it is known to be the same."""

    body: bytes
    kind: str

    def answer(self, request: Request, **headers: str) -> Response:
        """The file; without its body where the browser has it."""
        mark = f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'
        headers = {**_HEADERS, **headers, "ETag": mark}
        if mark in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(self.body, headers=headers, media_type=self.kind)


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
            raise RefusalError(404, "There is no such file of the page.")
        return file.answer(request)

    routes: dict[str, Callable[[Request], Awaitable[Response]]] = {"/": page, "/page/{name}": part}
    for path, function in routes.items():
        app.router.add_route(path, function, methods=["GET"], include_in_schema=False)


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


def _language(request: Request) -> str:
    """What the address asks for, or what the browser prefers of what there is."""
    asked = request.query_params.get("language")
    if asked in LANGUAGES:
        return asked
    wishes = _PREFERRED.findall(request.headers.get("accept-language", ""))
    for name, _ in sorted(wishes, key=lambda wish: -_weight(wish[1])):
        if name.lower() in LANGUAGES:
            return str(name.lower())
    return ENGLISH


def _weight(written: str) -> float:
    try:
        return float(written or 1)
    except ValueError:
        return 0
