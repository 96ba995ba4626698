"""A proxy between a store and its server, which does to chosen requests what networks and servers do at their worst."""

import contextlib
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_HEAD_END = b"\r\n\r\n"
_PAGE = b"<html><p>Welcome to our network<br></html>"


def _error(status: str, code: str) -> bytes:
    body = f"<Error><Code>{code}</Code><Message>as asked</Message></Error>".encode()
    return _answer(status, body, "application/xml")


def _answer(status: str, body: bytes, kind: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


#: Kind → what is answered in place of the server, which does not see the request.
ANSWERS = {
    "500": _error("500 Internal Server Error", "InternalError"),
    "503 slow down": _error("503 Slow Down", "SlowDown"),
    "429": _error("429 Too Many Requests", "TooManyRequests"),
    "403 expired token": _error("403 Forbidden", "ExpiredToken"),
    "403 access denied": _error("403 Forbidden", "AccessDenied"),
    "404 of what is there": _error("404 Not Found", "NoSuchKey"),
    "507 storage full": _error("507 Insufficient Storage", "XMinioStorageFull"),
    "409 conflict": _error("409 Conflict", "ConditionalRequestConflict"),
    "a page of the network": _answer("200 OK", _PAGE, "text/html"),
    "garbage for a status": b"\x16\x03\x01 nonsense\r\n\r\n",
    "empty reply": b"",
}
#: Kinds of faults beside those.
OTHERS = (
    "connection refused",
    "reset before the server",
    "request cut short",
    "request flipped",
    "reset after the server",
    "reset in the reply",
    "reply cut short",
    "reply flipped",
    "reply longer than said",
    "reply shorter than said",
    "no reply in time",
    "request twice",
    "stale list",
)
KINDS = (*ANSWERS, *OTHERS)


@dataclass(frozen=True)
class Message:
    """A request or a reply, as it is on the wire."""

    head: bytes
    body: bytes

    @property
    def first_line(self) -> str:
        return self.head.partition(b"\r\n")[0].decode("latin-1")

    @property
    def is_list(self) -> bool:
        return self.first_line.startswith("GET") and "prefix=" in self.first_line

    @property
    def raw(self) -> bytes:
        return self.head + self.body

    def header(self, name: str) -> str:
        found = re.search(rf"\r\n{name}: *([^\r]*)".encode(), self.head, re.IGNORECASE)
        return found[1].decode("latin-1") if found else ""

    def flipped(self) -> bytes:
        """With one bit of the middle of the body flipped."""
        body = bytearray(self.body)
        if body:
            body[len(body) // 2] ^= 4
        return self.head + bytes(body)

    def saying(self, length: int) -> bytes:
        """With another Content-Length."""
        head = re.sub(rb"(?i)\r\ncontent-length: *\d+", f"\r\nContent-Length: {max(length, 0)}".encode(), self.head)
        return head + self.body


@dataclass
class Proxy:
    """Passes requests on, but for those that befall a fault.

    Attributes:
        upstream: host and port of the server.
        fault: of a request, None for most.
        done: kind → faults so far.
    """

    upstream: str
    fault: Callable[[Message], str | None] = lambda _: None
    done: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    _lists: dict[str, Message] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._listener = _listen(0)
        self.port = self._listener.getsockname()[1]
        self.endpoint = f"127.0.0.1:{self.port}"
        self._stopped = False
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        self._stopped = True
        _shut(self._listener)

    def _accept(self) -> None:
        while not self._stopped:
            try:
                client, _ = self._listener.accept()
            except OSError:
                if self._stopped:
                    return
                self._reopen()
                continue
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _reopen(self) -> None:
        threading.Event().wait(0.1)  # in which connections are refused
        self._listener = _listen(self.port)

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), client, _connection(self.upstream) as server:
            while request := _read(client):
                with self._lock:
                    self.requests += 1
                    kind = self.fault(request)
                    self.done.update([kind] if kind else [])
                if not self._answer(kind, request, client, server):
                    return

    def _answer(self, kind: str | None, request: Message, client: socket.socket, server: socket.socket) -> bool:
        """Answer a request; whether the connection stays."""
        if kind in ANSWERS:
            head, _, _ = ANSWERS[str(kind)].partition(_HEAD_END)
            client.sendall(head + _HEAD_END if request.first_line.startswith("HEAD") else ANSWERS[str(kind)])
            return kind != "empty reply" and not str(kind).startswith("garbage")
        if kind == "connection refused":
            _shut(self._listener)
        if kind in ("connection refused", "reset before the server"):
            return _reset(client)
        if kind == "request cut short":
            server.sendall(request.raw[: len(request.head) + len(request.body) // 2])
            return _reset(client)
        server.sendall(request.flipped() if kind == "request flipped" else request.raw)
        reply = _read(server, to=request)
        if kind == "request twice":
            server.sendall(request.raw)
            reply = _read(server, to=request)
        if reply is None or kind == "reset after the server":
            return _reset(client)
        if request.is_list:
            reply, before = self._lists.get(request.first_line, reply), reply
            reply = reply if kind == "stale list" else before
            self._lists[request.first_line] = before
        return self._reply(kind, reply, client)

    def _reply(self, kind: str | None, reply: Message, client: socket.socket) -> bool:
        half = reply.raw[: len(reply.head) + len(reply.body) // 2]
        length = len(reply.body)
        sent = {
            "reset in the reply": half,
            "reply cut short": half if length else reply.head[:9],
            "reply flipped": reply.flipped(),
            "reply longer than said": reply.saying(length - 3),
            "reply shorter than said": reply.saying(length + 10),
            "no reply in time": b"",
        }
        client.sendall(sent.get(str(kind), reply.raw))
        if kind == "no reply in time":
            client.recv(1)  # until the other side has had enough
        if kind == "reset in the reply":
            return _reset(client)
        return kind not in sent or kind == "reply flipped"


@contextmanager
def proxied(upstream: str) -> Iterator[Proxy]:
    """A proxy before a server."""
    proxy = Proxy(upstream)
    try:
        yield proxy
    finally:
        proxy.stop()


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener


def _shut(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)  # wakes who accepts
    listener.close()


def _connection(place: str) -> socket.socket:
    host, _, port = place.rpartition(":")
    return socket.create_connection((host, int(port)))


def _reset(client: socket.socket) -> bool:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    return False


def _read(connection: socket.socket, to: Message | None = None) -> Message | None:
    """A whole request, or the reply to one; None at the end of the connection."""
    data = b""
    while _HEAD_END not in data:
        part = connection.recv(1 << 16)
        if not part:
            return None
        data += part
    head, _, body = data.partition(_HEAD_END)
    message = Message(head + _HEAD_END, b"")
    if to is not None and (to.first_line.startswith("HEAD") or " 204" in message.first_line):
        return message
    if message.header("transfer-encoding").lower() == "chunked":
        while not body.endswith(b"0\r\n\r\n"):
            body += connection.recv(1 << 16)
        return Message(message.head, body)
    wanted = int(message.header("content-length") or 0)
    parts, got = [body], len(body)
    while got < wanted:
        part = connection.recv(1 << 16)
        if not part:
            return None
        parts.append(part)
        got += len(part)
    return Message(message.head, b"".join(parts))
