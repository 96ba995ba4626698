"""Doors for files of data: CSV, Parquet, Excel, and what is compressed."""

import bz2
import gzip
import io
import zipfile
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from helpers.fuzzing.mutation import ODD_TEXTS, Random, damaged, pick
from helpers.fuzzing.runner import Door
from helpers.tiny import make_forms
from libelle.components import validate
from libelle.data.file_source import FileSource
from libelle.data.options import OPTIONS, FileOptions, FileReport
from libelle.data.tables import read_file

_TOKENS = [text.encode() for text in ODD_TEXTS] + [b",", b";", b"\t", b'"', b'""', b"\r", b"\n\n", b"\xff\xfe", b"\xe9"]
#: Options of a source, and values of them, right and wrong.
_OPTIONS: dict[str, list[str]] = {
    "delimiter": [",", ";", "tab", "none", "|", "", "ab", "\n", "é"],
    "encoding": ["utf-8", "latin-1", "cp1252", "utf-16", "ascii", "rot13", "x", "idna", "base64"],
    "quote": ["none", '"', "'", ""],
    "sheet": ["Sheet1", "x"],
    "id": ["form", "job", "x"],
    "columns": ["employer,job,town", "job", "job,job", "label", ","],
    "numeric": ["town", "employer", "x"],
    "categorical": ["town", "job,town"],
    "weight": ["town", "employer"],
    "target_rule": ["label", "all_empty", "equals", "x"],
    "target_value": ["1", ""],
    "unlabelled": ["skip", "refuse"],
    "positive": ["0", "1", "x"],
    "slices": ["town", "x"],
}


class FileDoor(Door):
    """A file, read as training data are, or as records to be scored."""

    ending: ClassVar[str]

    def attempt(self, random: Random) -> Any:
        """Write a wrong file, and read it."""
        path = self.scratch / f"forms.{self.ending}"
        path.write_bytes(self.content(random))
        options = {}
        while random.random() < 0.4:
            name = pick(random, list(_OPTIONS))
            options[name] = pick(random, _OPTIONS[name])
        if random.random() < 0.6:
            return validate(FileSource, {"path": str(path), "target": "label", **options}, "data").read()
        given = {name: value for name, value in options.items() if name in OPTIONS}
        needed = frozenset(["employer", "job", "town"])
        reading = FileOptions(**given, wanted=needed, needed=needed, keys="")
        return list(read_file(path, reading, on_bad_row=lambda bad: None, report=FileReport()))

    def content(self, random: Random) -> bytes:
        """The bytes of a wrong file."""
        raise NotImplementedError


def _csv(rows: int, separator: str = ",", encoding: str = "utf-8", **options: Any) -> bytes:
    return make_forms(rows).to_csv(index=False, sep=separator, **options).encode(encoding)


class Csv(FileDoor):
    name, share, ending = "csv", 1000, "csv"

    def __init__(self, *places: Any) -> None:
        super().__init__(*places)
        self.right = [
            _csv(12),
            _csv(12, ";", "latin-1"),
            _csv(5, "\t", "utf-16"),
            _csv(5, "|", "utf-8-sig"),
            _csv(8, quoting=1),
            _csv(60).replace(b"\n", b"\r\n"),
        ]

    def content(self, random: Random) -> bytes:
        if random.random() < 0.05:
            return random.bytes(int(random.integers(200)))
        return damaged(random, pick(random, self.right), _TOKENS)


def _parquet(table: pd.DataFrame | pa.Table, **options: Any) -> bytes:
    stream = io.BytesIO()
    table = pa.Table.from_pandas(table) if isinstance(table, pd.DataFrame) else table
    parquet.write_table(table, stream, **options)
    return stream.getvalue()


