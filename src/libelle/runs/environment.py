"""What could make a repetition of a run differ."""

import contextlib
import os
import platform
import subprocess
from importlib import metadata
from typing import Any

from libelle.installation import CHECKOUT

#: Libraries whose versions can change a score; those of extras are left out where they are not installed.
LIBRARIES = ("libelle", "numpy", "pandas", "pytorch-lightning", "safetensors", "scikit-learn", "scipy", "torch")
EXTRA_LIBRARIES = (
    "fasttext",
    "gensim",
    "imbalanced-learn",
    "peft",
    "skops",
    "tokenizers",
    "transformers",
    "xgboost",
    "xgboost-cpu",
)


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
    for name in EXTRA_LIBRARIES:
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
