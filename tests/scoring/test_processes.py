"""Workers that die are replaced, and their shards repeated; what ends them every time is a sentence."""

import os
import signal

import pytest

from helpers.scoring import Dying, answers_in, parts
from helpers.scripts import call
from libelle.scoring import processes
from libelle.scoring.engines import Failure

FORMS = "input=forms/*.csv"


@pytest.fixture
def quick(monkeypatch):
    """Workers are copies of this process, which take no time to start."""
    monkeypatch.setattr(processes, "_START", processes.get_context("fork"))
    return monkeypatch


def test_workers_give_what_one_process_gives(place, score, quick):
    assert score(FORMS, "output=here/").returncode == 0
    quick.undo()
    assert call("runtime.py", FORMS, "output=workers/", "workers=2", cwd=place).returncode == 0
    assert parts(place / "workers") == parts(place / "here")
    assert len(answers_in(place / "workers")) == 162


def test_a_worker_that_is_killed_is_replaced(place, quick, tmp_path):
    quick.setattr(processes, "_work", Dying(tmp_path, times=2))
    answer = call("runtime.py", FORMS, "output=killed/", "workers=2", cwd=place)
    assert answer.returncode == 0, answer.stderr
    assert len(list(tmp_path.iterdir())) == 2
    assert answers_in(place / "killed")["id"].is_unique
    assert len(answers_in(place / "killed")) == 162


def test_a_shard_that_ends_every_worker_is_a_sentence_and_the_others_are_kept(place, quick, tmp_path):
    quick.setattr(processes, "_work", Dying(tmp_path, times=100))
    answer = call("runtime.py", FORMS, "output=dead/", cwd=place)
    assert answer.returncode == 2
    assert "Scoring rows 1 to 40 of forms/0.csv has ended 3 workers (SIGKILL)" in answer.stderr
    quick.setattr(processes, "_work", Dying(tmp_path, times=0))
    assert call("runtime.py", FORMS, "output=dead/", cwd=place).returncode == 0
    assert len(answers_in(place / "dead")) == 162


def test_a_defect_of_a_worker_is_a_traceback(place, quick):
    def fail(job, shard, advance):
        raise ZeroDivisionError("ours")

    quick.setattr(processes.ShardScorer, "score", fail)
    with pytest.raises(RuntimeError, match="ZeroDivisionError: ours"):
        call("runtime.py", FORMS, "output=defect/", cwd=place)


def test_workers_do_not_hear_ctrl_c_and_use_one_thread(place, quick):

    def look(connection, job):
        connection.recv()
        blocked = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
        connection.send(Failure("mistake", f"{blocked} {os.environ['OMP_NUM_THREADS']}."))

    quick.setattr(processes, "_work", look)
    quick.setenv("OMP_NUM_THREADS", "7")
    said = call("runtime.py", FORMS, "output=look/", cwd=place).stderr
    assert "True 1." in said
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
