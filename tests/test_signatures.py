"""Signed publications: what was not signed by a trusted key, or was altered since, is refused."""

import json
import shutil
import subprocess

import pytest

from helpers.scripts import call
from libelle.errors import UserError
from libelle.loading import load_published
from libelle.publication import publish
from libelle.published import find
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.stores.local import LocalStore


def make_key(folder, name):
    """A pair of keys, as docs/security.md makes one."""
    private, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    return private, public


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return {name: make_key(folder, name) for name in ("office", "stranger")}


@pytest.fixture
def store(trained, keys, tmp_path):
    """A store with one run, published as `forms`, signed."""
    source, run_id = trained
    shutil.copytree(source.root, tmp_path / "store")
    store = LocalStore(root=str(tmp_path / "store"))
    publish(store, Run.open(store, RunId.parse(run_id)), "forms", threshold=0.5, sign=str(keys["office"][0]))
    return store


def test_what_a_trusted_key_signed_is_loaded(store, keys, tmp_path):
    assert load_published("forms", store, trusted=keys["office"][1]).name == "forms@1"
    both = tmp_path / "both.pem"
    both.write_bytes(keys["stranger"][1].read_bytes() + keys["office"][1].read_bytes())
    assert load_published("forms", store, trusted=both).name == "forms@1"


def test_what_another_key_signed_or_nobody_is_refused(store, keys):
    with pytest.raises(UserError, match=r"published=forms@1 in .* was not signed by a key of"):
        load_published("forms", store, trusted=keys["stranger"][1])
    store.delete("published/forms/1/manifest.sig")
    with pytest.raises(UserError, match=r"published=forms@1 in .* is not signed"):
        load_published("forms", store, trusted=keys["office"][1])
    assert load_published("forms", store).name == "forms@1"


@pytest.mark.parametrize("change", [{"threshold": 0.9}, {"run_id": "2026-01-01_1"}, {"published": "2020-01-01T00:00Z"}])
def test_a_manifest_that_was_altered_is_refused(store, keys, change):
    key = "published/forms/1/manifest.json"
    store.put(key, json.dumps({**json.loads(store.get(key)), **change}).encode())
    with pytest.raises(UserError, match=r"was not signed by a key of .*, or was altered since"):
        load_published("forms", store, trusted=keys["office"][1])


def test_no_flipped_byte_of_a_manifest_or_signature_is_believed(store, keys):
    for name in ("manifest.json", "manifest.sig"):
        key = f"published/forms/1/{name}"
        whole = store.get(key)
        for place in range(0, len(whole), 7):
            store.put(key, whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(UserError):
                load_published("forms", store, trusted=keys["office"][1])
        store.put(key, whole)


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", None])
def test_a_file_without_keys_is_one_sentence(store, tmp_path, trained, content, monkeypatch):
    file = tmp_path / "key.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match=r"trusted=.*key\.pem"):
        load_published("forms", store, trusted=file)
    monkeypatch.setenv("LIBELLE_TRUSTED_KEYS", str(file))
    with pytest.raises(UserError, match=r"LIBELLE_TRUSTED_KEYS=.*key\.pem"):
        load_published("forms", store, trusted=file)
    with pytest.raises(UserError, match=r"sign=.*key\.pem"):
        publish(store, Run.open(store, RunId.parse(trained[1])), "forms", threshold=0.5, sign=str(file))


def test_the_command_uses_what_is_signed_and_says_what_is_missing(store, keys, tmp_path):
    wanted = ["published=forms", "verify=required", f"store.root={store.root}"]
    given = call("runtime.py", *wanted, f"trusted={keys['office'][1]}", "text=a", cwd=tmp_path)
    assert given.returncode == 0
    refused = call("runtime.py", *wanted, f"trusted={keys['stranger'][1]}", "text=a", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "was not signed by a key of" in refused.stderr
    publish(store, Run.open(store, RunId.parse(find(store, "forms").run_id)), "unsigned", threshold=0.5)
    listed = call("publish.py", "list=true", f"store.root={store.root}", cwd=tmp_path).stdout.splitlines()
    ends = {line.split()[0]: line.split()[-1] for line in listed if line.strip()}
    assert (ends["name"], ends["forms"], ends["unsigned"]) == ("signed", "yes", "no")
    for arguments, sentence in (
        (wanted, "verify=required needs the keys to trust"),
        (["verify=required", "run_id=2026-11-23_1"], "verify=required is for published models"),
        (["published=forms", "trusted=a.pem"], "trusted=a.pem says whom to trust"),
    ):
        answer = call("runtime.py", *arguments, "text=a", cwd=tmp_path)
        assert (answer.returncode, answer.stdout) == (2, "")
        assert sentence in answer.stderr
