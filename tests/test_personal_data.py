"""What is published does not tell what one person wrote: canaries in vocabulary, golden records and n-grams."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from helpers.scripts import call
from helpers.tiny import make_forms, tiny_plan
from libelle.cleaners.base import clean_table
from libelle.data.columns import from_frame
from libelle.data.file_source import FileSource
from libelle.data.words import WordTable
from libelle.errors import UserError
from libelle.processes.base import Process
from libelle.processes.bigrams import Bigrams
from libelle.processes.embedding import Embedding
from libelle.processes.ngrams import characters_of_words, field_keys, word_keys
from libelle.processes.subword import Subword
from libelle.processes.tfidf import Tfidf
from libelle.processes.tokens import Tokens
from libelle.processes.union import Union
from libelle.publication import publish
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.stores.local import LocalStore
from libelle.training.workflow import full

FIELDS = ["employer", "job", "town"]
#: One record has all of these, and says each of them twice.
ALONE = ["zqorvex", "kwyxjupp", "fjordwqz", "hgxvlinq", "ptqzzum"]
#: Four records have these.
FEW = ["vuxomberq", "tschwygo"]
#: Six have these.
ENOUGH = ["bibliothèque", "numérique"]


def with_canaries() -> pd.DataFrame:
    """Tiny forms for training, some of which say what the others do not."""
    forms = make_forms(200)
    forms["split"] = np.where(np.arange(200) < 150, "train", np.where(np.arange(200) < 175, "validation", "test"))
    forms.loc[0, FIELDS] = [" ".join(ALONE * 2), " ".join([*ALONE, "maçon"]), ALONE[0]]
    forms.loc[10:13, "employer"] = " ".join(FEW)
    forms.loc[20:25, "employer"] = " ".join(ENOUGH)
    return forms


def published(folder: Path, **process: int) -> Path:
    """The folder of a published version of a run on these forms."""
    with_canaries().to_csv(folder / "forms.csv", index=False)
    plan = tiny_plan(folder)
    source = FileSource(path=str(folder / "forms.csv"), id="form", columns=FIELDS, target="label")
    source.split.column = "split"
    plan = replace(plan, source=source, process=Tokens(**process))  # type: ignore[arg-type]
    run_id = full(plan).run_id
    assert isinstance(plan.store, LocalStore)
    publish(plan.store, Run.open(plan.store, RunId.parse(run_id)), "forms", threshold=0.5)
    return folder / "store" / "published" / "forms" / "1"


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `version`, by a process that keeps everything: what the test measures is there to be measured."""
    return published(tmp_path_factory.mktemp("told"), min_records=1, min_count=1)


def recognised(version: Path, words: list[str]) -> list[str]:
    """The words that somebody who has the file can tell to be in its n-gram table: by their hash, or all n-grams."""
    arrays = load_file(version / "process" / "ngrams.safetensors")
    items = set(arrays["items.hashes"].tolist())
    characters = set(arrays["characters.hashes"].tolist())
    found = []
    for word in words:
        whole = word_keys(WordTable.of_words([word]))
        hashes, _ = characters_of_words([word], 2, 5)
        if items & {int(whole[0] ^ key) for key in field_keys(len(FIELDS))} or set(hashes.tolist()) <= characters:
            found.append(word)
    return found


def test_no_word_in_clear_that_fewer_than_five_records_hold(version, told):
    for folder in (version, told):
        for path in folder.rglob("*"):
            data = path.read_bytes().lower() if path.is_file() else b""
            assert not [word for word in [*ALONE, *FEW] if word.encode() in data], path
    vocabulary = json.loads((version / "process" / "vocabulary.json").read_text(encoding="utf-8"))
    assert {"bibliotheque", "numerique"} <= set(vocabulary["words"])
    forms = with_canaries().query("split == 'train'")[FIELDS]
    cleaned = clean_table(forms, tiny_plan(version).cleaners.values())
    for word in vocabulary["words"]:
        held = cleaned.fillna("").apply(lambda column, word=word: column.str.split().map(lambda found: word in found))
        assert held.any(axis=1).sum() >= 5, word


def test_no_golden_text_that_fewer_than_five_records_hold(version):
    golden = [item["record"] for item in json.loads((version / "golden.json").read_text(encoding="utf-8"))]
    assert len(golden) == 8
    forms = with_canaries()
    train = forms[forms["split"] == "train"]
    for record in golden:
        for name, text in record.items():
            assert text is None or (train[name] == text).sum() >= 5
    real = set(forms[FIELDS].fillna("").itertuples(index=False, name=None))
    assert not [record for record in golden if tuple(record[name] or "" for name in FIELDS) in real]


def test_no_word_of_one_record_is_recognised_in_the_table_of_ngrams(version, told):
    assert recognised(version, ALONE) == []
    assert recognised(told, ALONE) == ALONE
    assert recognised(version, ["bibliotheque"]) == ["bibliotheque"]


def test_a_rare_word_is_known_by_its_hash_from_min_records_on(version):
    rare = json.loads((version / "process" / "vocabulary.json").read_text(encoding="utf-8"))["rare"]
    hashes = {word: int(WordTable.of_words([word]).hashes[0]) for word in [*FEW, *ALONE]}
    assert [word for word in hashes if hashes[word] in rare] == FEW


@pytest.mark.parametrize(
    "process",
    [
        Tokens(min_count=1),
        Tfidf(),
        Bigrams(),
        Embedding(dim=3, epochs=1, min_count=1),
        Subword(),
        Union(parts={"embedding": {"_target_": "embedding", "min_count": 1, "dim": 3, "epochs": 1}}, min_records=3),
    ],
    ids=lambda process: process.conf_name,
)
def test_no_process_keeps_a_word_of_one_record(process: Process, tmp_path):
    forms = with_canaries()
    process.fit_columns(from_frame(forms[FIELDS]), forms["label"])
    process.save(tmp_path)
    kept = b"".join(path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file())
    assert not [word for word in [*ALONE, *FEW] if word.encode() in kept]
    keys = word_keys(WordTable.of_words(ALONE))
    assert not [key for key in [*keys, *WordTable.of_words(ALONE).hashes] if key.astype("<u8").tobytes() in kept]


def test_what_is_published_states_its_number_and_an_office_can_ask_for_more(version):
    place = version.parents[3]
    assert json.loads((version / "manifest.json").read_text(encoding="utf-8"))["min_records"] == 2
    assert json.loads((version / "pipeline.json").read_text(encoding="utf-8"))["min_records"] == 2
    run_id = json.loads((version / "manifest.json").read_text(encoding="utf-8"))["run_id"]
    refused = call("publish.py", f"run_id={run_id}", "name=forms", "threshold=0.5", "min_records=3", cwd=place)
    assert refused.returncode == 2
    assert "that only 2 training records hold" in refused.stderr
    assert "process.min_records=3" in refused.stderr
    assert not (version.parent / "2").exists()
    done = call("publish.py", f"run_id={run_id}", "name=forms", "threshold=0.5", "min_records=2", cwd=place)
    assert done.returncode == 0, done.stderr
    assert "min_records 2" in done.stdout


def test_a_run_of_an_earlier_version_does_not_say_its_number(trained, tmp_path):
    store = LocalStore(root=str(Path(__file__).parent / "artefacts" / "2.2.2" / "store"))
    run = Run.open(store, RunId.parse("2026-11-26_1"))
    with pytest.raises(UserError, match="does not say how many training records hold what its model keeps"):
        publish(LocalStore(root=str(tmp_path)), run, "forms", threshold=0.5, min_records=1)
