"""What preparing more forms than memory holds costs; prints a row of the table in docs/performance.md for each kind.

    python benchmarks/large_preparation.py --rows 20000000
    python benchmarks/large_preparation.py --rows 5000000 --kinds generated numbered

The forms are synthetic, with ids of their own: a million of them again and again (`repeated`), each million new
(`generated`), or the same with a street number that no other form has (`numbered`). They are written once, as Parquet,
to the cache, at some 20 microseconds and 50 bytes a form. Preparing is a process of its own: seconds of its processor
and of the clock, and the most memory that it held, mapped files included.
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

sys.path.insert(0, str(Path(__file__).resolve().parent))
from census import ROOT, command, prepared

#: Forms that are generated at once.
PART = 1_000_000
KINDS = ("repeated", "generated", "numbered")


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["repeated", "generated"])
    parser.add_argument("--cache", type=Path, default=ROOT / "benchmarks" / "cache")
    parser.add_argument("overrides", nargs="*", help="of train.py, as process=subword")
    arguments = parser.parse_args()
    store = arguments.cache / "large"
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start.\n")
    print("| forms | CPU s | s | MB | GB of the base |\n|---|---|---|---|---|")
    for kind in arguments.kinds:
        file = write_forms(arguments.cache, arguments.rows, kind)
        started = time.monotonic()
        cost = command("train.py", "mode=prepare", *prepared(file, store), *arguments.overrides)
        size = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
        print(
            f"| {arguments.rows:,}, {kind} | {cost.seconds:.0f} | {time.monotonic() - started:.0f} "
            f"| {cost.megabytes:,.0f} | {size / 1e9:.2f} |",
            flush=True,
        )
        shutil.rmtree(store)


def write_forms(cache: Path, rows: int, kind: str) -> Path:
    """The forms as Parquet; written where they are not there yet."""
    file = cache / f"{kind}_{rows}.parquet"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".partial")
        parts = forms(rows, kind)
        first = next(parts)
        with parquet.ParquetWriter(partial, first.schema) as writer:
            writer.write_table(first)
            for part in parts:
                writer.write_table(part)
        partial.rename(file)
    return file


def forms(rows: int, kind: str) -> Iterator[pa.Table]:
    """The forms, part by part."""
    from libelle.data.census.sample import generate

    part = None
    for number, start in enumerate(range(0, rows, PART), start=1):
        if part is None or kind != "repeated":
            part = pa.Table.from_pandas(generate(min(PART, rows), seed=number), preserve_index=False)
        some = part.slice(0, min(PART, rows - start))
        numbers = range(start, start + len(some))
        some = set_column(some, "cabbi", [f"BI{number:09d}" for number in numbers])
        yield set_column(some, "numvoi_x", [str(number) for number in numbers]) if kind == "numbered" else some


def set_column(table: pa.Table, name: str, texts: list[str]) -> pa.Table:
    """The same table with other texts in a column."""
    place = table.column_names.index(name)
    return table.set_column(place, name, pa.array(texts, pa.large_string()))


if __name__ == "__main__":
    main()
