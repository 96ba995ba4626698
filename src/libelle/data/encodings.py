"""Bytes of any encoding as UTF-8: what is found where nothing is said, and wrong bytes kept recognizable."""

import codecs
import io
import logging
import re
from typing import Any, BinaryIO, Protocol

from libelle.data.options import FileOptions, FileReport
from libelle.errors import UserError

#: What text that is not UTF-8 is taken for: what Windows writes in western Europe. latin-1 lacks its œ, € and ’.
FALLBACK = "cp1252"

#: Byte-order marks, the longer first.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

#: The DOS mark of the end of a file, which some programs still write, alone in a line or not.
_CTRL_Z = re.compile(rb"\x1a[\x1a\r\n]*\Z")


class Readable(Protocol):
    """Whatever bytes can be read from."""

    def read(self, size: int = ..., /) -> bytes:
        """Up to `size` bytes; none at the end."""


class Prefixed(io.RawIOBase):
    """Some bytes, and then those of a stream."""

    def __init__(self, left: bytes, stream: Readable) -> None:
        self._left, self._stream = left, stream

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """The bytes at hand first."""
        if size < 0:
            return self.readall()
        read = self._left[:size] or self._stream.read(size)
        self._left = self._left[len(read) :]
        return read

    def readinto(self, buffer: Any) -> int:
        """As `read`."""
        read = self.read(len(buffer))
        # Some streams of damaged files give back more than was asked for.
        read, self._left = read[: len(buffer)], read[len(buffer) :] + self._left
        buffer[: len(read)] = read
        return len(read)


def check_encoding(encoding: str, keys: str) -> None:
    """Raise unless Python knows the text encoding; `keys` stands before the key in the config."""
    try:
        "".encode(encoding)
    except (LookupError, ValueError):
        raise UserError(f"{keys}encoding={encoding} is not a known encoding; try utf-8 or {FALLBACK}.") from None


def marked_encoding(head: bytes) -> str | None:
    """The encoding that the beginning of a file shows: a byte-order mark, or the zero bytes of UTF-16."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    pairs = max(len(head) // 2, 1)
    zeros = [head[start : 2 * pairs : 2].count(0) / pairs for start in (0, 1)]
    if max(zeros) > 0.4 and min(zeros) < 0.1:
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    return None


def ends_with_mark(block: bytes) -> bool:
    """Whether a block ends with what would be the mark of the end, at the end of a file."""
    return _CTRL_Z.search(block[-16:]) is not None


def is_above_ascii(encoding: str) -> bool:
    """Whether bytes of ASCII are characters of ASCII in an encoding, and nothing else, so that separators are seen."""
    if codecs.lookup(encoding).name in ("utf-8", "utf-8-sig"):
        return True
    every = bytes(range(256))
    try:
        return len(every.decode(encoding, "replace")) == 256 and every[:128].decode(encoding) == every[:128].decode()
    except (UnicodeError, LookupError):
        return False


class Utf8Stream:
    """A stream as UTF-8, read in blocks.

    Where the encoding is not known, ASCII is passed on as it is, and the first block that holds anything else decides:
    up to there all candidates are equal.
    """

    def __init__(self, stream: BinaryIO | Readable, name: str, options: FileOptions, report: FileReport) -> None:
        self._name, self._options, self._report = name, options, report
        self._held = b""
        head = stream.read(1 << 16)
        self._stream = Prefixed(head, stream)
        if options.encoding is not None:
            check_encoding(options.encoding, options.keys)
        self.encoding = options.encoding or marked_encoding(head)
        self._marked = marked_encoding(head)
        self._decoder = self._make_decoder()
        report.found["encoding"] = self.encoding or "utf-8"

    @property
    def known(self) -> str:
        """The encoding, as messages name it."""
        return self.encoding or "utf-8"

    def read(self, size: int = 1 << 24, /) -> bytes:
        """The next bytes in UTF-8; what is no text of the encoding is not valid UTF-8 either."""
        while True:
            read = self._stream.read(size)
            block = self._without_mark(self._held + self._to_utf8(read), ended=not read)
            if block or not read:
                return block

    def _without_mark(self, block: bytes, *, ended: bool) -> bytes:
        """A block without the mark of the file's end; one that may be it waits for the next block."""
        mark = _CTRL_Z.search(block[-16:])
        self._held = mark[0] if mark and not ended else b""
        return block[: -len(mark[0])] if mark else block

    def _to_utf8(self, block: bytes) -> bytes:
        if self.encoding is None and not block.isascii():
            self._choose(block)
        if self._decoder is None:
            return block
        try:
            return self._decoder.decode(block, final=not block).encode("utf-8", "surrogatepass")
        except UnicodeError:
            raise self.wrong() from None

    def _choose(self, block: bytes) -> None:
        self.encoding = "utf-8" if _looks_like_utf8(block) else _fallback(self._options.remembered.get("encoding"))
        if self.encoding not in ("utf-8", self._options.remembered.get("encoding")):
            self._report.say(
                f"{self._name} is not UTF-8 and is read as {self.encoding}; if accents look wrong, set "
                f"{self._options.keys}encoding",
                logging.WARNING,
            )
        self._report.found["encoding"] = self.encoding
        self._decoder = self._make_decoder()

    def _make_decoder(self) -> codecs.IncrementalDecoder | None:
        if self.encoding is None or codecs.lookup(self.encoding).name in ("utf-8", "utf-8-sig"):
            return None
        try:
            return codecs.getincrementaldecoder(self.encoding)("surrogateescape")
        except LookupError:
            raise UserError(
                f"{self._options.keys}encoding={self.encoding} cannot be read in pieces; convert the file to utf-8."
            ) from None

    def wrong(self) -> UserError:
        """The refusal of a file that is not in the encoding."""
        keys = self._options.keys
        if self._marked is not None and self._marked != self.encoding:
            return UserError(
                f"{self._name} is not {self.known}, but {self._marked}: its first bytes say so; leave {keys}encoding "
                f"out, or set {keys}encoding={self._marked}."
            )
        other = "utf-8" if self.known == FALLBACK else FALLBACK
        return UserError(
            f"{self._name} is not {self.known}; leave {keys}encoding out to have it found, or set "
            f"{keys}encoding={other}."
        )


def _fallback(remembered: str | None) -> str:
    """What is tried where a text is not UTF-8: what was right for a like file, if it holds ASCII as it is."""
    if remembered is None or codecs.lookup(remembered).name in ("utf-8", "utf-8-sig"):
        return FALLBACK
    return remembered if "a".encode(remembered) == b"a" else FALLBACK


def _looks_like_utf8(block: bytes) -> bool:
    """Whether the bytes above ASCII are those of UTF-8, but for a few: in other encodings they hardly ever are."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(block)
        return True
    except UnicodeDecodeError:
        text = block.decode("utf-8", "replace")
    wrong = text.count("�")
    return sum(not character.isascii() for character in text) - wrong > wrong
