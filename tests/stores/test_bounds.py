"""What is read from a store is bounded: in size, and to files of the store."""

import os

import pytest

from libelle.errors import UserError
from libelle.stores.cache import fetch
from libelle.stores.documents import LARGEST, read_document
from libelle.stores.local import LocalStore


@pytest.fixture
def store(tmp_path):
    return LocalStore(root=str(tmp_path / "store"))


def test_no_more_is_read_than_is_allowed(store, tmp_path):
    store.put("a", b"12345")
    assert store.get("a", 5) == b"12345"
    store.get_file("a", tmp_path / "copy", 5)
    for read in (lambda: store.get("a", 4), lambda: store.get_file("a", tmp_path / "copy", 4)):
        with pytest.raises(UserError, match=r"a in the local store .* has more than the 4 bytes"):
            read()


def test_a_document_of_gigabytes_is_not_read(store):
    store.put("current.json", b"")
    os.truncate(store.local_path("current.json"), 3 << 30)  # a file with a hole takes no room
    with pytest.raises(UserError, match=f"has more than the {LARGEST:,} bytes"):
        read_document(store, "current.json", dict[str, int])
    with pytest.raises(UserError, match="was altered"):
        fetch(store, "current.json", "0" * 64, store.local_path("cache"), size=3000)


@pytest.mark.parametrize("kind", ["pipe", "link", "device"])
def test_what_is_no_file_of_the_store_is_not_read(store, tmp_path, kind):
    store.put("b", b"x")
    place = store.local_path("a")
    if kind == "pipe":
        os.mkfifo(place)
    else:
        (tmp_path / "secret").write_text("secret", encoding="utf-8")
        place.symlink_to("/dev/zero" if kind == "device" else tmp_path / "secret")
    with pytest.raises(UserError, match=r"a is no file of the local store"):
        store.get("a")
    with pytest.raises(UserError, match=r"a in the local store .* (was altered|is missing)"):
        fetch(store, "a", "0" * 64, tmp_path / "cache", size=6)
