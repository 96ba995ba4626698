"""The prediction service: in this process, and as a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from starlette.testclient import TestClient

from helpers.scripts import ROOT
from libelle.pipeline import Pipeline
from libelle.published import Publication
from libelle.service.app import create_app
from libelle.service.context import Context
from libelle.service.models_served import Catalogue, Loaded, load_first
from libelle.service.settings import Settings
from libelle.service.tokens import Tokens
from libelle.stores.base import Store

#: Seconds that a slow machine may need for anything.
PATIENCE = 90


def context_of(store: Store, **settings: Any) -> Context:
    """What a worker has, of published models."""
    asked = Settings(**settings)
    loaded, _ = load_first(store, asked)
    return Context(asked, Catalogue.of(loaded, asked), Tokens(asked.tokens))


def context_with(pipeline: Pipeline, **settings: Any) -> Context:
    """The same of a pipeline, as if it were published as `model`."""
    asked = Settings(**settings)
    publication = Publication("model", 1, "2026-11-23_1", "2026-11-23T10:00:00+01:00", pipeline.rule.threshold)
    loaded = {"model": Loaded(publication, replace(pipeline, name="model@1"))}
    return Context(asked, Catalogue.of(loaded, asked), Tokens(asked.tokens))


def client_of(context: Context) -> TestClient:
    return TestClient(create_app(context))


class Service:
    """`serve.py`, running."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path, port: int) -> None:
        self.process, self._log, self.port = process, log, port

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def ask(self, path: str, body: Any = None, token: str | None = None) -> tuple[int, Any]:
        """The status and the JSON of an answer; a body makes a POST."""
        data = None if body is None else json.dumps(body).encode()
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        try:
            with urlopen(Request(f"http://127.0.0.1:{self.port}{path}", data, headers), timeout=PATIENCE) as answer:
                text = answer.read().decode()
                return answer.status, json.loads(text) if "json" in answer.headers["content-type"] else text
        except HTTPError as error:
            return error.code, json.loads(error.read())

    def children(self) -> list[int]:
        """Its processes: workers, and the one that looks at the store."""
        out = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, encoding="utf-8", check=False)
        return [int(pid) for pid in out.stdout.split()]

    def until(self, seen: Callable[[], Any]) -> Any:
        """Wait until something is so."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = seen()
            if found:
                return found
            assert self.process.poll() is None, self.log
            time.sleep(0.05)
        raise AssertionError(self.log)


@contextmanager
def serving(
    folder: Path, *arguments: str, before: Sequence[str] = (sys.executable,), **environment: str
) -> Iterator[Service]:
    """Start `serve.py` on any free port, and end it; `before` stands before the script in its command."""
    log = folder / "serve.log"
    command = [*before, str(ROOT / "serve.py"), "port=0", *arguments]
    with log.open("w") as file:
        process = subprocess.Popen(
            command, cwd=folder, stderr=file, encoding="utf-8", env={**os.environ, **environment}
        )
    try:
        service = Service(process, log, 0)
        found = service.until(lambda: re.search(r"serving .* on https?://[^ ]*:(\d+)\n", service.log))
        service.port = int(found[1])
        yield service
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
