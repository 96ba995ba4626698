"""Processes that make matrices: what they hold, that they come back as saved, and what they do with odd fields."""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from helpers.matrices import FIELDS, dense, labels, one_field
from helpers.tiny import make_forms
from libelle import memory as room
from libelle.components import build, describe
from libelle.errors import UserError
from libelle.feature_files import load_features, save_features
from libelle.processes.base import Process
from libelle.processes.bigrams import Bigrams
from libelle.processes.doc2vec import Doc2Vec
from libelle.processes.embedding import Embedding
from libelle.processes.fasttext_mean import FastTextMean
from libelle.processes.subword import Subword
from libelle.processes.tfidf import Tfidf
from libelle.processes.tokens import Tokens
from libelle.processes.union import Union
from libelle.stores.local import LocalStore
from libelle.vectors.sources import WordVectors

PROCESSES: dict[str, Callable[[], Process]] = {
    "tfidf": Tfidf,
    "tfidf fused": lambda: Tfidf(fused=True, char_ngrams_max=0),
    "bigrams": Bigrams,
    "doc2vec": lambda: Doc2Vec(vector_size=6, epochs=4),
    "doc2vec dm": lambda: Doc2Vec(vector_size=6, epochs=4, dm=True),
    "embedding": lambda: Embedding(dim=5, epochs=2),
    "fasttext_mean": lambda: FastTextMean(WordVectors(dim=6, epochs=2, buckets=1000)),
    "union": lambda: Union(parts={"tfidf": describe(Tfidf()), "embedding": describe(Embedding(dim=5, epochs=2))}),
}
every_process = pytest.mark.parametrize("make", PROCESSES.values(), ids=PROCESSES.keys())


@pytest.fixture(scope="module")
def forms() -> pd.DataFrame:
    return make_forms()


@pytest.fixture(scope="module")
def fitted(forms) -> dict[str, Process]:
    return {name: make().fit(forms[FIELDS], forms["label"]) for name, make in PROCESSES.items()}


@pytest.fixture(params=PROCESSES.keys())
def process(request, fitted) -> Process:
    return fitted[request.param]


def test_a_saved_process_encodes_as_before_and_keeps_no_pickle_and_no_text(process, forms, tmp_path):
    process.save(tmp_path)
    loaded = build(describe(process), Process, "process").load(tmp_path)
    expected = dense(process.transform(forms[FIELDS]))
    assert np.array_equal(dense(loaded.transform(forms[FIELDS])), expected)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".safetensors"}
    texts = [text for field in FIELDS for text in forms[field].dropna().unique() if " " in text]
    assert not [text for text in texts for path in files if text.encode() in path.read_bytes()]


def test_missing_empty_and_unknown_texts_are_distinguished(process):
    nothing = pd.DataFrame({"employer": [None, "", "zzzq"], "job": ["x"] * 3, "town": ["y"] * 3}, dtype="str")
    rows = dense(process.transform(nothing))
    assert len(np.unique(rows, axis=0)) == 3
    assert np.isfinite(rows).all()


def test_each_row_is_encoded_on_its_own(process, forms):
    together = dense(process.transform(forms[FIELDS]))
    for row in (0, 7, 30):
        assert np.allclose(dense(process.transform(forms[FIELDS].iloc[[row]]))[0], together[row], atol=1e-7)
    assert dense(process.transform(forms[FIELDS].iloc[:0])).shape == (0, together.shape[1])


def test_threads_do_not_disturb_each_other(process, forms):
    expected = dense(process.transform(forms[FIELDS]))
    with ThreadPoolExecutor(4) as pool:
        results = list(
            pool.map(lambda table: dense(process.transform(table)), [forms[FIELDS].copy() for _ in range(8)])
        )
    assert all(np.array_equal(result, expected) for result in results)


def test_features_come_back_from_the_base(process, forms, tmp_path):
    features = process.transform(forms[FIELDS])
    save_features(features, tmp_path)
    assert np.array_equal(dense(load_features(tmp_path)), dense(features))


@every_process
def test_two_fits_are_equal(make, forms):
    first, second = (make().fit(forms[FIELDS], forms["label"]).transform(forms[FIELDS]) for _ in range(2))
    assert np.array_equal(dense(first), dense(second))


@every_process
@pytest.mark.parametrize("text", [None, "", "..."], ids=["missing", "empty", "one word"])
def test_a_field_that_never_says_anything(make, text):
    table = pd.DataFrame({"job": ["chef de rang", "chef"] * 4, "town": [text] * 8}, dtype="str")
    fitted = make().fit(table, labels(8))
    seen = pd.DataFrame({"job": ["chef", "chef"], "town": [text, "lyon"]}, dtype="str")
    assert np.isfinite(dense(fitted.transform(seen))).all()


