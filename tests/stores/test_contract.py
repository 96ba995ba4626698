"""What every store keeps, whatever it is made of."""

import copy
import os
import pickle
from pathlib import Path

import pytest

from helpers.claims import claim_at_once, key_of
from helpers.parcels import parcel
from libelle.stores.base import Entry, Store, in_parallel

ODD_KEYS = [
    "a",
    "runs/2026-11-23/4/2026-11-23_4.metrics.json",
    "élève/œuvre n° 1.txt",
    "e\u0301/decomposed",
    "two  spaces/ and at the ends ",
    "plus+and%2Fpercent%20/?query=1&x#fragment",
    "quotes'\"/<tag>&amp;/[brackets]{braces}",
    "~tilde/$dollar/back\\slash/|pipe*star",
    "日本語/🙂",
    ".hidden/..twice/...",
]


def test_check_leaves_nothing_behind(store: Store) -> None:
    store.check()
    store.check()
    assert list(store.list("")) == []


@pytest.mark.parametrize("data", [b"", b"\x00\xff\r\n", os.urandom(100_000)], ids=["empty", "odd", "long"])
def test_get_returns_what_was_put(store: Store, tmp_path: Path, data: bytes) -> None:
    store.put("folder/key", b"what was there before")
    store.put("folder/key", data)
    assert store.get("folder/key") == data
    store.get_file("folder/key", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == data


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys(store: Store, key: str) -> None:
    store.put(key, key.encode())
    assert store.get(key) == key.encode()
    assert list(store.list("")) == [Entry(key, len(key.encode()))]
    assert list(store.list(key)) == list(store.list(""))
    assert list(store.folders("")) == [key.split("/")[0]] * ("/" in key)
    assert not store.create_if_absent(key, b"")
    store.delete(key)
    assert list(store.list("")) == []


@pytest.mark.parametrize("key", ["", "/", "a/", "/a", "a//b", ".", "..", "a/../b", "a/./b"])
def test_what_is_not_a_key_is_refused(store: Store, tmp_path: Path, key: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    for use in (
        lambda: store.put(key, b""),
        lambda: store.put_file(key, tmp_path / "file"),
        lambda: store.create_if_absent(key, b""),
        lambda: store.get(key),
        lambda: store.get_file(key, tmp_path / "copy"),
        lambda: store.delete(key),
    ):
        with pytest.raises(ValueError, match="not a key"):
            use()


def test_a_missing_key(store: Store, tmp_path: Path) -> None:
    store.put("folder/key", b"")
    for key in ("other", "folder", "folder/key/below", "fold", "folder/key.txt"):
        with pytest.raises(KeyError, match=key):
            store.get(key)
        with pytest.raises(KeyError, match=key):
            store.get_file(key, tmp_path / "copy")
        store.delete(key)
    assert store.get("folder/key") == b""


def test_list_takes_any_beginning_of_a_key(store: Store) -> None:
    for key in ("runs/a/1", "runs/a/2", "runs/ab/1", "run", "other/runs/a/1"):
        store.put(key, b"12")
    assert _keys(store, "") == {"runs/a/1", "runs/a/2", "runs/ab/1", "run", "other/runs/a/1"}
    assert _keys(store, "runs/a") == {"runs/a/1", "runs/a/2", "runs/ab/1"}
    assert _keys(store, "runs/a/") == {"runs/a/1", "runs/a/2"}
    assert _keys(store, "runs/a/1") == {"runs/a/1"}
    assert _keys(store, "nothing") == _keys(store, "nothing/") == set()


def test_folders(store: Store) -> None:
    for key in ("runs/b/1", "runs/a/1", "runs/a/x/y", "runs/file"):
        store.put(key, b"")
    assert list(store.folders("")) == ["runs"]
    assert list(store.folders("runs/")) == ["a", "b"]
    assert list(store.folders("runs/a/")) == ["x"]
    assert list(store.folders("nothing/")) == list(store.folders("runs/b/")) == []
    store.delete("runs/a/x/y")
    assert list(store.folders("runs/a/")) == []


@pytest.mark.slow
def test_list_and_folders_of_more_than_a_thousand_objects(store: Store) -> None:
    names = {f"{number:04}" for number in range(1005)}
    in_parallel(lambda name: store.put(f"many/{name}/x", b""), names)
    assert _keys(store, "many/") == {f"many/{name}/x" for name in names}
    assert list(store.folders("many/")) == sorted(names)


def test_a_big_file(store: Store, tmp_path: Path) -> None:
    data = os.urandom(11 << 20)
    (tmp_path / "big").write_bytes(data)
    store.put_file("folder/big", tmp_path / "big")
    assert list(store.list("")) == [Entry("folder/big", len(data))]
    store.get_file("folder/big", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == data


def test_a_parcel_sends_what_the_store_has_not_got(store: Store, tmp_path: Path) -> None:
    sent = parcel(tmp_path)
    for number in range(20):
        sent.objects.put(f"runs/1/{number % 3}/{number}.bin", str(number).encode())
    store.put("runs/1/0/0.bin", b"0")
    store.put("runs/1/1/1.bin", b"another size")
    for _ in range(2):
        sent.upload(store, "runs/1/", but=["runs/1/2/2.bin"])
    assert {entry.key: store.get(entry.key) for entry in store.list("")} == {
        f"runs/1/{number % 3}/{number}.bin": str(number).encode() for number in range(20) if number != 2
    }
    sent.put(store, "runs/1/2/2.bin")
    assert store.get("runs/1/2/2.bin") == b"2"


def test_writers_at_once_leave_one_whole_object(store: Store) -> None:
    contents = [bytes([number]) * 50_000 for number in range(8)]
    in_parallel(lambda data: store.put("key", data), contents)
    assert store.get("key") in contents
    assert _keys(store, "") == {"key"}


def test_a_claim_is_won_once(store: Store) -> None:
    assert store.create_if_absent("runs/1", b"first")
    assert not store.create_if_absent("runs/1", b"first")
    assert store.get("runs/1") == b"first"
    store.delete("runs/1")
    assert store.create_if_absent("runs/1", b"second")
    assert store.get("runs/1") == b"second"


def test_sixteen_processes_claim_run_ids_at_once(store: Store) -> None:
    numbers = claim_at_once(store, 16)
    assert sorted(numbers) == list(range(1, 17))
    assert [store.get(key_of(number)) for number in numbers] == [str(one).encode() for one in range(16)]
    assert len(_keys(store, "")) == 16


def test_claims_and_deletes_of_one_folder_at_once(store: Store) -> None:
    def come_and_go(number: int) -> None:
        for _ in range(10):
            assert store.create_if_absent(f"a/b/{number}", b"")
            store.delete(f"a/b/{number}")

    in_parallel(come_and_go, range(8))
    assert _keys(store, "") == set()


def test_a_store_is_copied_and_pickled_even_in_use(store: Store) -> None:
    store.put("key", b"1")
    for twin in (copy.deepcopy(store), pickle.loads(pickle.dumps(store))):
        assert twin == store
        assert twin.get("key") == b"1"


def _keys(store: Store, prefix: str) -> set[str]:
    return {entry.key for entry in store.list(prefix)}
