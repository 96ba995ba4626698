"""S3 servers that the tests start: moto, a mock that fails on demand, and Ceph, a real one."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from libelle.stores.minio import MinioStore

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Fault = Callable[[App, dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass
class S3Server:
    """Where a server listens and who may use it; `bucket` when a test may not make its own."""

    endpoint: str
    access: str
    secret: str
    secure: bool = False
    bucket: str | None = None

    @classmethod
    def parse(cls, url: str) -> "S3Server":
        """Read `http://access:secret@host:port`, or the same with `/bucket`."""
        parts = urlsplit(url)
        user = unquote(parts.username or ""), unquote(parts.password or "")
        endpoint = parts.netloc.rpartition("@")[2]
        return cls(endpoint, *user, secure=parts.scheme == "https", bucket=parts.path.strip("/") or None)

    @property
    def credentials(self) -> dict[str, str]:
        return {"AWS_ACCESS_KEY_ID": self.access, "AWS_SECRET_ACCESS_KEY": self.secret}

    def store(self, **changes: Any) -> MinioStore:
        """A store on a bucket of its own (a prefix of its own, where the bucket is given), not made yet."""
        own = f"test-{uuid4().hex}"
        place = {"bucket": self.bucket, "prefix": own} if self.bucket else {"bucket": own}
        return MinioStore(**{"endpoint": self.endpoint, "secure": self.secure, **place, **changes})


@dataclass
class MotoServer(S3Server):
    """moto behind a door that can lose answers, refuse requests or be shut.

    A fault befalls the next request with its method on an object whose name ends with its key, in order.
    """

    faults: list[tuple[str, str, Fault]] = field(default_factory=list)
    down: bool = False

    def __call__(self, app: App, environ: dict[str, Any], respond: Callable[..., Any]) -> Iterable[bytes]:
        if self.down:
            _hang_up(environ)
        for fault in self.faults:
            method, key, befall = fault
            if environ["REQUEST_METHOD"] == method and environ["PATH_INFO"].endswith(f"/{key}"):
                self.faults.remove(fault)
                return befall(app, environ, respond)
        return app(environ, respond)


def lose_answer(app: App, environ: dict[str, Any], respond: Callable[..., Any]) -> Iterable[bytes]:
    """Do what is asked and hang up."""
    for _ in app(environ, respond):
        pass
    _hang_up(environ)


def cut_answer(app: App, environ: dict[str, Any], respond: Callable[..., Any]) -> Iterable[bytes]:
    """Send all of the answer but its last byte, and hang up."""
    answer = b"".join(app(environ, respond))

    def begin() -> Iterator[bytes]:
        yield answer[:-1]
        _hang_up(environ)

    return begin()


def _hang_up(environ: dict[str, Any]) -> NoReturn:
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise ConnectionError


def refuse(status: str, code: str) -> Fault:
    """Answer with an error as S3 servers write it, and do nothing."""

    def befall(app: App, environ: dict[str, Any], respond: Callable[..., Any]) -> Iterable[bytes]:
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        respond(status, [("Content-Type", "application/xml")])
        return [f"<Error><Code>{code}</Code><Message>as asked</Message></Error>".encode()]

    return befall


@contextmanager
def moto() -> Iterator[MotoServer]:
    """Serve from a thread of this process, one request at a time: moto's conditional write has no lock."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    app = DomainDispatcherApplication(create_backend_app)
    lock = threading.Lock()

    def guarded(environ: dict[str, Any], respond: Callable[..., Any]) -> Iterable[bytes]:
        with lock:
            return server(app, environ, respond)

    listener = make_server("127.0.0.1", 0, guarded, threaded=True)
    server = MotoServer(f"127.0.0.1:{listener.port}", "tester", "not a secret")
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        thread.join()


@contextmanager
def ceph() -> Iterator[S3Server]:
    """Start Ceph's gateway; .ci/servers installs it."""
    script = Path(__file__).with_name("ceph.sh")
    # Not below pytest's folders: the path of a Unix socket must be short.
    folder = Path(tempfile.mkdtemp(prefix="ceph-"), "s")
    port, monitor_port = free_ports(2)
    server = S3Server(f"127.0.0.1:{port}", "tester", "not-a-secret")
    command = [script, "start", folder, str(port), str(monitor_port), server.access, server.secret]
    try:
        subprocess.run(command, check=True)
        yield server
    finally:
        subprocess.run([script, "stop", folder], check=True)
        shutil.rmtree(folder.parent, ignore_errors=True)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at this moment."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def own_server() -> S3Server | None:
    """The server that `LIBELLE_TEST_S3` names."""
    url = os.environ.get("LIBELLE_TEST_S3")
    return S3Server.parse(url) if url else None
