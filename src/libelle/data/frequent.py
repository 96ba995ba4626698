"""What several records hold, and can be kept: what only a few people wrote is nobody else's business."""

import math
from collections.abc import Iterable

import numpy as np

from libelle.data.columns import Column
from libelle.data.distinct import distinct_numbers
from libelle.errors import UserError
from libelle.features import Ints

#: Whatever is kept or shown of texts in clear, or so that it can be looked up, this many records hold at least. Words
#: and n-grams of a process are kept from `process.min_records` on, which may be less.
FEWEST_RECORDS = 5


def fewest_in_clear(kept: float | None) -> int:
    """Records that must hold a word, a text or a category that is kept in clear, and not as a hash.

    Args:
        kept: records that must hold whatever a process keeps; infinity where it keeps nothing, None where nobody knows.
    """
    return FEWEST_RECORDS if kept is None or math.isinf(kept) else max(int(kept), FEWEST_RECORDS)


def fewest_of(numbers: Iterable[float | None]) -> float | None:
    """The smallest of some numbers of records; None where one of them is not known."""
    known = list(numbers)
    return None if None in known else min(number for number in known if number is not None)


def require_records(what: str, found: int | None, wanted: int | None) -> None:
    """Raise `UserError` where a model keeps what too few records hold, or does not say how many do.

    Args:
        what: names the run, for the message.
        found: training records that hold whatever its model keeps, at least; None where nobody knows.
        wanted: at least; None for any number.
    """
    if wanted is None or (found is not None and found >= wanted):
        return
    holds = "that one training record alone holds" if found == 1 else f"that only {found} training records hold"
    says = "does not say how many training records hold what its model keeps"
    raise UserError(
        f"{what} {says if found is None else f'keeps words or texts {holds}'}, and min_records={wanted} asks for at "
        f"least {wanted}; train again with process.min_records={wanted}, or lower min_records."
    )


def word_records(column: Column, counts: Ints) -> Ints:
    """In how many records each word of a column stands, int64 [words]; in one that repeats it, once.

    Args:
        column: the texts; its `words` are counted.
        counts: int64 [texts], the records that hold each text.
    """
    words, texts = column.words, max(len(column.texts), 1)
    text_of = np.repeat(np.arange(len(column.texts)), np.diff(words.offsets))
    pairs = distinct_numbers(words.codes * texts + text_of)
    records = np.bincount(pairs // texts, weights=counts[pairs % texts], minlength=len(words.words))
    return records.astype(np.int64)
