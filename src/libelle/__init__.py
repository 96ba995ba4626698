"""libelle: train, tune and publish classifiers for short administrative text.

>>> from libelle import Pipeline
>>> Pipeline.load("2026-11-23_4").predict([{"rs_x": "STE DUPONT"}])  # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from libelle.pipeline import Pipeline

__all__ = ["Pipeline"]


def __getattr__(name: str) -> Any:
    # Importing torch takes more than a second: only those who use the pipeline pay for it.
    if name == "Pipeline":
        from libelle.pipeline import Pipeline

        return Pipeline
    raise AttributeError(f"module 'libelle' has no attribute {name!r}")
