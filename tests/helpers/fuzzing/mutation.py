"""Wrong input made of right input: bytes damaged anywhere, JSON with other values in it."""

import json
from typing import Any

import numpy as np

Random = np.random.Generator

#: What stands for a number of bytes, rows or columns in binary files, where it is too large or below zero.
_NUMBERS = [
    n.to_bytes(size, order, signed=n < 0)
    for n, size in [
        (-1, 1),
        (-1, 4),
        (-1, 8),
        (1 << 31, 4),
        ((1 << 31) - 1, 4),
        ((1 << 63) - 1, 8),
        (1 << 40, 8),
        (0, 4),
    ]
    for order in ("little", "big")
]
#: Values that nobody expects.
ODD_TEXTS = [
    "",
    " ",
    "x",
    "\0",
    "a\0b",
    "../../x",
    "/",
    "é" * 300,
    "nan",
    "NaN",
    "NULL",
    "1e999",
    "-5",
    "\N{BOM}",
    "=1+1",
]
ODD_TEXTS += [
    "\N{PILE OF POO}" * 3,
    "a\nb",
    "a\r\nb",
    "'",
    '"',
    "${x}",
    "???",
    "%s",
    "\x1b[31m",
    "\u202eabc",
    "１２",
    "x" * 5000,
]
ODD = [None, True, False, 0, -1, 1, 2, 7, 2**31 - 1, 2**31, 2**32, 2**63, 2**64, 10**30, -(2**63), 10**400]
ODD += [0.5, -0.5, 1.5, -0.0, 1e308, 1e-320, float("nan"), float("inf"), -float("inf")]
ODD += [[], {}, [[]], {"": None}, [1, 2, 3], ["a"], {"a": {"b": []}}, [None], *ODD_TEXTS]


def pick(random: Random, items: Any) -> Any:
    """One of some items, as it is."""
    return items[int(random.integers(len(items)))]


def damaged(random: Random, data: bytes, tokens: Any = ()) -> bytes:
    """The same bytes with one to four faults; `tokens` are bytes that mean something to who reads them."""
    for _ in range(int(random.integers(1, 5))):
        data = _damage(random, data, tokens)
    return data


def _damage(random: Random, data: bytes, tokens: Any) -> bytes:
    size = len(data)
    place = int(random.integers(size + 1))
    length = min(int(random.geometric(0.1)), max(size - place, 1))
    match int(random.integers(9)):
        case 0:  # a bit
            place = min(place, size - 1)
            flipped = [data[place] ^ (1 << int(random.integers(8)))] if size else []
            return data[: max(place, 0)] + bytes(flipped) + data[place + 1 :]
        case 1:
            return data[:place] + random.bytes(length) + data[place + length :]
        case 2:
            return data[:place] + random.bytes(length) + data[place:]
        case 3:
            return data[:place] + data[place + length :]
        case 4:
            return data[:place]
        case 5:
            number = pick(random, _NUMBERS)
            return data[:place] + number + data[place + len(number) :]
        case 6:
            other = int(random.integers(size + 1))
            return data[:place] + data[other : other + length] + data[place:]
        case 7 if len(tokens):
            return data[:place] + pick(random, tokens) + data[place:]
    return data[:place] + data[place : place + length] * int(random.integers(2, 20)) + data[place + length :]


def altered(random: Random, value: Any) -> Any:
    """A JSON value with one to three others in it."""
    for _ in range(int(random.integers(1, 4))):
        value = _alter(random, value)
    return value


def _alter(random: Random, value: Any) -> Any:
    if isinstance(value, dict | list) and value and random.random() < 0.9:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = pick(random, keys)
        copy = value.copy()
        match int(random.integers(8)):
            case 0:
                del copy[key]
            case 1 if isinstance(copy, dict):
                copy[pick(random, ODD_TEXTS)] = copy.pop(key)
            case 2 if isinstance(copy, dict):
                copy[pick(random, ODD_TEXTS)] = pick(random, ODD)
            case 2 | 3 if isinstance(copy, list):
                copy.insert(key, pick(random, ODD) if random.random() < 0.5 else value[key])
            case _:
                copy[key] = _alter(random, value[key])
        return copy
    return pick(random, ODD) if random.random() < 0.8 else [value]


def altered_json(random: Random, data: bytes) -> bytes:
    """A JSON file with other values in it, damaged as bytes, or nested beyond all measure."""
    how = random.random()
    if how < 0.2:
        return damaged(random, data, [b"null", b"[", b"{", b'"', b"1e999", b"\\ud800", b"NaN", b","])
    if how < 0.22:
        return pick(random, [b"[", b'{"a":']) * int(random.integers(1, 200_000))
    value = altered(random, json.loads(data))
    try:
        return json.dumps(value, ensure_ascii=bool(random.integers(2))).encode("utf-8", "surrogatepass")
    except ValueError:  # a number of more digits than Python writes
        return damaged(random, data)
