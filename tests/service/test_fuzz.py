"""Whatever is sent, the answer is no defect of ours; and what OpenAPI says is so."""

import json
import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

from helpers.serving import client_of, context_of
from helpers.tiny import make_forms

BODIES = 10_000
SEED = 15

FIELDS = ["form", "employer", "job", "town", "label", "jobb", "", "é", "e\u0301", "\ud800", "records", "x" * 300]
VALUES = [
    *["STE DUPONT", "", " ", "\0", "\ud83d", "\U0001f600", "é" * 500, "a" * 20_000, "NULL", "nan", "-1e5", "\u202e"],
    *[None, True, False, 0, -1, 10**30, 1.5, 1e308, float("nan"), float("inf"), [], {}, [[]], ["a"], {"a": {"b": 1}}],
]
KEYS = ["records", "documents", "top", "explain", "tops", "record"]
PATHS = [
    *["/models/forms/predict"] * 3,
    "/models/forms@2/predict",
    "/models/forms@9/predict",
    "/models/%00/predict",
    "/noncodable",
]


def any_value(generator):
    return generator.choice(VALUES)


def any_record(generator):
    if generator.random() < 0.1:
        return any_value(generator)
    return {generator.choice(FIELDS): any_value(generator) for _ in range(generator.randint(0, 4))}


def any_body(generator):
    """A body that may be right; then bytes of it that may be wrong."""
    records = [any_record(generator) for _ in range(generator.randint(0, 4))]
    body = {"documents" if generator.random() < 0.3 else "records": records}
    if generator.random() < 0.3:
        body |= {generator.choice(KEYS): generator.choice([records, any_value(generator)]) for _ in range(2)}
    text = json.dumps(body, ensure_ascii=generator.random() < 0.5).encode("utf-8", "surrogatepass")
    if generator.random() < 0.3:
        changed = bytearray(text)
        for _ in range(generator.randint(1, 5)):
            changed[generator.randrange(len(changed))] = generator.randrange(256)
        text = bytes(changed[: generator.randint(1, len(changed))])
    return text


@pytest.mark.slow
def test_no_body_makes_the_service_fail(published):
    context = context_of(published, published="forms", shadow="forms@1", access_log=False)
    generator = random.Random(SEED)
    seen = Counter()
    good = {"records": make_forms(3, seed=2).drop(columns="label").fillna("").to_dict("records")}
    with client_of(context) as client:
        expected = client.post(PATHS[0], json=good).json()
        for _ in range(BODIES):
            answer = client.post(generator.choice(PATHS), content=any_body(generator))
            seen[answer.status_code] += 1
            assert answer.status_code < 500, answer.text
            assert isinstance(answer.json(), dict)
        assert client.post(PATHS[0], json=good).json() == expected
    print(f"seed {SEED}, {BODIES:,} bodies: {dict(seen)}")
    assert min(seen[200], seen[422], seen[404]) > 100


@pytest.mark.slow
def test_what_openapi_says_is_so(published, monkeypatch):
    schemathesis = pytest.importorskip("schemathesis")
    monkeypatch.setenv("LIBELLE_TOKEN", "0123456789abcdef0123")
    client = client_of(context_of(published, published="forms", access_log=False))
    schema = schemathesis.openapi.from_asgi("/openapi.json", client.app)
    headers = {"Authorization": "Bearer 0123456789abcdef0123"}
    asked = Counter()
    for result in schema.get_all_operations():
        _ask_all(result.ok(), headers, asked)
    assert len(asked) == 8, asked


def _ask_all(operation, headers, asked):
    from hypothesis import given

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(case=operation.as_strategy())
    def ask(case):
        asked[operation.label] += 1
        case.call_and_validate(headers=headers)

    ask()
