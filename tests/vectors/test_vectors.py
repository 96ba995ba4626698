"""Word vectors: fastText's file read in place, its numbers, its reduction; each source, and what it says when short."""

import os
from pathlib import Path
from typing import Any

import fasttext
import fasttext.util
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.fasttext_models import WORDS, table, texts, train_bin
from libelle import memory as room
from libelle.errors import UserError
from libelle.vectors.fasttext_format import BinFile
from libelle.vectors.sources import WordVectors
from libelle.vectors.table import VectorTable, subwords

SMALL = {"dim": 8, "epochs": 1, "buckets": 200}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_bin(tmp_path_factory.mktemp("bin") / "cc.fr.12.bin")


@pytest.fixture(scope="module")
def both(original: Path) -> tuple[Any, BinFile]:
    """The model as fastText reads it, and as we do."""
    return fasttext.load_model(str(original)), BinFile.open(original)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_vectors_are_those_of_fasttext(original: Path) -> None:
    library = fasttext.load_model(str(original))
    kept = [*WORDS, "boulangeries", "中", "z"]
    vectors, known = VectorTable.of(BinFile.open(original), kept, []).lookup(kept)
    expected = np.array([library.get_word_vector(word) for word in kept])
    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    assert known.all()


@given(word=st.text(st.characters(exclude_categories=["Cs", "Z", "Cc"]), min_size=1, max_size=12))
def test_ngrams_are_those_of_fasttext(both: tuple[Any, BinFile], word: str) -> None:
    library, model = both
    buckets, _ = subwords([word], model.buckets, model.shortest, model.longest)
    _, rows = library.get_subwords(word)
    assert sorted(buckets + model.words) == sorted(row for row in rows if row >= model.words)


def test_words_first_seen_at_runtime_have_the_ngrams_that_were_seen(original: Path, tmp_path: Path) -> None:
    model = BinFile.open(original)
    whole = VectorTable.of(model, WORDS, WORDS)
    whole.save(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}
    words = ["boulangeries", "mairies", "☃☃☃", "chef"]
    for part in (whole, VectorTable.load(tmp_path)):
        vectors, known = part.lookup(words)
        assert known.tolist() == [True, True, False, True]
        assert not vectors[2].any()
        seen = set(subwords(WORDS, model.buckets, model.shortest, model.longest)[0])
        own, _ = subwords(["mairies"], model.buckets, model.shortest, model.longest)
        expected = model.input[[model.words + bucket for bucket in own if bucket in seen]].mean(axis=0)
        np.testing.assert_allclose(vectors[1], expected, atol=1e-6)
    assert not VectorTable.of(model, WORDS, []).lookup(["mairies"])[1].any()


def test_reduction_explains_as_much_as_fasttexts_own(original: Path, tmp_path: Path) -> None:
    BinFile.open(original).reduce(5, tmp_path / "reduced.bin")
    ours = fasttext.load_model(str(tmp_path / "reduced.bin"))
    library = fasttext.util.reduce_model(fasttext.load_model(str(original)), 5)
    assert ours.get_dimension() == 5
    assert ours.words == library.words
    assert ours.get_output_matrix().shape == library.get_output_matrix().shape
    mine, theirs = (model.get_input_matrix().astype(np.float64) for model in (ours, library))
    whole = BinFile.open(original).input.astype(np.float64)
    best = np.linalg.eigvalsh(np.cov(whole, rowvar=False))[::-1][:5].sum()
    assert mine.var(axis=0, ddof=1).sum() == pytest.approx(best, rel=1e-5)
    assert mine.var(axis=0, ddof=1).sum() >= theirs.var(axis=0, ddof=1).sum() * (1 - 1e-5)


def test_reduction_to_all_dimensions_only_turns_the_vectors(original: Path, tmp_path: Path) -> None:
    """The projection of the library, and ours, span the same space when nothing is left out."""
    BinFile.open(original).reduce(12, tmp_path / "turned.bin")
    mine = BinFile.open(tmp_path / "turned.bin").input
    theirs = fasttext.util.reduce_model(fasttext.load_model(str(original)), 12).get_input_matrix()
    np.testing.assert_allclose(mine @ mine.T, theirs @ theirs.T, atol=1e-4)


