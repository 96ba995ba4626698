"""What kind of file it is, by its first bytes, whatever its name says."""

import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, Literal

import pyarrow as pa

from libelle.data.encodings import Prefixed, Readable, marked_encoding
from libelle.errors import UserError, in_brief

#: What a file can be read as.
Kind = Literal["csv", "parquet", "excel"]

_ZIP = b"PK\x03\x04"

#: First bytes → how pyarrow calls the compression.
_COMPRESSED = {rb"\x1f\x8b": "gzip", rb"BZh\d1AY&SY": "bz2", rb"\x28\xb5\x2f\xfd": "zstd"}

_MARKUP = "HTML or XML, though a spreadsheet may open it; save its table as CSV or .xlsx"

#: First bytes, those of markup in any case → what the file is, and what to do.
_OTHERS = {
    b"\xd0\xcf\x11\xe0": "an old Excel file (.xls) or one with a password; save it as .xlsx without one, or as CSV",
    b"%PDF": "a PDF; save the table that it was made from as CSV or .xlsx",
    b"\xfd7zXZ": "compressed with xz; unpack it, or use gzip, bzip2 or zstd",
    b"7z\xbc\xaf": "a 7-Zip archive; unpack it",
    b"Rar!": "a RAR archive; unpack it",
    b"SQLite format 3": "an SQLite database; read it with data=sql data.url=sqlite:///<file> data.query=...",
    b"ARROW1": "an Arrow (Feather) file; save it as Parquet",
    b"{\\rtf": "a document of a word processor; save its table as CSV",
    b"$FL2@(#)": "an SPSS file; save it as CSV or .xlsx",
    b"<stata_dta": "a Stata file; save it as CSV or Parquet",
    b'{"': "JSON; save it as CSV or Parquet",
    b"[{": "JSON; save it as CSV or Parquet",
    b"<!doctype": _MARKUP,
    b"<html": _MARKUP,
    b"<table": _MARKUP,
    b"<?xml": _MARKUP,
}

#: Bytes that texts hardly hold.
_NEVER_TEXT = [byte for byte in range(32) if byte not in b"\t\n\f\r\x1a\x1b"]

#: What a ZIP archive holds → what it is.
_ARCHIVES = {
    "xl/workbook.bin": "a binary Excel file (.xlsb); save it as .xlsx or CSV",
    "word/document.xml": "a Word document; save its table as CSV",
    "content.xml": "an OpenDocument file; save it as .xlsx or CSV",
}


#: Bytes that a file may unpack to: so many, and so many for each of its own. Tables are packed ten times as a rule.
_UNPACKED, _RATIO = 50_000_000, 200
#: Bytes unpacked at once at most.
_PART = 1 << 20


@contextmanager
def opened(stream: BinaryIO, name: str) -> Iterator[tuple[Kind, Readable]]:
    """Yield what a file is, and its bytes, unpacked where they are compressed; the latter can seek unless it is CSV.

    Args:
        stream: the file.
        name: what messages call it.

    Raises:
        UserError: when it is no table that can be read, or is damaged.
    """
    try:
        with _opened(stream, name) as found:
            yield found
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        raise UserError(f"{name} is damaged ({in_brief(error)}); copy or make it again.") from error


def kind_of(stream: BinaryIO, name: str) -> Kind:
    """What a file is that can seek; the arguments and errors are those of `opened`."""
    with opened(stream, name) as (kind, _):
        pass
    stream.seek(0)
    return kind


def most_unpacked(packed: int) -> int:
    """Bytes that so many bytes of a file may unpack to."""
    return _UNPACKED + _RATIO * packed


def kind_in_place(head: bytes) -> Kind | None:
    """What a file is whose bytes can be read from anywhere, by its first bytes; None for what has to be unpacked."""
    packed = head.startswith(_ZIP) or any(re.match(magic, head) for magic in _COMPRESSED)
    if packed:
        return None
    return "parquet" if head.startswith(b"PAR1") else "csv"


