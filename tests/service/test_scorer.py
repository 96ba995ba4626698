"""Records of several requests share a call."""

import asyncio
import time

import pytest

from helpers.tiny import make_forms
from libelle.pipeline import Pipeline
from libelle.service import scorer
from libelle.stores.local import LocalStore

ROWS = make_forms(20, seed=4)[["employer", "job", "town"]].to_dict("records")


@pytest.fixture
def pipeline(trained: tuple[LocalStore, str]) -> Pipeline:
    return Pipeline.load(trained[1], trained[0])


@pytest.mark.parametrize(("several", "calls"), [(True, [1, 17]), (False, [1, 1, 16])])
def test_where_there_are_several_clients_a_call_waits_for_others_until_there_are_enough(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, several: bool, calls: list[int]
) -> None:
    monkeypatch.setattr(scorer, "_PAUSE", 3600)
    found: list[int] = []

    async def ask() -> None:
        asked = scorer.Scorer(found.append, lambda: several)
        await asked.scores(pipeline, ROWS[:1])
        asked._ended, asked._took = time.monotonic(), 3600  # as if that had been long
        first = asyncio.ensure_future(asked.scores(pipeline, ROWS[1:2]))
        for _ in range(5):  # turns of the loop
            await asyncio.sleep(0)
        assert first.done() is not several
        await asyncio.gather(first, asked.scores(pipeline, ROWS[2:18]))

    asyncio.run(ask())
    assert found == calls
