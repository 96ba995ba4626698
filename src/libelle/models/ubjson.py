"""Reading UBJSON, in which XGBoost writes its trees: its own reader follows whatever a damaged file says."""

from typing import Any

import numpy as np

#: Marker of a number, or of the numbers of an array → how NumPy writes it.
_KINDS = {"i": ">i1", "U": ">u1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4", "D": ">f8"}
_NUMBERS = {marker: np.dtype(kind) for marker, kind in _KINDS.items()}
_CONSTANTS = {"Z": None, "N": None, "T": True, "F": False}
#: Objects and arrays within each other at most.
_DEPTH = 32


def parse_ubjson(data: bytes) -> Any:
    """The value that a file holds; arrays of numbers of one kind are NumPy's.

    Raises:
        ValueError: when it is damaged.
    """
    reader = _Reader(data)
    value = reader.value(reader.marker(), _DEPTH)
    if reader.place != len(data):
        raise ValueError("something follows the end")
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def marker(self) -> str:
        return self.take(1).decode("latin-1")

    def take(self, size: int) -> bytes:
        if not 0 <= size <= len(self.data) - self.place:
            raise ValueError(f"{size:,} bytes are said to be there, and are not")
        self.place += size
        return self.data[self.place - size : self.place]

    def value(self, marker: str, depth: int) -> Any:
        if depth < 0:
            raise ValueError("it is nested too deeply")
        if marker in _NUMBERS:
            return self.numbers(marker, 1)[0].item()
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        if marker == "S":
            return self.text(self.marker())
        if marker == "[":
            return self.array(depth - 1)
        if marker == "{":
            return self.object(depth - 1)
        raise ValueError(f"{marker!r} is no kind of value")

    def numbers(self, marker: str, count: int) -> np.ndarray:
        kind = _NUMBERS[marker]
        return np.frombuffer(self.take(count * kind.itemsize), kind)

    def count(self, marker: str) -> int:
        if marker not in "iUIlL":
            raise ValueError(f"{marker!r} is no kind of count")
        return int(self.numbers(marker, 1)[0])

    def text(self, marker: str) -> str:
        return self.take(self.count(marker)).decode()

    def array(self, depth: int) -> Any:
        marker = self.marker()
        if marker == "$":
            kind, number = self.marker(), self.marker()
            if kind not in _NUMBERS or number != "#":
                raise ValueError(f"{kind!r} is no kind of number")
            return self.numbers(kind, self.count(self.marker()))
        if marker == "#":
            return [self.value(self.marker(), depth) for _ in range(self.count(self.marker()))]
        items = []
        while marker != "]":
            items.append(self.value(marker, depth))
            marker = self.marker()
        return items

    def object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while (marker := self.marker()) != "}":
            name = self.text(marker)
            if name in found:
                raise ValueError(f"{name!r} comes twice")
            found[name] = self.value(self.marker(), depth)
        return found
