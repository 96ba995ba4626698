"""Characters that come of reading a file in the wrong encoding."""

import re
from collections.abc import Sequence

#: What cp1252 makes of the bytes 80 to BF, with which every character beyond ASCII goes on in UTF-8.
_SECOND = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ\xa0-¿"
#: C1 controls, which nobody types; the mark of what could not be read; UTF-8 that was read as cp1252.
_ODD = re.compile(f"[\x80-\x9f\ufffd]|[ÂÃ][{_SECOND}]|â€")


def count_odd(texts: Sequence[str]) -> int:
    """How many texts hold such characters."""
    return sum(not text.isascii() and _ODD.search(text) is not None for text in texts)