@every_process
def test_a_text_of_a_megabyte(make):
    long = "peintre en bâtiment " * 52_429
    word = "x" * (1 << 16)  # a word of a megabyte has millions of n-grams, which gensim takes a minute for
    table = one_field("chef de rang", "chef", long, word, "peintre")
    others = one_field("chef de rang", "chef", long, word, "peintre", *["chef de rang", "peintre"] * 5)
    result = dense(make().fit(others, labels(15)).transform(table))
    assert np.isfinite(result).all()
    assert len(np.unique(result, axis=0)) >= 3


@every_process
def test_a_label_of_one_row(make):
    table = one_field("chef", "chef", "maire", "maire")
    fitted = make().fit(table, pd.Series(["a", "a", "a", "b"], dtype="str"))
    assert np.isfinite(dense(fitted.transform(table))).all()


@pytest.mark.parametrize(
    "process",
    [
        Tfidf(min_df=9),
        Bigrams(min_df=9),
        Doc2Vec(vector_size=3, min_count=9),
        Embedding(dim=3, min_count=9),
    ],
    ids=["tfidf", "bigrams", "doc2vec", "embedding"],
)
def test_a_vocabulary_without_words_leaves_the_flags(process, tmp_path):
    table = one_field("chef de rang", None, "")
    rows = dense(process.fit(table, labels(3)).transform(table))
    assert rows[:, -2:].tolist() == [[0, 0], [1, 0], [0, 1]]
    assert not rows[:, :-2].any()
    process.save(tmp_path)
    loaded = build(describe(process), Process, "process").load(tmp_path)
    assert np.array_equal(dense(loaded.transform(table)), rows)


def test_doc2vec_infers_as_gensim_does(fitted, monkeypatch):
    from gensim.models import doc2vec

    for name in ("doc2vec", "doc2vec dm"):
        process = fitted[name]
        assert isinstance(process, Doc2Vec)
        words = process.model_.wv.index_to_key[:3]
        ours = process.encode("job", [" ".join(words)])[0]
        start = process.start(words)
        monkeypatch.setattr(doc2vec, "pseudorandom_weak_vector", lambda *_, start=start, **__: start[0])
        process.model_.random = np.random.RandomState(process.seed)
        assert np.array_equal(process.model_.infer_vector(words), ours)


def test_embeddings_know_the_labels():
    table = one_field(*["chef", "maire"] * 40)
    process = Embedding(dim=4, lr=0.1).fit(table, labels(80))
    chef, maire = dense(process.transform(one_field("chef", "maire")))[:, :-2]
    assert chef @ maire < 0 < chef @ chef
    # An average: how often a word is said, and words never seen, make no difference.
    assert np.allclose(process.encode("job", ["chef xyz chef"])[0], chef)


SCRIPT = """
import hashlib, pandas as pd
from libelle.processes.doc2vec import Doc2Vec
from libelle.processes.subword import Subword
table = pd.DataFrame({"job": ["chef de rang", "chef", "maire de lyon", "maire", "aide à domicile"] * 3}, dtype="str")
vectors = Doc2Vec(vector_size=4, epochs=3).fit(table, None).transform(table).matrix["job"]
parts = Subword(vocab_size=40).fit(table, None).transform(table).words["job"].ids.tolist()
print(hashlib.sha256(vectors.tobytes() + str(parts).encode()).hexdigest())
"""


@pytest.mark.slow
def test_other_processes_of_python_get_the_same():
    """Python's own hash of a text, which gensim uses, is another in each."""
    printed = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1


@pytest.mark.parametrize("make", [Doc2Vec, FastTextMean])
def test_a_missing_library_is_said_before_any_data_is_read(make, monkeypatch, tmp_path):
    for module in ("gensim", "gensim.models", "gensim.models.doc2vec", "gensim.models.fasttext"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=r"gensim.*libelle\["):
        make().prepare(LocalStore(root=str(tmp_path)))


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("tfidf", "process.char_ngrams_max"),
        ("tfidf fused", "process.max_features"),
        ("doc2vec", "process.vector_size"),
        ("embedding", "process.dim"),
        ("fasttext_mean", "process.vectors.dim"),
    ],
)
def test_what_does_not_fit_into_memory_is_refused_before_it_is_made(fitted, forms, monkeypatch, name, setting):
    monkeypatch.setattr(room, "available_memory", lambda: 100)
    with pytest.raises(UserError, match=f"memory.*{setting}"):
        fitted[name].transform(forms[FIELDS])


@pytest.mark.parametrize(
    ("process", "setting"),
    [
        (Tfidf(), "process.char_ngrams_max"),
        (Tokens(), "process.char_ngrams_max"),
        (Subword(vocab_size=100), "process.char_ngrams_max"),
        (Doc2Vec(), "process.vector_size"),
        (Embedding(), "process.dim or process.max_words"),
        (FastTextMean(), "process.vectors.dim"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_does_not_fit_while_it_is_learnt_is_refused_before(process, setting, forms, monkeypatch):
    monkeypatch.setattr(room, "available_memory", lambda: 100)
    with pytest.raises(UserError, match=f"memory.*{setting}"):
        process.fit(forms[FIELDS], forms["label"])
