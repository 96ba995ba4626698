"""Every byte of every file of a tiny published model is flipped once: none is believed."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from helpers.fuzzing.runner import wrong_sentence
from helpers.tiny import make_forms, tiny_plan
from libelle.data.file_source import FileSource
from libelle.errors import UserError
from libelle.evaluation.calibration import Temperature
from libelle.loading import load_published
from libelle.models.linear import NaiveBayes
from libelle.pipeline import Pipeline
from libelle.processes.bigrams import Bigrams
from libelle.publication import publish
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.stores.local import LocalStore
from libelle.training.workflow import full

pytestmark = [pytest.mark.slow, pytest.mark.faults]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny model that was published, signed, and the file of trusted keys."""
    folder = tmp_path_factory.mktemp("flips")
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "private.pem").write_bytes(private)
    (folder / "trusted.pem").write_bytes(public)
    make_forms().to_csv(folder / "forms.csv", index=False)
    source = FileSource(path=str(folder / "forms.csv"), id="form", columns=["job"], target="label")
    parts = {"process": Bigrams(), "model": NaiveBayes(), "calibration": Temperature()}
    plan = tiny_plan(folder, source=source, **parts)
    run = Run.open(plan.store, RunId.parse(full(plan).run_id))
    publish(plan.store, run, "tiny", threshold=0.4, sign=str(folder / "private.pem"))
    return folder


def answers(pipeline: Pipeline) -> pd.DataFrame:
    return pipeline.predict(make_forms(40, seed=7)[["job"]])


@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
def test_no_flipped_byte_of_a_published_model_is_believed(
    place: Path, signed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    store, trusted = LocalStore(root=str(place / "store")), place / "trusted.pem" if signed else None
    expected = answers(load_published("tiny", store, trusted))
    generator, counts = np.random.default_rng(1), Counter[str]()
    believed = []
    for path in sorted(path for path in (place / "store" / "published").rglob("*") if path.is_file()):
        whole = path.read_bytes()
        for at in range(len(whole)):
            flipped = whole[at] ^ (1 << int(generator.integers(8)))
            path.write_bytes(whole[:at] + bytes([flipped]) + whole[at + 1 :])
            what = came_of(store, trusted, expected)
            counts[what] += 1
            if what == "believed" or (what == "harmless" and matters(path, signed)):
                believed.append(f"{path.name}, byte {at}: {whole[at]} as {flipped}")
        path.write_bytes(whole)
    with capsys.disabled():
        print(f"\n{'signed' if signed else 'unsigned'}: {sum(counts.values()):,} flips, {dict(counts)}")
    assert believed == []
    assert set(counts) <= {"refused", "harmless"}
    assert counts["refused"] > 5_000


def came_of(store: LocalStore, trusted: Path | None, expected: pd.DataFrame) -> str:
    """Whether a model is refused, in a sentence, answers as before, or is believed though it does not."""
    try:
        pipeline = load_published("tiny", store, trusted)
    except UserError as error:
        return wrong_sentence(str(error)) or "refused"
    return "harmless" if answers(pipeline).equals(expected) else "believed"


def matters(path: Path, signed: bool) -> bool:
    """Whether every flip in a file has to be refused; what is not read to load a model cannot be."""
    if path.name in ("claim.json", "current.json"):
        return False
    return signed or path.name not in ("manifest.json", "manifest.sig")
