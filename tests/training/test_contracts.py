"""What components return that somebody else wrote: each mistake is a sentence, and never a run that looks fine."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from helpers.tiny import tiny_plan
from libelle.errors import UserError
from libelle.features import Dataset, Features
from libelle.memory import NoRoomError
from libelle.models import linear
from libelle.models.linear import LogisticRegression
from libelle.pipeline import Pipeline
from libelle.processes.matrices import MatrixProcess
from libelle.processes.tfidf import Tfidf
from libelle.runs.run_list import manifests
from libelle.samplers.rows import Sampler
from libelle.training.workflow import fit_alone, full

Change = Callable[[Any], Any]


@dataclass
class Scores(LogisticRegression):
    """Returns something else than probabilities."""

    conf_name = "logreg"
    change: ClassVar[Change]

    def predict_proba(self, features: Features) -> Any:
        return type(self).change(super().predict_proba(features))


@dataclass
class Encodes(Tfidf):
    """Returns something else than features."""

    conf_name = "tfidf"
    change: ClassVar[Change]

    def transform(self, table: pd.DataFrame) -> Any:
        return type(self).change(super().transform(table))


@dataclass
class Draws(Sampler):
    """Returns something else than training rows."""

    conf_name = "oversample"
    change: ClassVar[Change]

    def sample(self, train: Dataset, seed: int) -> Any:
        return type(self).change(train)


def with_matrix(change: Change) -> Change:
    return lambda features: replace(features, matrix={name: change(one) for name, one in features.matrix.items()})


def with_nan(scores: np.ndarray) -> np.ndarray:
    scores[3] = np.nan
    return scores


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (with_nan, r"no probabilities for 1 of \d+ rows, the first of them nan, nan"),
        (lambda scores: scores * 2, "no probabilities"),
        (lambda scores: scores - 0.2, "no probabilities"),
        (lambda scores: scores[:-1], r"an array of shape \(\d+, 2\) for \d+ rows and 2 labels"),
        (lambda scores: scores[:, 1], r"an array of shape \(\d+,\)"),
        (lambda scores: scores.T, "an array of shape"),
        (lambda scores: scores.round().astype(int), "int64 in place of float32"),
        (lambda scores: scores.tolist(), "a list, which is no array"),
        (lambda scores: None, "a NoneType, which is no array"),
    ],
)
def test_scores_that_are_no_probabilities_are_refused(change: Change, words: str, tmp_path: Path) -> None:
    Scores.change = staticmethod(change)
    with pytest.raises(UserError, match=rf"the model Scores returned {words}.*let predict_proba\(\) return"):
        fit_alone(tiny_plan(tmp_path, process=Tfidf(), model=Scores()))


def test_scores_of_scikit_learn_are_taken_as_they_are(tmp_path: Path) -> None:
    Scores.change = staticmethod(lambda scores: scores.astype(np.float64))
    pipeline = fit_alone(tiny_plan(tmp_path, process=Tfidf(), model=Scores()))
    assert pipeline.metrics["test"]["rows"] > 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda features: None, "a NoneType, which is no Features"),
        (lambda features: {"matrix": features.matrix}, "a dict, which is no Features"),
        (lambda features: replace(features, rows=features.rows + 1), "features of 121 rows for 120"),
        (lambda features: replace(features, matrix=None), "none of its blocks"),
        (lambda features: replace(features, texts=pd.DataFrame({"job": ["a"]})), "1 rows of 'texts' for 120"),
        (lambda features: replace(features, matrix=features.matrix["job"]), "a csr_array as 'matrix'"),
        (with_matrix(lambda one: one[:-1]), r"a matrix 'employer' of shape \(119, \d+\) for 120 rows"),
        (with_matrix(lambda one: one.astype(np.float64)), "float64 in the matrix 'employer'"),
        (with_matrix(scipy.sparse.csc_array), "a csc_array as the matrix 'employer'"),
        (with_matrix(lambda one: one.toarray().tolist()), "a list as the matrix 'employer'"),
        (with_matrix(lambda one: one * np.float32(np.nan)), "numbers that are not finite in the matrix 'employer'"),
        (with_matrix(lambda one: one[:, : 2 + one.shape[0] % 120 % 7]), r"\d columns in the matrix 'employer', and \d"),
    ],
)
def test_features_that_are_none_of_these_rows_are_refused(change: Change, words: str, tmp_path: Path) -> None:
    Encodes.change = staticmethod(change)
    with pytest.raises(UserError, match=rf"the process Encodes returned {words}.*let transform\(\) return"):
        fit_alone(tiny_plan(tmp_path, process=Encodes(), model=LogisticRegression()))


def test_a_matrix_without_a_row_for_each_text_is_refused(tmp_path: Path) -> None:
    @dataclass
    class Fewer(Tfidf):
        conf_name = "tfidf"

        def encode(self, field: str, texts: list[str]) -> scipy.sparse.csr_array:
            return super().encode(field, texts)[1:]

    assert issubclass(Fewer, MatrixProcess)
    with pytest.raises(UserError, match=r"the process Fewer encoded 8 texts as a csr_array of shape \(7, \d+\)"):
        fit_alone(tiny_plan(tmp_path, process=Fewer(), model=LogisticRegression()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda train: None, "a NoneType, which is no Dataset"),
        (lambda train: (train.features, train.targets), "a tuple, which is no Dataset"),
        (lambda train: train.take(np.arange(0)), "no rows"),
        (lambda train: train.take(train.targets == 1), r"features of \d+ rows for \d+ targets"),
        (lambda train: replace(train, targets=train.targets[:5]), r"features of \d+ rows for 5 targets"),
        (lambda train: replace(train, targets=train.targets + 1), "targets from 1 to 2, .* among 2 labels"),
        (lambda train: replace(train, targets=train.targets - 1), "targets from -1 to 0"),
        (lambda train: replace(train, targets=train.targets.astype(str)), "targets that are no array of whole"),
        (lambda train: replace(train, weights=-np.ones(len(train))), "weights that are not one number a row"),
        (lambda train: replace(train, weights=np.ones(3)), "weights that are not one number a row"),
    ],
)
def test_sampled_rows_that_cannot_be_trained_on_are_refused(change: Change, words: str, tmp_path: Path) -> None:
    Draws.change = staticmethod(change)
    with pytest.raises(UserError, match=rf"the sampler Draws returned {words}.*let sample\(\) return"):
        fit_alone(tiny_plan(tmp_path, process=Tfidf(), model=LogisticRegression(), sampler=Draws()))


def test_a_label_that_a_sampler_loses_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Draws.change = staticmethod(lambda train: train.take(np.flatnonzero(train.targets)))
    fit_alone(tiny_plan(tmp_path, process=Tfidf(), model=LogisticRegression(), sampler=Draws()))
    assert "the sampler Draws left no training row of 0, which cannot be learnt" in caplog.text


@dataclass
class Keeps(LogisticRegression):
    """Forgets something of what it has learnt, or takes other rows for something."""

    conf_name = "logreg"
    mistake: ClassVar[str]

    def predict_proba(self, features: Features) -> Any:
        scores = super().predict_proba(features)
        if self.mistake == "state" and not hasattr(self, "label_weights_"):  # which are there while it is fitted alone
            return scores[:, ::-1].copy()
        if self.mistake == "attribute":
            self.label_weights_.sum()
        if self.mistake == "chance":
            scores = np.random.default_rng().dirichlet(np.ones(2), len(scores)).astype(np.float32)
        if self.mistake == "others":
            scores = np.full_like(scores, [1 / len(scores), 1 - 1 / len(scores)])
        return scores

    def save(self, folder: Path) -> None:
        if self.mistake != "file":
            super().save(folder)

    def load(self, folder: Path) -> Any:
        return None if self.mistake == "nothing" else super().load(folder)


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        ("state", r"scores records differently once it was saved and loaded \(by .*let save\(\)"),
        ("chance", r"scores records differently once it was saved and loaded \(by .*equally each time"),
        ("attribute", r"cannot be loaded from what it has saved \(AttributeError: .*label_weights_.*let save\(\)"),
        ("file", r"cannot be loaded from what it has saved \(FileNotFoundError: .*classes\.json"),
        ("nothing", r"cannot be loaded from what it has saved \(AttributeError: .*return self"),
        ("others", r"scores a record alone differently than among others \(by .*look at each record by itself"),
    ],
)
def test_a_pipeline_that_does_not_come_back_as_it_was_is_not_kept(
    mistake: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear, "LogisticRegression", Keeps)  # which the name stands for when it is read back
    monkeypatch.setattr(Keeps, "mistake", mistake, raising=False)
    plan = tiny_plan(tmp_path, process=Tfidf(), model=Keeps())
    with pytest.raises(UserError, match=sentence):
        full(plan)
    (run,) = manifests(plan.store)
    assert run.status == "failed"
    pipeline = fit_alone(replace(plan, model=Keeps()))
    with pytest.raises(UserError, match=sentence):
        pipeline.save(tmp_path / "model")


@pytest.mark.parametrize(
    "error",
    [MemoryError("no room"), NoRoomError("no room"), RuntimeError("DefaultCPUAllocator: can't allocate memory")],
)
def test_a_finished_training_is_kept_where_memory_lacks_for_a_second_look(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(LogisticRegression, "load", fail)
    fit_alone(tiny_plan(tmp_path, process=Tfidf(), model=LogisticRegression())).save(tmp_path / "model")
    assert "what was saved is not read back, for want of memory" in caplog.text
    monkeypatch.undo()
    assert Pipeline.read(tmp_path / "model").labels


def test_a_run_says_what_python_says_where_a_component_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("job")

    monkeypatch.setattr(LogisticRegression, "fit", fail)
    with pytest.raises(KeyError):
        full(tiny_plan(tmp_path, process=Tfidf(), model=LogisticRegression()))
    assert "failed: KeyError: 'job'" in caplog.text
