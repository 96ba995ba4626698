"""What the service says of itself: its models, its health, and facts for Prometheus."""

import time
from collections.abc import Iterator
from typing import Any

import pandas as pd

from libelle.service.context import Context
from libelle.service.metrics import read_state
from libelle.service.models_served import Served


def about(served: Served) -> dict[str, Any]:
    """A model, as `libelle.service.bodies.ModelAbout` says."""
    publication, pipeline = served.publication, served.pipeline
    rule = pipeline.rule
    labels = []
    for label in rule.labels:
        item: dict[str, Any] = {"label": label}
        if label in pipeline.titles:
            item["title"] = pipeline.titles[label]
        if rule.label_thresholds is not None:
            item["threshold"] = rule.label_thresholds.get(label)
        labels.append(item)
    return {
        "reference": served.reference,
        "name": publication.name,
        "version": publication.version,
        "run_id": publication.run_id,
        "published": publication.published,
        "model": publication.model,
        "data": publication.data,
        "data_fingerprint": publication.data_fingerprint,
        "fields": pipeline.fields,
        "text_field": pipeline.text,
        "id_field": pipeline.id,
        "positive": rule.positive if rule.is_binary else None,
        "threshold": rule.threshold,
        "labels": labels,
        "shadow": None if served.shadow is None else str(served.shadow.publication),
    }


def health(context: Context, details: bool) -> dict[str, Any]:
    """How the service is.

    Args:
        context: of the worker.
        details: whether to say why; anybody may ask how it is, and those with a token why.
    """
    state = read_state(context.folder)
    refused: dict[str, Any] = state.get("refused", {})
    found: dict[str, Any] = {
        "status": "ending" if context.ending else "ready",
        "models": {item.reference: item.publication.version for item in context.catalogue.served},
        "refused": refused if details else sorted(refused),
        "store": (state.get("store") if details else bool(state.get("store")) or None),
        "restarts": state.get("restarts", 0),
    }
    return found


def facts(context: Context) -> Iterator[tuple[str, str, dict[str, str], float]]:
    """Name, help, labels and value of what Prometheus gets beside the counts."""
    state = read_state(context.folder)
    refused = state.get("refused", {})
    for item in context.catalogue.served:
        publication = item.publication
        labels = {"model": item.reference, "version": str(publication.version), "run_id": publication.run_id}
        yield "libelle_model_info", "The version that is served.", labels, 1
        age = time.time() - pd.Timestamp(publication.published).timestamp()
        yield "libelle_model_age_seconds", "Since it was published.", {"model": item.reference}, age
    names = sorted({*refused, *(item.reference for item in context.catalogue.served)})
    for name in names:
        text = "Whether the store has another version, which cannot be served."
        yield "libelle_model_refused", text, {"model": name}, float(name in refused)
    yield "libelle_store_away", "Whether the store could not be read.", {}, float(bool(state.get("store")))
    yield "libelle_worker_restarts", "Workers that ended and were begun again.", {}, float(state.get("restarts", 0))
