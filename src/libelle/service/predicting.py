"""From the body of a request to its answer."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel
from starlette.requests import Request

from libelle.errors import UserError
from libelle.features import Floats
from libelle.language import general
from libelle.language import gettext as _
from libelle.service.bodies import read
from libelle.service.context import Context, Facts
from libelle.service.models_served import Served
from libelle.service.records import Judged, Sent
from libelle.service.refusal import RefusalError
from libelle.service.results import results

log = logging.getLogger(__name__)

B = TypeVar("B", bound=BaseModel)

#: Records that may wait when a shadow's are added: it scores where there is time.
_SHADOW_WAITS = 2000


async def receive(context: Context, request: Request, model: type[B]) -> tuple[B, Sent]:
    """Read a request's body, checked, and how it was sent.

    Raises:
        RefusalError: when it is too large, too slow, or not what it should be.
    """
    try:
        async with asyncio.timeout(context.settings.timeout):
            body = await context.intake.body(request)
    except TimeoutError:
        sentence = _("The body did not arrive within {n} seconds; send it again.")
        raise RefusalError(408, sentence.format(n=general(context.settings.timeout))) from None
    return read(model, body)


async def predict(
    context: Context,
    served: Served,
    records: Sequence[Any],
    sent: Sent,
    facts: Facts,
    *,
    top: int | None = None,
    explain: bool = False,
    ignore_unknown: bool | None = None,
) -> tuple[list[dict[str, Any]], Floats]:
    """Judge and score the records of a request.

    Args:
        context: of the worker.
        served: the version that scores all of them.
        records: as they were sent.
        sent: how that was.
        facts: of the request.
        top: how many of the best labels are listed.
        explain: whether to say what each field and word adds.
        ignore_unknown: whether fields that the model does not know are left out; as the settings say by default.

    Returns:
        A result for each record, as `libelle.service.results.results` makes them; and the scores of those that could
        be scored, float32 [rows, classes].

    Raises:
        RefusalError: when there are too many, or it takes too long.
    """
    facts.model, facts.records = str(served.publication), len(records)
    with context.intake.records(len(records), explain):
        judged = served.judge.judge(records, sent, ignore_unknown)
        try:
            async with asyncio.timeout(context.settings.timeout):
                scores = await _scores(context, served, judged, facts)
                answered, aside = results(served.pipeline, judged, scores, top)
                if explain:
                    for place, row in zip(judged.places, judged.rows, strict=True):
                        answered[place]["explanation"] = await context.scorer.explain(served.pipeline, row)
        except TimeoutError:
            sentence = _("There was no answer within {n} seconds; ask again, with fewer records.")
            raise RefusalError(503, sentence.format(n=general(context.settings.timeout)), Retry_After="1") from None
    facts.errors = len(judged.errors)
    _count(context, served, judged, aside)
    if served.shadow is not None and judged.rows:
        _shadow(context, served, judged, scores)
    return answered, scores


async def _scores(context: Context, served: Served, judged: Judged, facts: Facts) -> Floats:
    """The scores of a request's records; those that the pipeline refuses after all become errors."""
    try:
        return await context.scorer.scores(served.pipeline, judged.rows, judged.size)
    except UserError:
        pass
    kept = Judged(ids=judged.ids, errors=judged.errors, unknown=judged.unknown)
    found = []
    for place, row in zip(judged.places, judged.rows, strict=True):
        try:
            found.append(await context.scorer.scores(served.pipeline, [row]))
        except UserError:
            # Its sentence may hold a text.
            kept.errors[place] = _("The model cannot score this record; check what its fields hold.")
        else:
            kept.rows.append(row)
            kept.places.append(place)
    log.warning("request=%s: the pipeline refused records that were judged fit", facts.request_id)
    judged.rows, judged.places = kept.rows, kept.places
    empty = await context.scorer.scores(served.pipeline, [])
    return np.concatenate([empty, *found])


def _count(context: Context, served: Served, judged: Judged, aside: int) -> None:
    metrics, model = context.metrics, served.publication
    version = str(model.version)
    if judged.rows:
        metrics.records.labels(model.name, version, "ok").inc(len(judged.rows))
    if judged.errors:
        metrics.records.labels(model.name, version, "error").inc(len(judged.errors))
    if aside:
        metrics.flagged.labels(model.name, version).inc(aside)
    if judged.unknown:
        metrics.unknown.labels(model.name).inc(judged.unknown)


def _shadow(context: Context, served: Served, judged: Judged, scores: Floats) -> None:
    """Let the shadow score the same records once the request was answered, and count where it decides otherwise."""
    shadow = served.shadow
    assert shadow is not None
    labels = served.publication.name, str(served.publication.version), str(shadow.publication.version)
    if context.scorer.waiting > _SHADOW_WAITS:
        context.metrics.unshadowed.labels(*labels).inc(len(judged.rows))
        return

    async def compare() -> None:
        again = shadow.judge.judge(judged.rows, Sent())
        try:
            found = await context.scorer.scores(shadow.pipeline, again.rows)
        except UserError:
            context.metrics.unshadowed.labels(*labels).inc(len(judged.rows))
            return
        first = [served.pipeline.labels[place] for place in served.pipeline.rule.decide(scores)[again.places]]
        second = [shadow.pipeline.labels[place] for place in shadow.pipeline.rule.decide(found)]
        context.metrics.shadowed.labels(*labels).inc(len(second))
        differ = sum(one != other for one, other in zip(first, second, strict=True))
        if differ:
            context.metrics.disagreed.labels(*labels).inc(differ)
        left = len(judged.rows) - len(second)
        if left:
            context.metrics.unshadowed.labels(*labels).inc(left)

    context.later(compare)
