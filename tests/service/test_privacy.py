"""No text of a form is in a log, an error, a count or on disk."""

import asyncio
import gc
import json
import logging

import pytest

from helpers.serving import client_of, context_of
from libelle.errors import UserError
from libelle.service.worker import log_where

CANARY = "XYLOTROPE"

BODIES = [
    {"records": [{"employer": CANARY, "job": CANARY, "form": CANARY}]},
    {"records": [{"employer": [CANARY]}, {"job": {"a": CANARY}}, {"form": CANARY}, CANARY]},
    {"records": [{CANARY: "x"}]},
    {"records": [{"job": f"{CANARY} " * 2000}]},
    {"records": CANARY},
    {"records": [], CANARY: 1},
    {"records": [{"job": CANARY}], "top": CANARY},
    {"records": [{"job": CANARY}], "explain": CANARY},
    {"documents": [{"employer": CANARY, "job": CANARY}]},
    [CANARY],
    CANARY,
]


@pytest.fixture
def told(caplog):
    caplog.set_level(logging.WARNING, "httpx2")  # the client's own
    caplog.set_level(logging.DEBUG)
    return caplog


def test_nothing_that_was_sent_is_logged_or_counted(published, told):
    client = client_of(context_of(published))
    for body in BODIES:
        for path in ("/models/forms/predict", "/noncodable", f"/models/{CANARY}/predict", f"/{CANARY}?q={CANARY}"):
            client.post(path, json=body, headers={"X-Request-ID": CANARY, "Authorization": f"Bearer {CANARY}"})
            client.post(path, content=json.dumps(body).encode()[:-1] + b"\xff", headers={"User-Agent": CANARY})
    assert CANARY not in told.text
    assert CANARY not in client.get("/metrics").text
    assert CANARY not in client.get("/health").text
    assert "POST /models/{name}/predict 200" in told.text


def test_no_error_shows_a_value_that_was_sent(published):
    client = client_of(context_of(published))
    for body in BODIES:
        answer = client.post("/models/forms/predict", json=body)
        results = answer.json().get("results", [answer.json()])
        # An id and the name of an unknown field are given back to whoever sent them.
        told = [item["error"] for item in results if "error" in item and "no field" not in item["error"]]
        assert not [sentence for sentence in told if CANARY in sentence and "is not a key" not in sentence]


@pytest.mark.parametrize("error", [ValueError, UserError, KeyError])
def test_a_defect_is_told_by_its_place_and_not_by_its_text(published, told, monkeypatch, error):
    def fail(*_):
        raise error(f"cannot score {CANARY}")

    context = context_of(published)
    monkeypatch.setattr("libelle.pipeline.Pipeline.predict_proba", fail)
    answer = client_of(context).post("/models/forms/predict", json={"records": [{"job": CANARY}]})
    if error is UserError:
        (result,) = answer.json()["results"]
        assert (answer.status_code, result["status"]) == (200, "error")
    else:
        assert answer.status_code == 500
        assert answer.headers["x-request-id"] in told.text
        assert f"{error.__name__} at " in told.text
        assert "test_privacy.py" in told.text
    assert CANARY not in answer.text
    assert CANARY not in told.text


def test_one_record_that_a_pipeline_refuses_spoils_no_other(published, monkeypatch):
    context = context_of(published)
    (served,) = context.catalogue.served
    whole = type(served.pipeline).predict_proba

    def fail(pipeline, records):
        if any(record["job"] == CANARY for record in records):
            raise UserError(f"cannot score {CANARY}")
        return whole(pipeline, records)

    monkeypatch.setattr("libelle.pipeline.Pipeline.predict_proba", fail)
    answer = client_of(context).post(
        "/models/forms/predict", json={"records": [{"job": "a"}, {"job": CANARY}, {"job": "b"}]}
    )
    assert [item["status"] for item in answer.json()["results"]] == ["ok", "error", "ok"]
    assert CANARY not in answer.text


def test_what_fails_when_nobody_waits_any_more_is_told_by_its_place(told):
    asyncio.run(_fail_alone())
    assert "a task failed: ValueError at " in told.text
    assert CANARY not in told.text


async def _fail_alone():
    async def fail():
        raise ValueError(CANARY)

    asyncio.get_running_loop().set_exception_handler(log_where)
    task = asyncio.ensure_future(fail())
    await asyncio.sleep(0)
    del task
    gc.collect()
    await asyncio.sleep(0)