def test_reduction_goes_block_by_block(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    BinFile.open(original).reduce(5, tmp_path / "whole.bin")
    monkeypatch.setattr("libelle.vectors.fasttext_format._BLOCK_ROWS", 7)
    BinFile.open(original).reduce(5, tmp_path / "blocks.bin")
    whole, blocks = (BinFile.open(tmp_path / name).input for name in ("whole.bin", "blocks.bin"))
    np.testing.assert_allclose(whole, blocks, atol=1e-6)


@pytest.mark.parametrize("cut", [0, 3, 60, 200, -1])
def test_a_damaged_file_is_one_sentence(original: Path, tmp_path: Path, cut: int) -> None:
    (tmp_path / "cut.bin").write_bytes(original.read_bytes()[:cut])
    with pytest.raises(UserError, match=r"cut\.bin"):
        BinFile.open(tmp_path / "cut.bin")


def test_a_quantised_model_is_refused(tmp_path: Path) -> None:
    lines = tmp_path / "labels.txt"
    lines.write_text("\n".join(f"__label__{i % 2} {text}" for i, text in enumerate(texts())) + "\n", encoding="utf-8")
    model = fasttext.train_supervised(str(lines), dim=8, thread=10, verbose=0, bucket=490, minn=2, maxn=4)
    model.quantize()
    model.save_model(str(tmp_path / "small.ftz"))
    with pytest.raises(UserError, match="quantised"):
        BinFile.open(tmp_path / "small.ftz")


def test_trained_vectors_are_the_same_each_time() -> None:
    frame = table(*texts(100), None, "", "  ")
    first, second = (WordVectors(**SMALL).fit(frame, WORDS, WORDS) for _ in range(2))
    np.testing.assert_array_equal(first.vectors, second.vectors)
    np.testing.assert_array_equal(first.ngram_vectors, second.ngram_vectors)
    other = WordVectors(**SMALL, seed=2).fit(frame, WORDS, WORDS)
    assert (other.vectors != first.vectors).any()
    assert np.isfinite(first.vectors).all()


@pytest.mark.parametrize("values", [[None, None], ["", " "], ["x"], ["a", "b"], ["é" * 100_000], ["a\0b c", "d"]])
def test_odd_texts_are_trained_on(values: list[str | None]) -> None:
    words = sorted({word for text in values if text for word in text.split()})
    vectors, known = WordVectors(**SMALL).fit(table(*values), words, words).lookup([*words, "☃"])
    assert vectors.shape == (len(words) + 1, 8)
    assert np.isfinite(vectors).all()
    assert known.tolist() == [True] * len(words) + [False]


def test_the_conventional_file_is_found(here: Path, original: Path) -> None:
    with pytest.raises(UserError, match=r"fasttext/cc\.fr\.8\.bin"):
        WordVectors(source="path", dim=8).prepare()
    (here / "fasttext").mkdir()
    (here / "fasttext" / "cc.fr.12.bin").write_bytes(original.read_bytes())
    assert WordVectors(source="path", dim=12).prepare() == Path("fasttext/cc.fr.12.bin")
    assert WordVectors(source="path", dim=8).prepare() == Path("fasttext/cc.fr.8.bin")
    assert BinFile.open(Path("fasttext/cc.fr.8.bin")).dim == 8
    assert not list(here.glob("fasttext/.tmp*"))


def test_a_reduced_file_is_used_again_until_the_original_is_newer(here: Path, original: Path) -> None:
    mine = here / "mine.bin"
    mine.write_bytes(original.read_bytes())
    vectors = WordVectors(source="path", path=str(mine), dim=5)
    reduced = vectors.prepare()
    assert reduced == Path("fasttext/mine.5.bin")
    before = reduced.stat().st_mtime_ns
    assert vectors.prepare() == reduced
    assert reduced.stat().st_mtime_ns == before
    os.utime(mine, ns=(before + 1_000_000_000, before + 1_000_000_000))
    vectors.prepare()
    assert reduced.stat().st_ino
    assert reduced.stat().st_mtime_ns != before


def test_a_file_has_the_dimensions_of_its_name(here: Path, original: Path) -> None:
    (here / "fasttext").mkdir()
    (here / "fasttext" / "cc.fr.8.bin").write_bytes(original.read_bytes())
    with pytest.raises(UserError, match="12 dimensions"):
        WordVectors(source="path", dim=8).prepare()
    with pytest.raises(UserError, match=r"process\.vectors\.dim=20"):
        WordVectors(source="path", path=str(original), dim=20).prepare()


def test_a_download_goes_where_the_next_run_finds_it(
    here: Path, original: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def download(language: str, if_exists: str) -> str:
        print("Downloading")
        Path(f"cc.{language}.300.bin").write_bytes(original.read_bytes())
        return f"cc.{language}.300.bin"

    monkeypatch.setattr(fasttext.util, "download_model", download)
    for name in ("require_disk", "require_memory"):
        monkeypatch.setattr(f"libelle.vectors.sources.{name}", lambda *_: None)
    assert WordVectors(source="download", dim=8).prepare() == Path("fasttext/cc.fr.8.bin")
    assert sorted(path.name for path in here.rglob("*") if path.is_file()) == ["cc.fr.300.bin", "cc.fr.8.bin"]
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(fasttext.util, "download_model", None)
    assert WordVectors(source="download", dim=8).prepare() == Path("fasttext/cc.fr.8.bin")


def test_a_download_that_fails_leaves_nothing(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(*_: object, **__: object) -> str:
        Path("cc.fr.300.bin.gz.part").write_bytes(b"half")
        raise OSError("no route to host")

    monkeypatch.setattr(fasttext.util, "download_model", download)
    for name in ("require_disk", "require_memory"):
        monkeypatch.setattr(f"libelle.vectors.sources.{name}", lambda *_: None)
    with pytest.raises(UserError, match="no route to host"):
        WordVectors(source="download").prepare()
    assert not [path for path in here.rglob("*") if path.is_file()]


def test_a_download_asks_for_room_first(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fasttext.util, "download_model", None)
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 5_000_000_000})())
    with pytest.raises(UserError, match=r"12\.0 GB of disk .* 5\.0 GB are free"):
        WordVectors(source="download").prepare()
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 50_000_000_000})())
    monkeypatch.setattr(room, "available_memory", lambda: 200_000_000)
    with pytest.raises(UserError, match=r"1\.0 GB of memory and 0\.2 GB are available"):
        WordVectors(source="download").prepare()


