"""libelle: train, tune and publish classifiers for short administrative text.

>>> import libelle
>>> pipeline = libelle.fit(records, target="label", model="logreg")  # doctest: +SKIP
>>> libelle.Pipeline.load("2026-11-23_4").predict([{"rs_x": "STE DUPONT"}])  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from libelle.cli.fit import fit
    from libelle.errors import UserError
    from libelle.loading import load_folder, load_published, load_run
    from libelle.pipeline import Pipeline

__all__ = ["Pipeline", "UserError", "fit", "load_folder", "load_published", "load_run"]

_MODULES = {
    "Pipeline": "pipeline",
    "UserError": "errors",
    "fit": "cli.fit",
    "load_folder": "loading",
    "load_published": "loading",
    "load_run": "loading",
}


def __getattr__(name: str) -> Any:
    # Importing torch takes more than a second, and Hydra some more: only those who use a name pay for it.
    if name in _MODULES:
        return getattr(import_module(f"libelle.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'libelle' has no attribute {name!r}")
