"""The library tokenizers, for the processes whose words it makes."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from libelle.errors import needs_extra, no_panics

#: Texts that are encoded at once: what the library makes of a text is a hundred times larger than its ids.
_CHUNK = 4096


def library(wanted_by: str) -> Any:
    """The library itself.

    Args:
        wanted_by: the key and value that need it, as `process=subword`.

    Raises:
        UserError: when it is not installed.
    """
    with needs_extra(wanted_by, "pretrained"):
        import tokenizers
    return tokenizers


def read_tokenizer(serialized: str, wanted_by: str) -> Any:
    """A tokenizer from the text of its `tokenizer.json`.

    Raises:
        UserError: when the library is not installed.
        ValueError: when the text is damaged.
    """
    tokenizer = library(wanted_by).Tokenizer
    try:
        with no_panics():
            return tokenizer.from_str(serialized)
    except Exception as error:  # the library has no class of its own for what is damaged
        raise ValueError(f"tokenizer.json: {error}") from error


def take_literally(tokenizer: Any) -> None:
    """Let a tokenizer cut whole texts, and take what looks like a special token for the characters that it is."""
    tokenizer.encode_special_tokens = True
    tokenizer.no_truncation()
    tokenizer.no_padding()


def tokenize(tokenizer: Any, texts: Iterable[str]) -> Iterator[list[int]]:
    """The ids of the parts of each text, without special tokens."""
    left = iter(texts)
    while chunk := list(islice(left, _CHUNK)):
        for encoding in tokenizer.encode_batch_fast(chunk, add_special_tokens=False):
            yield encoding.ids
