"""Work that ends because a disk is full, and the disk that is blamed."""

import errno
import os
import shutil
import tempfile
from collections import namedtuple
from pathlib import Path

import pytest

from libelle.errors import UserError
from libelle.runs.work import work_folder

Usage = namedtuple("Usage", "free")


@pytest.mark.parametrize(
    ("full", "variable"),
    [("state", "XDG_STATE_HOME"), ("temporary", "TMPDIR")],
)
def test_the_disk_that_is_full_is_the_one_that_is_named(tmp_path, monkeypatch, full, variable):
    for name in ("state", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    usage = shutil.disk_usage

    def seen(path):
        return Usage(0) if Path(path).is_relative_to(tmp_path / full) else usage(path)

    monkeypatch.setattr(shutil, "disk_usage", seen)
    with pytest.raises(UserError) as raised, work_folder():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert str(tmp_path / full) in str(raised.value)
    assert f"set {variable} to a folder on another disk." in str(raised.value)
