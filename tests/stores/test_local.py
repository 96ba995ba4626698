import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from helpers.scripts import CONF
from libelle.errors import UserError
from libelle.stores.base import Entry, in_parallel
from libelle.stores.local import LocalStore

_PART = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1, max_size=30)
_KEYS = st.lists(_PART.filter(lambda part: part not in (".", "..")), min_size=1, max_size=4).map("/".join)


def test_the_config_is_the_fields() -> None:
    config = OmegaConf.load(CONF / "store" / "local.yaml")
    assert config.pop("_target_") == "libelle.stores.local.LocalStore"
    assert config == OmegaConf.structured(LocalStore)


@settings(deadline=None)
@given(key=_KEYS, data=st.binary(max_size=1000))
def test_any_key_and_any_bytes(key: str, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = LocalStore(folder)
        assert store.create_if_absent(key, data)
        assert store.get(key) == data
        assert list(store.list("")) == [Entry(key, len(data))]
        store.delete(key)
        assert list(Path(folder).iterdir()) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match=r"^store\.root=\S+/file/store cannot be written to"):
        LocalStore(str(tmp_path / "file" / "store")).check()


def test_no_key_is_the_folder_of_another(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    store.put("a/b", b"")
    for key in ("a", "a/b/c"):
        with pytest.raises(UserError, match="cannot be written"):
            store.put(key, b"")
    assert [entry.key for entry in store.list("")] == ["a/b"]


def test_a_name_too_long_for_the_disk(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    with pytest.raises(UserError, match=r"cannot be written \(File name too long\)"):
        store.put("a" * 300, b"")
    assert list(tmp_path.iterdir()) == []


def test_a_writer_that_was_killed_leaves_no_object(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / ".tmp-0123456789abcdef").write_bytes(b"half")
    assert list(LocalStore(str(tmp_path)).list("")) == []


def test_the_working_folder_was_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()
    with pytest.raises(UserError, match="No such file"):
        LocalStore("store").put("key", b"")


def test_a_delete_that_removes_the_folder_under_a_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch = Path.touch

    def touch_too_late(path: Path, exist_ok: bool = True) -> None:
        monkeypatch.setattr(Path, "touch", touch)
        path.parent.rmdir()
        touch(path, exist_ok=exist_ok)

    monkeypatch.setattr(Path, "touch", touch_too_late)
    store = LocalStore(str(tmp_path))
    store.put("a/b", b"")
    assert store.get("a/b") == b""


def test_a_link_that_the_network_repeated_is_won(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def link_twice(source: Path, target: Path) -> None:
        link(source, target)
        link(source, target)

    monkeypatch.setattr(os, "link", link_twice)
    store = LocalStore(str(tmp_path))
    assert store.create_if_absent("key", b"")
    assert not store.create_if_absent("key", b"")


def test_local_path(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    assert store.local_path("a/b") == store.local_path("a/b/") == tmp_path / "a" / "b"


def test_the_first_error_is_raised_and_the_rest_is_left() -> None:
    done = []

    def work(number: int) -> None:
        if number == 0:
            raise UserError("The first one.")
        done.append(number)

    with pytest.raises(UserError, match="The first one"):
        in_parallel(work, range(2000))
    assert len(done) < 1999


@pytest.mark.parametrize(("root", "name"), [("", "./"), ("s/", "s/"), ("/s", "/s/")])
def test_messages_name_the_folder_that_is_written_to(root: str, name: str) -> None:
    assert str(LocalStore(root=root)) == f"the local store {name}"
