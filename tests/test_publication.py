"""What is published: one damaged object hides no other, and nothing is believed that cannot be true."""

import json
import shutil
from pathlib import Path

import pytest

from libelle.errors import UserError
from libelle.loading import load_published
from libelle.publication import publish, rollback
from libelle.published import find, overview, versions
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.stores.local import LocalStore


@pytest.fixture(scope="module")
def published(trained, tmp_path_factory):
    """The folder of a store with one run, published three times as `forms`."""
    source, run_id = trained
    folder = shutil.copytree(source.root, tmp_path_factory.mktemp("published") / "store")
    store = LocalStore(root=str(folder))
    run = Run.open(store, RunId.parse(run_id))
    for _ in range(3):
        publish(store, run, "forms", threshold=0.5)
    return folder


@pytest.fixture
def store(published, tmp_path):
    """A copy that a test may change."""
    return LocalStore(root=str(shutil.copytree(published, tmp_path / "store")))


GARBAGE = [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"format": 9}', b'{"format": "x"}', b'{"format": 2}']


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_a_damaged_version_hides_no_other(store, garbage):
    store.put("published/forms/2/manifest.json", garbage)
    assert [item.version for item in versions(store, "forms")] == [1, 3]
    with pytest.raises(UserError, match="forms"):
        find(store, "forms@2")
    assert rollback(store, "forms").version == 1
    assert load_published("forms", store).name == "forms@1"


def test_one_goes_back_past_a_version_with_a_damaged_file(store, caplog):
    weights = max((Path(store.root) / "published/forms/2").rglob("*"), key=lambda path: path.stat().st_size)
    weights.write_bytes(weights.read_bytes()[:-1])
    assert rollback(store, "forms").version == 1
    assert f"Passed over: published/forms/2/{weights.relative_to(weights.parents[1])}" in caplog.text
    assert load_published("forms", store).name == "forms@1"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), UserError("It does not answer; wait.")])
def test_a_disk_or_a_server_that_fails_leads_no_further_back(store, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(LocalStore, "local_path", lambda *_: None)
    monkeypatch.setattr(LocalStore, "get_file", fail)
    with pytest.raises(UserError, match=r"No space left on device|It does not answer"):
        rollback(store, "forms")
    assert find(store, "forms").version == 3


def test_the_number_of_a_current_version_that_was_removed_is_not_given_again(store, trained):
    shutil.rmtree(Path(store.root) / "published/forms/3")
    with pytest.raises(UserError, match=r"=forms: version 3 is not there, and is the current one .* there: 1, 2\."):
        find(store, "forms")
    run = Run.open(store, RunId.parse(trained[1]))
    assert publish(store, run, "forms", threshold=0.5).version == 4
    assert find(store, "forms").version == 4


def test_a_name_without_a_current_version_says_which_versions_are_there(store):
    store.delete("published/forms/current.json")
    with pytest.raises(UserError, match=r"=forms: no version is the current one in .* there: 1, 2, 3\."):
        find(store, "forms")


def test_one_goes_back_from_a_damaged_version(store):
    store.put("published/forms/3/manifest.json", b"{")
    assert rollback(store, "forms").version == 2


@pytest.mark.parametrize("garbage", [b"{", b"[]", b'{"version": "x"}', b'{"version": -1}', b'{"version": 1e400}'])
def test_a_damaged_pointer_is_one_sentence_and_hides_no_model(store, garbage):
    store.put("published/forms/current.json", garbage)
    with pytest.raises(UserError, match=r"published/forms/current\.json in .* is damaged"):
        load_published("forms", store)
    current, found = overview(store)["forms"]
    assert current is None
    assert len(found) == 3


@pytest.mark.parametrize(
    "change", [{"name": "others"}, {"version": 2}, {"threshold": -5}, {"threshold": "x"}, {"published": "yesterday"}]
)
def test_a_manifest_that_cannot_be_true_is_refused(store, change):
    key = "published/forms/3/manifest.json"
    store.put(key, json.dumps({**json.loads(store.get(key)), **change}).encode())
    with pytest.raises(UserError, match=r"published/forms/3/manifest\.json in .* is damaged"):
        load_published("forms", store)
