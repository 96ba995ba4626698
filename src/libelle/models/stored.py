"""A stored model, and what its files may do where they are damaged."""

from pathlib import Path
from tokenize import TokenError
from typing import Any

from safetensors import SafetensorError

from libelle.components import build
from libelle.errors import in_brief
from libelle.models.base import Model

#: What damaged files make libraries raise.
DAMAGED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SafetensorError,
    SyntaxError,
    TokenError,  # with the former, of the headers of NumPy's arrays, which are written in Python
    TypeError,
    ValueError,
)


def reason_of(error: BaseException) -> str:
    """What one of them says, for a sentence."""
    return in_brief(f"{type(error).__name__}: {error}")


def load_model(node: Any, folder: Path, labels: int) -> Model:
    """Load a model, which must have as many classes as there are labels: it makes arrays of so many columns.

    Args:
        node: that describes it.
        folder: that it was saved into.
        labels: their number.

    Raises:
        ValueError: when it has another number of classes; damaged files raise any of `DAMAGED`.
    """
    model = build(node, Model, "model").load(folder)
    classes = getattr(model, "classes_", labels)
    if classes != labels:
        raise ValueError(f"the model has {classes} classes for {labels} labels")
    return model