def test_too_large_a_table_says_which_setting_makes_it_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "available_memory", lambda: 1_000_000)
    with pytest.raises(UserError, match=r"process\.vectors\.dim or process\.vectors\.buckets"):
        WordVectors().fit(table("a b"), ["a", "b"], ["a", "b"])


@pytest.mark.parametrize(("version", "files"), [(2, "inactive_file"), (1, "total_inactive_file")])
def test_the_limit_of_a_container_counts(
    version: int, files: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = tmp_path / "limit", tmp_path / "used", tmp_path / "stat"
    for path, text in zip(names, ("5000\n", "3000\n", f"anon 2900\n{files} 100\n"), strict=True):
        path.write_text(text)
    groups = [("none", "none", "none")] * 2
    groups[version % 2] = tuple(map(str, names))
    monkeypatch.setattr(room, "_GROUPS", groups)
    assert room.available_memory() == 5000 - 3000 + 100
    (tmp_path / "limit").write_text("max\n")
    assert room.available_memory() > 5000


def test_contradicting_keys_are_one_sentence() -> None:
    with pytest.raises(UserError, match=r"process\.vectors\.path=x\.bin"):
        WordVectors(path="x.bin")
    with pytest.raises(UserError, match=r"process\.vectors\.dim=400"):
        WordVectors(source="download", dim=400)
