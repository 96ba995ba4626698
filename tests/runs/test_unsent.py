"""What was finished while the store failed is kept whole on this machine, and `runs.py sync` sends it later."""

import errno
import json
import os
from contextlib import contextmanager

import pytest

from helpers.killing import killed_at
from helpers.place import run_file
from helpers.scripts import call
from helpers.tiny import make_forms
from libelle.errors import UserError
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.stores.local import LocalStore
from libelle.stores.outbox import parcels
from libelle.training.sync import sync

#: Whole commands, one after the other.
pytestmark = pytest.mark.slow

DATA = ["data=csv", "data.path=forms.csv", "data.id=form", "data.columns=employer,job,town", "data.target=label"]
TRAIN = [*DATA, "model=naive_bayes"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    make_forms().to_csv(tmp_path / "forms.csv", index=False)
    return tmp_path


@pytest.fixture
def failing():
    """A context in which a store in `store/` fails where it is to write a key that holds a word."""

    @contextmanager
    def fail(word, error=errno.ENOSPC):
        patch = pytest.MonkeyPatch()
        for name in ("put", "put_file", "take_file"):
            write = getattr(LocalStore, name)

            def refuse(store, key, data, write=write):
                if word in key and "state" not in str(store.root):
                    raise UserError(f"{key} cannot be written ({os.strerror(error)}); make room.")
                write(store, key, data)

            patch.setattr(LocalStore, name, refuse)
        yield
        patch.undo()

    return fail


def kept(place):
    return sorted(path for path in (place / "state" / "libelle" / "unsent").glob("*"))


def run_of(place):
    (path,) = (place / "store" / "runs").glob("*/*/*.manifest.json")
    return path.name.removesuffix(".manifest.json")


def whole_run(place):
    return Run.open(LocalStore(root=str(place / "store")), RunId.parse(run_of(place))).verify().manifest


@pytest.mark.parametrize("word", [".predictions.parquet", ".pipeline/", ".log.txt"])
def test_a_finished_run_is_kept_when_the_store_fails_and_sent_later(place, failing, word):
    with failing(word):
        answer = call("train.py", *TRAIN, cwd=place)
        again = call("runs.py", "sync", cwd=place)
    assert answer.returncode == 2
    assert "Traceback" not in answer.stderr
    (folder,) = kept(place)
    assert str(folder) in answer.stderr
    assert "python runs.py sync" in answer.stderr
    assert again.returncode == 2
    assert str(folder) in again.stdout
    sent = call("runs.py", "sync", cwd=place)
    assert sent.returncode == 0, sent.stderr
    assert f"run {run_of(place)}: sent" in sent.stdout
    assert kept(place) == []
    assert whole_run(place).status == "completed"
    assert call("runtime.py", f"run_id={run_of(place)}", "text=maçon", cwd=place).returncode == 0
    assert "Nothing is kept" in call("runs.py", "sync", cwd=place).stdout


def test_a_run_that_failed_ends_with_its_own_error_though_the_store_fails_too(place, failing):
    rare = ["1" if number % 33 == 0 else "0" for number in range(600)]  # so that nothing is decided to be positive
    make_forms(600).assign(label=rare).to_csv(place / "forms.csv", index=False)
    with failing(".log.txt"):
        answer = call("train.py", *DATA, "model=logreg", "optimize=validation.precision", cwd=place)
    assert answer.returncode == 2
    assert answer.stderr.splitlines()[-1].startswith("optimize=validation.precision has no value")
    assert call("runs.py", "sync", cwd=place).returncode == 0
    assert whole_run(place).status == "failed"


def test_a_base_is_kept_when_the_store_fails_and_sent_later(place, failing):
    with failing("based/"):
        answer = call("train.py", "mode=prepare", *DATA, cwd=place)
    assert answer.returncode == 2
    assert str(kept(place)[0]) in answer.stderr
    assert call("train.py", "mode=train", "model=mlp", cwd=place).returncode == 2
    assert call("runs.py", "sync", cwd=place).returncode == 0
    answer = call("train.py", "mode=train", "model=mlp", "trainer.max_epochs=1", cwd=place)
    assert answer.returncode == 0, answer.stderr


def test_a_base_that_was_prepared_again_since_is_not_replaced_by_an_earlier_one(place, failing):
    with failing("based/"):
        call("train.py", "mode=prepare", *DATA, cwd=place)
    (path,) = kept(place)
    (version,) = {each.parent.name for each in path.rglob("manifest.json")}
    later = place / "store" / "based" / "based" / "current.json"
    later.parent.mkdir(parents=True)
    later.write_text(json.dumps({"version": f"9{version[1:]}"}))
    assert call("runs.py", "sync", cwd=place).returncode == 0
    assert json.loads(later.read_text())["version"].startswith("9")
    assert kept(place) == []


def test_a_threshold_and_a_publication_are_kept_when_the_store_fails_and_sent_later(place, failing):
    assert call("train.py", *TRAIN, cwd=place).returncode == 0
    with failing(".threshold.json"):
        chosen = call("threshold.py", "value=0.4", cwd=place)
    assert (chosen.returncode, "runs.py sync" in chosen.stderr) == (2, True)
    with failing("published/"):
        published = call("publish.py", f"run_id={run_of(place)}", "name=forms", "threshold=0.3", cwd=place)
    assert (published.returncode, "runs.py sync" in published.stderr) == (2, True)
    assert len(kept(place)) == 2
    answer = call("runs.py", "sync", "format=json", cwd=place)
    assert answer.returncode == 0, answer.stderr
    assert [item["reason"] for item in json.loads(answer.stdout)] == [None, None]
    run = Run.open(LocalStore(root=str(place / "store")), RunId.parse(run_of(place)))
    assert run.read_threshold()["value"] == 0.4
    assert "0.4" in run.read("report.html").decode()
    assert call("runtime.py", "published=forms", "text=maçon", cwd=place).returncode == 0


def test_a_publication_that_is_sent_late_does_not_overwrite_one_that_took_its_number(place, failing):
    assert call("train.py", *TRAIN, cwd=place).returncode == 0
    publish = ["publish.py", f"run_id={run_of(place)}", "name=forms"]
    with failing("published/"):
        assert call(*publish, "threshold=0.3", cwd=place).returncode == 2
    store = LocalStore(root=str(place / "store"))
    assert call("runs.py", "clean", "yes=true", cwd=place).returncode == 0
    assert [entry.key for entry in store.list("published/")] == ["published/forms/1/claim.json"]
    store.delete("published/forms/1/claim.json")  # as somebody does who cleans up on another machine, days later
    assert call(*publish, "threshold=0.6", cwd=place).returncode == 0
    late = call("runs.py", "sync", cwd=place)
    assert (late.returncode, "is another publication there by now" in late.stderr) == (2, True)
    assert json.loads(store.get("published/forms/1/manifest.json"))["threshold"] == 0.6


def test_a_later_choice_is_not_undone_by_one_that_is_sent_late(place, failing):
    assert call("train.py", *TRAIN, cwd=place).returncode == 0
    with failing(".threshold.json"):
        call("threshold.py", "value=0.4", cwd=place)
    (path,) = kept(place)
    choice = path / "objects" / "choice.json"
    early = json.loads(choice.read_text())
    early["choice"]["date"] = "2026-01-01T00:00:00+00:00"
    choice.write_text(json.dumps(early))
    assert call("threshold.py", "value=0.6", cwd=place).returncode == 0
    assert call("runs.py", "sync", cwd=place).returncode == 0
    run = Run.open(LocalStore(root=str(place / "store")), RunId.parse(run_of(place)))
    assert run.read_threshold()["value"] == 0.6


def test_a_sync_that_is_killed_is_repeated_and_a_sent_run_is_not_sent_again(place, failing):
    with failing(".predictions.parquet"):
        call("train.py", *TRAIN, cwd=place)
    for step in ("libelle.stores.outbox:Parcel.put", "libelle.stores.outbox:Parcel.discard"):
        assert killed_at(step, 1, "runs.py", "sync", cwd=place).returncode == -9
        assert len(kept(place)) == 1
    run = Run.open(LocalStore(root=str(place / "store")), RunId.parse(run_of(place)))
    call("threshold.py", "value=0.4", cwd=place)
    assert call("runs.py", "sync", cwd=place).returncode == 0
    assert Run.open(run.store, run.id).read_threshold()["value"] == 0.4
    assert kept(place) == []


def test_a_run_that_is_being_sent_is_left_to_who_sends_it(place, failing):
    from libelle.stores.outbox import held

    with failing(".predictions.parquet"):
        call("train.py", *TRAIN, cwd=place)
    (parcel,) = parcels()
    with held(parcel.folder):
        (found,) = sync(LocalStore(root=str(place / "store")))
        assert "another process" in str(found.reason)
    (found,) = sync(LocalStore(root=str(place / "store")))
    assert found.reason is None


def test_what_is_for_another_store_stays_and_its_command_is_said(place, failing):
    with failing(".predictions.parquet"):
        call("train.py", *TRAIN, cwd=place)
    answer = call("runs.py", "sync", "store.root=other", cwd=place)
    assert answer.returncode == 0
    assert "python runs.py sync" in answer.stderr
    assert len(kept(place)) == 1


def test_a_run_of_the_same_id_that_is_another_is_not_overwritten(place, failing):
    with failing(".predictions.parquet"):
        call("train.py", *TRAIN, cwd=place)
    path = run_file(place, run_of(place), "manifest.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "started": "2026-01-01T00:00:00+00:00"}))
    answer = call("runs.py", "sync", cwd=place)
    assert answer.returncode == 2
    assert "is another run there" in answer.stderr
    assert len(kept(place)) == 1


def test_a_damaged_parcel_hides_no_other(place, failing):
    with failing(".predictions.parquet"):
        call("train.py", *TRAIN, cwd=place)
    bad = place / "state" / "libelle" / "unsent" / "bad"
    bad.mkdir()
    (bad / "target.json").write_text("{")
    answer = call("runs.py", "sync", cwd=place)
    assert answer.returncode == 0, answer.stderr
    assert whole_run(place).status == "completed"


def test_a_full_disk_is_one_sentence_that_says_how_to_work_elsewhere(place, monkeypatch):
    from libelle.training import run_files

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(run_files, "keep", full)
    answer = call("train.py", *TRAIN, cwd=place)
    assert answer.returncode == 2
    assert "XDG_STATE_HOME" in answer.stderr.splitlines()[-1]
    monkeypatch.undo()
    monkeypatch.setenv("XDG_STATE_HOME", str(place / "state"))
    assert call("train.py", f"resume={run_of(place)}", cwd=place).returncode == 0


def test_a_state_folder_that_cannot_be_made_is_one_sentence(place, monkeypatch):
    (place / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(place / "file"))
    answer = call("train.py", *TRAIN, cwd=place)
    assert answer.returncode == 2
    assert "set XDG_STATE_HOME" in answer.stderr
