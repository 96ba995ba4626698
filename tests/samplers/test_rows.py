"""Samplers draw rows, reproducibly, and know every class."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libelle.features import Dataset, Features
from libelle.samplers.rows import Oversample, Undersample


def dataset(targets: list[int]) -> Dataset:
    matrix = np.arange(len(targets), dtype=np.float32)[:, None]
    return Dataset(Features(len(targets), matrix={"row": matrix}), np.array(targets))


def counts(data: Dataset) -> list[int]:
    return np.bincount(data.targets).tolist()


def rows(data: Dataset) -> list[int]:
    assert data.features.matrix is not None
    return np.asarray(data.features.matrix["row"])[:, 0].astype(int).tolist()


def test_oversample_repeats_the_smaller_classes() -> None:
    data = dataset([0] * 10 + [1] * 3 + [2])
    assert counts(Oversample().sample(data, seed=1)) == [10, 10, 10]
    assert counts(Oversample(ratio=0.5).sample(data, seed=1)) == [10, 5, 5]


def test_undersample_leaves_out_rows_of_the_larger_classes() -> None:
    data = dataset([0] * 10 + [1] * 3 + [2] * 2)
    assert counts(Undersample().sample(data, seed=1)) == [2, 2, 2]
    assert counts(Undersample(ratio=0.5).sample(data, seed=1)) == [4, 3, 2]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.floats(0.05, 1), st.integers(0, 5))
def test_samplers_hold_what_they_promise(targets: list[int], ratio: float, seed: int) -> None:
    data = dataset(targets)
    more, less = Oversample(ratio).sample(data, seed), Undersample(ratio).sample(data, seed)
    for sampled in (more, less):
        assert [targets[row] for row in rows(sampled)] == sampled.targets.tolist()
        assert set(sampled.targets) == set(targets)
    assert rows(more)[: len(targets)] == list(range(len(targets)))
    assert len(set(rows(less))) == len(rows(less))
    present = [count for count in counts(more) if count]
    assert min(present) >= ratio * max(present) * (1 - 1e-9)


@pytest.mark.parametrize("sampler", [Oversample(), Undersample()])
def test_the_seed_decides(sampler: Oversample | Undersample) -> None:
    data = dataset([0] * 30 + [1] * 10)
    assert rows(sampler.sample(data, 1)) == rows(sampler.sample(data, 1))
    assert rows(sampler.sample(data, 1)) != rows(sampler.sample(data, 2))
