"""Synthetic samplers: new rows of the smaller classes, whatever their number, in the blocks that were there."""

import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

from helpers.tiny import tiny_plan
from libelle import memory as room
from libelle.errors import UserError
from libelle.features import Dataset, Features
from libelle.models.linear import LogisticRegression
from libelle.processes.tfidf import Tfidf
from libelle.samplers.synthetic import Adasyn, BorderlineSmote, Smote, SmoteEnn, Synthetic
from libelle.training.workflow import full

SAMPLERS = [Smote, BorderlineSmote, Adasyn, SmoteEnn]


def dataset(counts: list[int], distance: float = 0.3) -> Dataset:
    generator = np.random.default_rng(1)
    targets = np.repeat(np.arange(len(counts)), counts)
    values = generator.random((len(targets), 6)).astype(np.float32) + distance * targets[:, None].astype(np.float32)
    values[:, :3][generator.random((len(targets), 3)) < 0.4] = 0
    blocks = {"sparse": scipy.sparse.csr_array(values[:, :3]), "dense": values[:, 3:]}
    return Dataset(Features(len(targets), matrix=blocks), targets)


def counts(data: Dataset) -> list[int]:
    return np.bincount(data.targets).tolist()


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("rows", [[40, 12], [40, 1], [40, 2, 3, 1, 20, 6], [5, 5], [9]])
def test_classes_of_any_size_grow_and_blocks_stay(sampler: type[Synthetic], rows: list[int]) -> None:
    data = dataset(rows)
    more = sampler().sample(data, seed=1)
    assert set(more.targets) == set(data.targets)
    if sampler is not SmoteEnn:
        assert all(np.array(counts(more)) >= rows)
        assert (more.targets[: len(data)] == data.targets).all()
    assert more.features.matrix is not None
    assert isinstance(more.features.matrix["dense"], np.ndarray)
    assert isinstance(more.features.matrix["sparse"], scipy.sparse.csr_array)
    assert {block.shape for block in more.features.matrix.values()} == {(len(more), 3)}
    assert all(block.dtype == np.float32 for block in more.features.matrix.values())


def test_smote_fills_up_to_the_ratio_with_rows_between_rows() -> None:
    data = dataset([40, 12, 3, 1])
    assert counts(Smote().sample(data, seed=1)) == [40, 40, 40, 40]
    assert counts(Smote(ratio=0.5).sample(data, seed=1)) == [40, 20, 20, 20]
    dense = Smote().sample(data, seed=1).features.matrix["dense"]
    original = data.features.matrix["dense"]
    new = dense[len(data) :]
    assert (new >= original.min(axis=0) - 1e-6).all()
    assert (new <= original.max(axis=0) + 1e-6).all()


def test_the_seed_decides() -> None:
    data = dataset([40, 12])
    first, again, other = (Smote().sample(data, seed).features.matrix["dense"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_editing_leaves_out_rows_among_others() -> None:
    data = dataset([40, 40], distance=0.05)
    assert len(SmoteEnn().sample(data, seed=1)) < len(data)


def test_a_missing_library_is_said_before_any_data_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imblearn", None)
    plan = tiny_plan(tmp_path, process=Tfidf(), model=LogisticRegression(), sampler=Smote())
    (tmp_path / "forms.csv").unlink()
    with pytest.raises(UserError, match=r"sampler needs imblearn.*libelle\[classical\]"):
        full(plan)


def test_what_does_not_fit_into_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = dataset([40, 12])
    data = Dataset(Features(len(data), matrix={"one": data.features.matrix["dense"]}), data.targets)
    monkeypatch.setattr(room, "available_memory", lambda: 100)
    with pytest.raises(UserError, match=r"sampler\.ratio"):
        Smote().sample(data, seed=1)
