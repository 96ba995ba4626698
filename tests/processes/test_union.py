"""The process `union`: how its parts are named and set on the command line, and what is refused."""

import json

import numpy as np
import pandas as pd
import pytest

from helpers.pairs import composed
from helpers.scripts import call
from helpers.tiny import tiny_plan
from libelle import memory as room
from libelle.components import build, describe
from libelle.errors import UserError
from libelle.models.linear import LogisticRegression
from libelle.processes.base import Process
from libelle.processes.bigrams import Bigrams
from libelle.processes.tfidf import Tfidf
from libelle.processes.tokens import Tokens
from libelle.processes.union import Union, choose_parts
from libelle.stores.local import LocalStore
from libelle.training.plan import Provenance
from libelle.training.schema import build_plan
from libelle.training.workflow import prepare, train

pytestmark = pytest.mark.usefixtures("hydra_restore_singletons")


def union(*overrides: str) -> Process:
    # No model of matrices is needed to look at the process.
    return build(choose_parts(composed("process=union", *overrides)["process"]), Process, "process")


def test_parts_are_those_named_in_this_order_each_with_its_own_keys():
    process = union("process.parts=[bigrams,tfidf]", "process.tfidf.min_df=2", "process.bigrams.weight=presence")
    assert isinstance(process, Union)
    assert process.processes_ == {"bigrams": Bigrams(weight="presence"), "tfidf": Tfidf(min_df=2)}
    assert list(process.processes_) == ["bigrams", "tfidf"]
    checked = build_plan(Provenance(composed("process=union", "process.parts=[tfidf]", "model=logreg"))).process
    assert describe(checked)["parts"] == {"tfidf": describe(Tfidf())}


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("process.parts=[tfidf,tfdif]", ["tfdif", "bigrams, doc2vec"]),
        ("process.parts=[tfidf,tokens]", ["process.parts: tokens"]),
        ("process.parts=[tfidf,bigrams,tfidf]", ["names tfidf twice"]),
        ("process.parts=[]", ["process.parts=[]"]),
        ("process.parts=tfidf", ["process.parts=tfidf is not a list"]),
        ("process.tfidf.min_df=0", ["process.tfidf.min_df=0", "write a number of at least 1."]),
        ("+process.tfidf.mindf=1", ["process.tfidf.mindf", "min_df"]),
        ("process.tfidf.char_ngrams_max=1", ["process.tfidf.char_ngrams_max=1", "process.tfidf.char_ngrams_min=2"]),
        ("process.fasttext_mean.vectors.path=x", ["process.fasttext_mean.vectors.source=path"]),
    ],
)
def test_a_wrong_part_is_named_in_one_sentence(override, words):
    with pytest.raises(UserError) as error:
        union("process.parts=[tfidf,fasttext_mean]", override)
    assert all(word in str(error.value) for word in words), error.value


@pytest.mark.parametrize(
    ("part", "setting"),
    [
        ("tfidf", "process.tfidf.max_features"),
        ("bigrams", "process.bigrams.max_features"),
        ("doc2vec", "process.doc2vec.vector_size"),
        ("embedding", "process.embedding.dim"),
        ("fasttext_mean", "process.fasttext_mean.vectors.dim"),
    ],
)
def test_what_does_not_fit_is_said_with_the_key_of_the_part(part, setting, monkeypatch):
    table = pd.DataFrame({"job": ["chef de rang", "chef", None]}, dtype="str")
    target = pd.Series(["0", "1", "0"], dtype="str")
    process = union(f"process.parts=[{part}]", "process.tfidf.char_ngrams_max=0").fit(table, target)
    monkeypatch.setattr(room, "available_memory", lambda: 10)
    with pytest.raises(UserError, match=rf"^process\.{part}: the matrix .*{setting}"):
        process.transform(table)


def test_a_model_names_the_keys_of_the_parts_that_make_it_small(tmp_path, monkeypatch):
    plan = tiny_plan(
        tmp_path, process=union("process.parts=[bigrams,embedding]"), model=LogisticRegression(), cleaners={}
    )
    prepare(plan)
    monkeypatch.setattr(room, "available_memory", lambda: 100)
    with pytest.raises(UserError, match=r"memory.*process\.bigrams\.max_features, or lower process\.embedding\.dim"):
        train(plan)


def test_a_source_of_vectors_that_is_not_there_is_said_with_the_key_of_the_part(tmp_path):
    process = union("process.parts=[fasttext_mean]", "process.fasttext_mean.vectors.source=path")
    with pytest.raises(UserError, match=r"set process\.fasttext_mean\.vectors\.path"):
        process.prepare(LocalStore(root=str(tmp_path)))


@pytest.mark.parametrize("mode", ["full", "prepare"])
def test_a_key_of_a_process_that_is_no_part_is_refused(mode, tmp_path):
    keys = ["process.parts=[tfidf,bigrams]", "process.tfidf.min_df=2", "process.doc2vec.vector_size=7"]
    answer = call("train.py", "process=union", "model=logreg", f"mode={mode}", *keys, cwd=tmp_path)
    assert answer.returncode == 2
    assert answer.stderr == (
        "process.doc2vec.vector_size was given, and doc2vec is no part of process.parts=[tfidf,bigrams]; leave it out, "
        "or write process.parts=[tfidf,bigrams,doc2vec].\n"
    )


def test_processes_without_a_matrix_are_refused_also_in_python():
    for process in (Tokens(), Union(parts={"tfidf": describe(Tfidf())})):
        with pytest.raises(UserError, match=r"process\.parts: other makes no matrix"):
            Union(parts={"other": describe(process)})


def test_matrices_are_those_of_the_parts_named_after_them(tmp_path):
    table = pd.DataFrame({"job": ["chef de rang", None], "town": ["lyon", "paris"]}, dtype="str")
    target = pd.Series(["0", "1"], dtype="str")
    process = union("process.parts=[tfidf,bigrams]").fit(table, target)
    matrix = process.transform(table).matrix
    assert matrix is not None
    assert list(matrix) == ["tfidf.job", "tfidf.town", "bigrams.job", "bigrams.town"]
    for name, part in {"tfidf": Tfidf(), "bigrams": Bigrams()}.items():
        for field, alone in (part.fit(table, target).transform(table).matrix or {}).items():
            assert np.array_equal(matrix[f"{name}.{field}"].toarray(), alone.toarray())
    process.save(tmp_path)
    node = json.loads(json.dumps(describe(process)))
    loaded = build(node, Process, "process").load(tmp_path).transform(table).matrix
    assert loaded is not None
    assert all(np.array_equal(loaded[name].toarray(), part.toarray()) for name, part in matrix.items())