class _Bounded:
    """What is unpacked; it ends where it is out of all proportion to the packed bytes."""

    def __init__(self, unpacked: Readable, packed: Callable[[], int], name: str) -> None:
        self._unpacked, self._packed, self._name = unpacked, packed, name
        self._read = 0

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes."""
        asked = size if 0 <= size <= _PART else _PART
        read = self._unpacked.read(asked)
        if len(read) > asked:  # Arrow, of some damaged files
            raise UserError(f"{self._name} is damaged: it cannot be unpacked; copy or make it again.")
        self._read += len(read)
        if self._read > most_unpacked(self._packed()):
            raise UserError(f"{self._name} unpacks to far more than a table would; make it again, or unpack it.")
        return read


@contextmanager
def _opened(stream: BinaryIO | Readable, name: str) -> Iterator[tuple[Kind, Readable]]:
    head = stream.read(1 << 12)
    whole = Prefixed(head, stream)
    compression = next((kind for magic, kind in _COMPRESSED.items() if re.match(magic, head)), None)
    if compression is not None:
        with _unpacked(whole, compression, name) as unpacked, _opened(unpacked, name) as found:
            yield found
    elif head.startswith(_ZIP):
        with _unzipped(_seekable(stream, whole), name) as found:
            yield found
    elif head.startswith(b"PAR1"):
        yield "parquet", _seekable(stream, whole)
    else:
        _refuse(head, name)
        yield "csv", whole


def _refuse(head: bytes, name: str) -> None:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for magic, what in _OTHERS.items():
        if start.startswith(magic) or (what == _MARKUP and start[: len(magic)].lower() == magic):
            raise UserError(f"{name} is {what}.")
    if marked_encoding(head) is None and sum(head.count(byte) for byte in _NEVER_TEXT) > len(head) / 20:
        raise UserError(f"{name} is no text, but a binary file of an unknown kind; give CSV, Parquet or .xlsx.")


@contextmanager
def _unpacked(stream: Prefixed, compression: str, name: str) -> Iterator[Readable]:
    packed = _Counted(stream)
    try:
        with pa.CompressedInputStream(pa.PythonFile(packed, mode="r"), compression) as unpacked:
            yield _Bounded(unpacked, lambda: packed.count, name)
    except (OSError, pa.ArrowInvalid) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UserError(
            f"{name} is damaged: it cannot be unpacked ({in_brief(error)}); copy or make it again."
        ) from error


@contextmanager
def _unzipped(stream: BinaryIO, name: str) -> Iterator[tuple[Kind, Readable]]:
    with ExitStack() as stack:
        with _unpacking(name):
            archive = stack.enter_context(zipfile.ZipFile(stream))
            inside = archive.namelist()
            files = [info for info in archive.infolist() if not (info.is_dir() or _of_macos(info))]
        if "xl/workbook.xml" in inside:
            _refuse_bomb(archive, name)
            stream.seek(0)
            yield "excel", stream
            return
        for mark, what in _ARCHIVES.items():
            if mark in inside:
                raise UserError(f"{name} is {what}.")
        if len(files) != 1:
            raise UserError(f"{name} is a ZIP archive of {len(files)} files, and one is wanted; unpack it.")
        if files[0].flag_bits & 1:
            raise UserError(f"{name} is a ZIP archive with a password; unpack it.")
        with _unpacking(name):
            member = stack.enter_context(archive.open(files[0]))
        bounded = _Bounded(member, lambda: files[0].compress_size, name)
        yield stack.enter_context(_opened(bounded, name))


def _of_macos(info: zipfile.ZipInfo) -> bool:
    """Whether it is what macOS puts beside a file."""
    return info.filename.startswith("__MACOSX/")


@contextmanager
def _unpacking(name: str) -> Iterator[None]:
    """Say in a sentence what `zipfile` raises of an archive whose head is damaged, or of a method it does not know."""
    try:
        yield
    except (LookupError, RuntimeError, ValueError) as error:
        raise UserError(f"{name} cannot be unpacked ({in_brief(error)}); unpack it, or make it again.") from error


class _Counted(io.RawIOBase):
    """A stream that counts what is read of it."""

    def __init__(self, stream: Readable) -> None:
        self._stream, self.count = stream, 0

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes."""
        read = self._stream.read(size)
        self.count += len(read)
        return read


def _refuse_bomb(archive: zipfile.ZipFile, name: str) -> None:
    """Refuse a workbook whose parts are out of all proportion to it: they are read whole."""
    for member in archive.infolist():
        if member.file_size > most_unpacked(member.compress_size):
            raise UserError(f"{name} unpacks to far more than a table would; make it again, or save it as CSV.")


def _seekable(stream: BinaryIO | Readable, whole: Prefixed) -> BinaryIO:
    """The stream from its beginning, in memory where it cannot go back."""
    if isinstance(stream, io.BufferedIOBase) and stream.seekable():
        stream.seek(0)
        return stream  # type: ignore[return-value]
    return io.BytesIO(b"".join(iter(lambda: whole.read(1 << 20), b"")))
