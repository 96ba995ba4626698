"""Wrong input at every door works, or is refused in one sentence: no traceback, no hang, no more than 200 MB."""

import os
from pathlib import Path

import pytest

from helpers.fuzzing import campaign

#: Another number tries other inputs.
SEED = int(os.environ.get("FUZZ_SEED", "1"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    campaign.prepare(folder)
    return folder


def try_inputs(corpus: Path, scratch: Path, total: int, capsys: pytest.CaptureFixture[str]) -> None:
    found = campaign.fuzz(corpus, scratch, total, SEED)
    with capsys.disabled():
        print(f"\n{total:,} wrong inputs, seed {SEED}\n{campaign.table(found)}")
    assert sum(door.counts["tried"] for door in found.values()) >= total
    crashes = [crash for door in found.values() for crash in door.crashes]
    assert not crashes, "\n".join(crashes)


@pytest.mark.slow
@pytest.mark.faults
def test_five_thousand_wrong_inputs_work_or_are_refused_in_a_sentence(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try_inputs(corpus, tmp_path, 5_000, capsys)


@pytest.mark.nightly
def test_a_hundred_thousand_wrong_inputs_work_or_are_refused_in_a_sentence(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try_inputs(corpus, tmp_path, 100_000, capsys)
