"""What Prometheus scrapes: counted by each worker in files that all of them share, and added up by whoever is asked."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, values
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

#: Where the workers' counts are, for the library.
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_RECORDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class Metrics:
    """The counters of one worker."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        own: dict[str, Any] = {"registry": self._registry}
        self.requests = Counter("libelle_requests", "Requests.", ["route", "status"], **own)
        self.seconds = Histogram(
            "libelle_request_seconds", "From a request to its answer.", ["route"], buckets=_SECONDS, **own
        )
        self.records = Counter(
            "libelle_records", "Records, by how they were answered.", ["model", "version", "status"], **own
        )
        self.flagged = Counter(
            "libelle_flagged",
            "Records set aside: decided as positive, or coded automatically.",
            ["model", "version"],
            **own,
        )
        self.unknown = Counter("libelle_unknown_fields", "Fields that the model does not know.", ["model"], **own)
        self.calls = Histogram("libelle_call_records", "Records scored in one call.", buckets=_RECORDS, **own)
        shadows = ["model", "version", "shadow"]
        self.shadowed = Counter("libelle_shadow_records", "Records that a shadow scored, too.", shadows, **own)
        self.disagreed = Counter(
            "libelle_shadow_disagreements", "Records that a shadow decides otherwise.", shadows, **own
        )
        self.unshadowed = Counter("libelle_shadow_skipped", "Records that a shadow had no time for.", shadows, **own)

    def page(self, facts: Iterable[tuple[str, str, dict[str, str], float]]) -> bytes:
        """All workers' counts, in Prometheus's text format.

        Args:
            facts: name, help, labels and value of what is not counted but so.
        """
        registry = self._registry
        if FOLDER in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        families: dict[str, Any] = {}
        for name, text, labels, value in facts:
            family = families.setdefault(name, GaugeMetricFamily(name, text, labels=list(labels)))
            family.add_metric(list(labels.values()), value)
        now = CollectorRegistry()
        now.register(_Facts(families.values()))
        return bytes(generate_latest(registry)) + bytes(generate_latest(now))


class _Facts:
    """Facts as Prometheus's library collects them."""

    def __init__(self, families: Iterable[Any]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Any]:
        """All."""
        return self._families


def count_in(folder: Path, slot: int) -> None:
    """Count in a folder from now on, in files of one slot; called in a new process, before any counter is made.

    A slot is a process's as long as it lives, and another's after it: counts go on, and files do not pile up.
    """
    os.environ[FOLDER] = str(folder)
    values.ValueClass = values.MultiProcessValue(lambda: slot)  # type: ignore[no-untyped-call]


def write_state(folder: Path, state: dict[str, Any]) -> None:
    """Tell the workers what the process above them knows."""
    temporary = folder / ".state"
    temporary.write_text(json.dumps(state), encoding="utf-8")
    temporary.replace(folder / "state.json")


def read_state(folder: Path | None) -> dict[str, Any]:
    """What the process above has told; nothing where there is none."""
    try:
        found: dict[str, Any] = json.loads((folder / "state.json").read_text(encoding="utf-8")) if folder else {}
    except (OSError, ValueError):
        return {}
    return found
