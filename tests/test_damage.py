"""What fuzzing has found: damaged files that load, or end in a traceback; each is one sentence now."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from libelle.errors import UserError
from libelle.loading import load_folder, load_published, load_run
from libelle.publication import publish
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.signatures import sign, verify
from libelle.stores.local import LocalStore


@pytest.fixture
def folder(trained: tuple[LocalStore, str], tmp_path: Path) -> Path:
    """A saved pipeline, to be spoilt."""
    source = next(Path(trained[0].root).rglob(f"{trained[1]}.pipeline"))
    return Path(shutil.copytree(source, tmp_path / "forms"))


@pytest.fixture
def store(trained: tuple[LocalStore, str], tmp_path: Path) -> LocalStore:
    shutil.copytree(trained[0].root, tmp_path / "store")
    return LocalStore(root=str(tmp_path / "store"))


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"labels": ["1", "0"]}, r"a record's label was \S and is \S"),
        ({"labels": ["0", "0"]}, "one of the labels comes twice"),
        ({"labels": []}, "labels"),
        ({"labels": ["0", "1", "2"]}, "3 labels"),
        ({"fields": [["job"], "employer", "town"]}, "fields.0"),
        ({"text": "x"}, "text: 'x' is not one of the fields"),
        ({"id": ["form"]}, "id"),
        ({"target": {"columns": "label"}}, "target.columns"),
        ({"titles": [1]}, "titles"),
        ({"cleaners": {"accents": []}}, "cleaners.accents"),
        ({"threshold": 1e999}, "threshold"),
    ],
    ids=str,
)
def test_a_pipeline_that_says_what_cannot_be_is_refused(folder: Path, values: dict[str, Any], sentence: str) -> None:
    change(folder / "pipeline.json", **values)
    with pytest.raises(UserError, match=f"holds a damaged pipeline .*{sentence}"):
        load_folder(folder)


@pytest.mark.parametrize("golden", [[], [{"record": {"job": 1}, "scores": [0, 1]}], [{"record": {}, "scores": [1]}]])
def test_golden_records_that_are_none_are_refused(folder: Path, golden: list[Any]) -> None:
    (folder / "golden.json").write_text(json.dumps(golden))
    with pytest.raises(UserError, match="holds a damaged pipeline"):
        load_folder(folder)


def test_golden_records_without_labels_are_those_of_earlier_models(folder: Path) -> None:
    path = folder / "golden.json"
    golden = [{key: value for key, value in item.items() if key != "label"} for item in json.loads(path.read_text())]
    path.write_text(json.dumps(golden))
    assert load_folder(folder).labels == ["0", "1"]


@pytest.mark.parametrize("flipped", [b'"threshold": 0.7', b'"threshold": 0.4'])
def test_a_threshold_that_a_flipped_bit_has_changed_is_not_believed(
    trained: tuple[LocalStore, str], store: LocalStore, flipped: bytes
) -> None:
    publish(store, Run.open(store, RunId.parse(trained[1])), "forms", threshold=0.5)
    key = "published/forms/1/manifest.json"
    store.put(key, store.get(key).replace(b'"threshold": 0.5', flipped))
    with pytest.raises(UserError, match="its values are not those of its checksum"):
        load_published("forms", store)


def test_a_manifest_without_a_checksum_is_that_of_an_earlier_publication(
    trained: tuple[LocalStore, str], store: LocalStore
) -> None:
    publish(store, Run.open(store, RunId.parse(trained[1])), "forms", threshold=0.5)
    manifest = json.loads(store.get("published/forms/1/manifest.json"))
    del manifest["checksum"]
    store.put("published/forms/1/manifest.json", json.dumps(manifest).encode())
    assert load_published("forms", store).name == "forms@1"


def test_a_signature_is_written_in_one_way_alone(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = Ed25519PrivateKey.generate()
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    document = sign(b"manifest", private)
    verify(b"manifest", document, public, "forms@1")
    last = document.index(b"==") - 1  # four bits of its six mean nothing
    for flipped in (document[:last] + bytes([document[last] ^ 1]) + document[last + 1 :], document + b" "):
        with pytest.raises(UserError, match="forms@1"):
            verify(b"manifest", flipped, public, "forms@1")


@pytest.mark.parametrize("content", [b"{}", b"[]", b'{"value": "x", "date": "x", "rule": {}}', b"["])
def test_a_damaged_threshold_of_a_run_is_one_sentence(
    trained: tuple[LocalStore, str], store: LocalStore, content: bytes
) -> None:
    run = Run.open(store, RunId.parse(trained[1]))
    run.put("threshold.json", content)
    run.put_manifest()
    with pytest.raises(UserError, match=r"threshold\.json in .* is damaged"):
        load_run(run.id, store)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("a\nb\rc\x1b[2J", r"a\nb\rc\x1b[2J"),
        ("left \u202e right", r"left \u202e right"),
        ("half \ud800", r"half \ud800"),
        ("ligature œ, 3\u00a0000\u202f€ · 日本", "ligature œ, 3\u00a0000\u202f€ · 日本"),
    ],
)
def test_a_refusal_is_one_line_that_no_terminal_obeys(message: str, said: str) -> None:
    assert str(UserError(message)) == said


def test_an_endless_refusal_keeps_what_it_says_at_last() -> None:
    said = str(UserError(f"data.path={'x' * 5000} is not there; check the path."))
    assert len(said) <= 1000
    assert said.startswith("data.path=xxx")
    assert said.endswith("x is not there; check the path.")


@pytest.fixture
def base(tmp_path: Path) -> LocalStore:
    """A store with a base, to be spoilt."""
    from helpers.tiny import tiny_plan
    from libelle.training.workflow import prepare

    prepare(tiny_plan(tmp_path))
    return LocalStore(str(tmp_path / "store"))


def spoil(base: LocalStore, path: Path, data: bytes) -> None:
    """Write into a file of a base, and make its manifest agree."""
    import hashlib

    path.write_bytes(data)
    manifest = next(Path(base.root, "based").rglob("manifest.json"))
    about = json.loads(manifest.read_text())
    name = path.relative_to(manifest.parent).as_posix()
    about["files"][name] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    manifest.write_text(json.dumps(about))


def test_arrays_of_a_base_that_lie_are_one_sentence(base: LocalStore, tmp_path: Path) -> None:
    from libelle.training.bases import read_base

    path = next(Path(base.root, "based").rglob("squares.npy"))
    shape = str(np.load(path).shape).encode()
    spoil(base, path, path.read_bytes().replace(shape, shape.replace(b"(", b"(9").ljust(len(shape) + 1), 1))
    with pytest.raises(UserError, match=r"The base 'based' in .* is damaged .*prepare it again"):
        read_base(base, "based", tmp_path / "scratch")


@pytest.mark.parametrize(
    "values",
    [
        {"labels": ["0", 1.5]},
        {"labels": []},
        {"fields": "job"},
        {"target": {"columns": 1}},
        {"titles": []},
        {"text": 1},
    ],
    ids=str,
)
def test_a_base_that_says_what_cannot_be_is_one_sentence(
    base: LocalStore, tmp_path: Path, values: dict[str, Any]
) -> None:
    from libelle.training.bases import read_base

    path = next(Path(base.root, "based").rglob("prepared.json"))
    spoil(base, path, json.dumps({**json.loads(path.read_text()), **values}).encode())
    with pytest.raises(UserError, match=rf"The base 'based' in .* is damaged .*{next(iter(values))}.*prepare it again"):
        read_base(base, "based", tmp_path / "scratch")
