"""Word vectors that went through a store: fetched, checked, and reduced as the original would be."""

from pathlib import Path

import fasttext
import numpy as np
import pytest

from helpers.fasttext_models import train_bin
from libelle.errors import UserError
from libelle.stores.base import Store
from libelle.vectors.fasttext_format import BinFile
from libelle.vectors.sources import WordVectors


def machine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory and an empty cache."""
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    return folder


def test_a_model_is_reduced_bit_for_bit_after_it_went_through_the_store(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = machine(tmp_path / "first", monkeypatch)
    original = train_bin(first / "fasttext" / "cc.fr.12.bin")
    WordVectors(source="store", dim=12).prepare(store)
    assert {entry.key for entry in store.list("fasttext/")} == {
        "fasttext/cc.fr.12.bin",
        "fasttext/cc.fr.12.bin.sha256",
    }
    BinFile.open(original).reduce(5, tmp_path / "expected.bin")

    machine(tmp_path / "second", monkeypatch)
    reduced = WordVectors(source="store", dim=5).prepare(store)
    assert reduced is not None
    assert reduced.read_bytes() == (tmp_path / "expected.bin").read_bytes()

    machine(tmp_path / "third", monkeypatch)
    fetched = WordVectors(source="store", dim=5).prepare(store)
    assert fetched is not None
    assert fetched.read_bytes() == (tmp_path / "expected.bin").read_bytes()
    again = fasttext.load_model(str(fetched))
    np.testing.assert_array_equal(again.get_input_matrix(), BinFile.open(tmp_path / "expected.bin").input)


def test_an_altered_model_is_refused(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = machine(tmp_path / "first", monkeypatch)
    original = train_bin(first / "fasttext" / "cc.fr.12.bin")
    WordVectors(source="store", dim=12).prepare(store)
    data = original.read_bytes()
    store.put("fasttext/cc.fr.12.bin", data[:-1] + bytes([data[-1] ^ 1]))
    machine(tmp_path / "second", monkeypatch)
    with pytest.raises(UserError, match=r"cc\.fr\.12\.bin .*altered"):
        WordVectors(source="store", dim=12).prepare(store)


def test_a_store_without_a_model_says_how_to_put_one_there(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(tmp_path / "first", monkeypatch)
    with pytest.raises(UserError, match=r"no fasttext/cc\.fr\.100\.bin"):
        WordVectors(source="store").prepare(store)
