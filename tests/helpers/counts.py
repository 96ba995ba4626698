"""What tests of faults have counted, as a table at the end of the tests."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

#: What is drawn by chance in tests of faults is drawn by this seed.
SEED = int(os.environ.get("LIBELLE_FAULTS_SEED", "1"))
#: For a quick try: which share of kills and faults is tried.
SHARE = float(os.environ.get("LIBELLE_FAULTS_SHARE", "1"))
_NAME = "counts"

#: Keeps a line of the table: what was done, and name → count.
Count = Callable[[str, dict[str, int]], None]


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Count:
    def keep(what: str, counts: dict[str, int]) -> None:
        # A property of the test's report, since workers of pytest-xdist have no terminal.
        record_property(_NAME, json.dumps({"what": what, **counts}))

    return keep


def some(number: int) -> int:
    """As many as are tried where a whole test tries `number`."""
    return max(1, round(number * SHARE))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = [*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])]
    found = [json.loads(value) for each in reports for name, value in each.user_properties if name == _NAME]
    tables: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in found:
        tables.setdefault(tuple(row), []).append(row)
    for names, rows in tables.items():
        terminalreporter.section(f"counts (LIBELLE_FAULTS_SEED={SEED})")
        sums = {name: sum(row[name] for row in rows) for name in names[1:]}
        lines = [names, *(tuple(row.values()) for row in rows), ("sum", *sums.values())]
        widths = [max(len(str(line[place])) for line in lines) for place in range(len(names))]
        for line in lines:
            cells = [str(cell).rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
            terminalreporter.write_line("  ".join([str(line[0]).ljust(widths[0]), *cells]))