class Parquet(FileDoor):
    name, share, ending = "parquet", 1000, "parquet"

    def __init__(self, *places: Any) -> None:
        super().__init__(*places)
        forms = make_forms(20)
        numbers = forms.assign(town=np.arange(20), employer=np.linspace(0, 1, 20), job=pd.Timestamp("2026-01-01"))
        nested = pa.table(
            {"job": [["a"], None] * 5, "label": ["0", "1"] * 5, "employer": [{"a": 1}] * 10, "town": [b"\xff"] * 10}
        )
        self.right = [
            *(_parquet(forms, compression=kind) for kind in ("none", "snappy", "gzip", "zstd", "brotli", "lz4")),
            _parquet(forms, use_dictionary=False, compression="none", data_page_version="2.0"),
            _parquet(forms, compression="none", row_group_size=5, data_page_size=10),
            _parquet(numbers, compression="none"),
            _parquet(nested, compression="none"),
            _parquet(forms, compression="none", column_encoding="DELTA_BYTE_ARRAY", use_dictionary=False),
        ]

    def content(self, random: Random) -> bytes:
        data = pick(random, self.right)
        # The footer says all sizes; its length stands before the last four bytes.
        footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
        match int(random.integers(4)):
            case 0:
                return damaged(random, data)
            case 1:
                wrong = damaged(random, data[footer:-8])
                return data[:footer] + wrong + len(wrong).to_bytes(4, "little") + b"PAR1"
            case 2:  # of the same length, so that more of it is right
                wrong = bytearray(data)
                for _ in range(int(random.integers(1, 4))):
                    wrong[int(random.integers(footer, len(data) - 8))] = int(random.integers(256))
                return bytes(wrong)
        wrong = bytearray(data)
        for _ in range(int(random.integers(1, 6))):
            wrong[int(random.integers(4, footer))] = int(random.integers(256))
        return bytes(wrong)


class Excel(FileDoor):
    name, share, ending = "excel", 250, "xlsx"

    def __init__(self, *places: Any) -> None:
        super().__init__(*places)
        stream = io.BytesIO()
        make_forms(6).assign(when=pd.Timestamp("2026-01-01"), share=0.5, sure=True).to_excel(stream, index=False)
        self.right = stream.getvalue()

    def content(self, random: Random) -> bytes:
        if random.random() < 0.3:
            return damaged(random, self.right)
        stream = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(self.right)) as right, zipfile.ZipFile(stream, "w") as wrong:
            names = right.namelist()
            chosen = pick(random, ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/sharedStrings.xml", *names])
            for name in names:
                data = right.read(name)
                wrong.writestr(name, _wrong_xml(random, data) if name == chosen else data)
        return stream.getvalue()


_XML = [
    b"<c ",
    b"</row>",
    b'r="A1048577"',
    b't="s"',
    b"<v>999999999</v>",
    b"<v>1e999</v>",
    b"&x;",
    b'<!DOCTYPE a [<!ENTITY x "y">]>',
]


def _wrong_xml(random: Random, data: bytes) -> bytes:
    """XML with other numbers and words in its attributes, which stays XML, or not."""
    if random.random() < 0.4:
        return damaged(random, data, _XML)
    parts = data.split(b'"')
    for _ in range(int(random.integers(1, 4))):
        place = int(random.integers(len(parts)))
        if place % 2:
            parts[place] = pick(
                random, [b"", b"-1", b"99999999999", b"x", b"A0", b"XFE1", b"s", b"d", b"e", b"inlineStr", b"1e9"]
            )
    return b'"'.join(parts)


class Packed(FileDoor):
    name, share, ending = "packed", 400, "csv.gz"

    def __init__(self, *places: Any) -> None:
        super().__init__(*places)
        content, archive = _csv(20), io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("forms.csv", content)
        zstd = pa.BufferOutputStream()
        with pa.CompressedOutputStream(zstd, "zstd") as stream:
            stream.write(content)
        packed = [gzip.compress(content), bz2.compress(content), zstd.getvalue().to_pybytes(), archive.getvalue()]
        self.right = [*packed, gzip.compress(_parquet(make_forms(5))), gzip.compress(gzip.compress(content))]

    def content(self, random: Random) -> bytes:
        if random.random() < 0.3:  # right outside, wrong inside
            return gzip.compress(damaged(random, gzip.decompress(pick(random, [self.right[0], *self.right[4:]]))), 1)
        return damaged(random, pick(random, self.right))
