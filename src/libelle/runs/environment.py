"""What could make a repetition of a run differ."""

import contextlib
import os
import platform
import re
import subprocess
from importlib import metadata
from typing import Any

from libelle.installation import CHECKOUT

#: Libraries whose versions can change a score, beside those of the extras.
LIBRARIES = ("libelle", "numpy", "pandas", "pytorch-lightning", "safetensors", "scikit-learn", "scipy", "torch")
#: What may be installed in place of a library of an extra: with a GPU, `xgboost` for `xgboost-cpu`.
REPLACEMENTS = ("xgboost",)
#: A requirement of an extra, as in the metadata of an installed package; `all` names libelle's own extras.
_OF_AN_EXTRA = re.compile(r"(?!libelle\b)(?P<name>[\w.-]+).*\bextra == .(?!dev\b)")


def environment() -> dict[str, Any]:
    """Versions, platform and commit."""
    return {
        "git_commit": git_commit(),
        "libraries": library_versions(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
    }


def library_versions() -> dict[str, str]:
    """Version of each installed library that can change a score; none is imported."""
    versions = {name: metadata.version(name) for name in LIBRARIES}
    of_extras = {match["name"] for match in map(_OF_AN_EXTRA.match, metadata.requires("libelle") or ()) if match}
    for name in sorted(of_extras.union(REPLACEMENTS)):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def git_commit() -> str | None:
    """Commit of the checkout that holds this code, with `+` where it has changes; None outside a checkout."""
    if CHECKOUT is None:  # the package may be inside somebody else's checkout
        return None
    describe = ["describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"]
    try:
        command = ["git", "-C", str(CHECKOUT), *describe]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
