"""Process `pretrained`: texts as a Hugging Face encoder's own tokenizer cuts them, each field behind a marker."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from libelle.components import Positive, PositiveShare
from libelle.errors import UserError
from libelle.features import Features, Ragged
from libelle.files import read_json, write_json
from libelle.processes.base import Process
from libelle.processes.hub import locate_encoder, reading_encoder
from libelle.processes.tokenizers import read_tokenizer, take_literally, tokenize
from libelle.stores.base import Store


@dataclass
class PretrainedTokens(Process):
    """Sub-words as ids (`words`); a record's fields, one after the other, are what the encoder reads.

    A field is its marker, its sub-words and a separator; the first one begins with the token that begins all of the
    encoder's inputs. A missing text is nothing between marker and separator; one that cleaning emptied is the mask
    token. What looks like a special token in a text is text.

    Attributes:
        encoder: name on the Hugging Face hub, or path of a folder; the model's.
        markers: `name` writes each field's name before its text, `separator` only separates the fields.
        max_length: tokens of a record at most, markers included. They are dealt out to the fields once, in training: no
            field gets more than an equal share while another one lacks some, so a long field cannot push others out.
        length_quantile: what a field needs is this quantile of its lengths in training.
    """

    conf_name = "pretrained"
    proposed: ClassVar[Mapping[str, str]] = {"encoder": "pretrained"}
    blocks: ClassVar[frozenset[str]] = frozenset({"words", "encoder"})

    encoder: str = "camembert-base"
    markers: Literal["name", "separator"] = "name"
    max_length: Positive = 128
    length_quantile: PositiveShare = 0.995

    @cached_property
    def _fetched(self) -> tuple[str, dict[str, Any]]:
        return _fetch_tokenizer(self.encoder)

    def prepare(self, store: Store) -> None:
        """Raise `UserError` unless the tokenizer is there."""
        _ = self._fetched

    def vocabulary_size(self) -> int:
        """How many tokens the tokenizer knows, which can be asked before `fit`.

        Raises:
            UserError: when there is no tokenizer.
        """
        return int(self.size_ if hasattr(self, "size_") else _read(self._fetched[0]).get_vocab_size())

    def fit(self, table: pd.DataFrame, target: pd.Series) -> Self:
        """Take the encoder's tokenizer, and deal `max_length` out to the fields."""
        serialized, special = self._fetched
        self._set(serialized, special, [str(name) for name in table.columns])
        needs = []
        for _, column in table.items():
            codes, texts = pd.factorize(column)
            lengths = np.array([len(ids) for ids in tokenize(self.tokenizer_, texts)], dtype=np.int64)
            needs.append(np.quantile(lengths[codes[codes >= 0]], self.length_quantile) if (codes >= 0).any() else 1)
        room = self.max_length - sum(len(start) + 1 for start in self.starts_)
        if room < len(needs):
            raise UserError(
                f"process.max_length={self.max_length} leaves no room for the texts of {len(needs)} fields and their "
                f"markers; set at least {self.max_length - room + len(needs)}"
                f"{', or process.markers=separator' if self.markers == 'name' else ''}."
            )
        shares = deal(room, [max(1, int(np.ceil(need))) for need in needs])
        self.lengths_ = dict(zip(map(str, table.columns), shares, strict=True))
        return self

    def transform(self, table: pd.DataFrame) -> Features:
        """Encode rows, each distinct text once."""
        words = {}
        for (name, cap), start in zip(self.lengths_.items(), self.starts_, strict=True):
            codes, texts = pd.factorize(table[name])
            end = self.special_["separator"]
            rows = [[*start, *(ids[:cap] or [self.special_["empty"]]), end] for ids in tokenize(self.tokenizer_, texts)]
            rows.append([*start, end])  # the last stored row answers for missing values
            offsets = np.concatenate(([0], np.cumsum([len(row) for row in rows])))
            ids = np.fromiter((item for row in rows for item in row), dtype=np.int32, count=int(offsets[-1]))
            index = np.where(codes < 0, len(texts), codes).astype(np.int32)
            words[name] = Ragged(ids, offsets.astype(np.int64), self.size_, None, index)
        return Features(len(table), words=words)

    def fewest_records(self) -> float:
        """The tokenizer is the encoder's own: no word of the training records is kept."""
        return math.inf

    def save(self, folder: Path) -> None:
        """Write `tokenizer.json`, in the format of the library tokenizers, and `fields.json`."""
        (folder / "tokenizer.json").write_text(self.serialized_, encoding="utf-8")
        about = {"lengths": self.lengths_, "special": self.special_}
        write_json(folder / "fields.json", about)

    def load(self, folder: Path) -> Self:
        """Read back what `save` wrote."""
        about = read_json(folder / "fields.json")
        self.lengths_ = about["lengths"]
        serialized = (folder / "tokenizer.json").read_text(encoding="utf-8")
        return self._set(serialized, about["special"], list(self.lengths_))

    def _set(self, serialized: str, special: dict[str, Any], fields: list[str]) -> Self:
        self.serialized_, self.special_ = serialized, special
        self.tokenizer_ = _read(serialized)
        take_literally(self.tokenizer_)
        self.size_ = self.tokenizer_.get_vocab_size()
        self.starts_: list[list[int]] = [[] for _ in fields]
        if self.markers == "name":
            self.starts_ = [list(ids) for ids in tokenize(self.tokenizer_, (f"{name} :" for name in fields))]
        if special["start"] is not None:
            self.starts_[0].insert(0, special["start"])
        return self


def deal(room: int, needs: list[int]) -> list[int]:
    """Deal out a number of tokens: small needs are met, large ones share the rest equally, and all share what is left.

    Args:
        room: at least one for each need.
        needs: what each would like, at least 1.

    Returns:
        What each gets, at least 1; the sum is at most `room`.
    """
    shares = np.zeros(len(needs), dtype=np.int64)
    for position, field in enumerate(np.argsort(needs, kind="stable")):
        shares[field] = min(needs[field], (room - shares.sum()) // (len(needs) - position))
    spare: npt.NDArray[np.int64] = shares + (room - shares.sum()) // len(needs)
    return [int(share) for share in spare]


def _read(serialized: str) -> Any:
    return read_tokenizer(serialized, "model=pretrained")


def _fetch_tokenizer(encoder: str) -> tuple[str, dict[str, Any]]:
    """Serialize an encoder's tokenizer, and name its special tokens.

    Raises:
        UserError: when there is none, or it cannot be used.
    """
    folder = locate_encoder(encoder)
    with reading_encoder(encoder, "tokenizer"):
        from transformers import AutoTokenizer

        tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)

    def first(*names: str) -> int | None:
        ids = (getattr(tokenizer, f"{name}_token_id", None) for name in names)
        return next((id_ for id_ in ids if id_ is not None), None)

    special = {"start": first("cls", "bos"), "separator": first("sep", "eos"), "empty": first("mask", "unk")}
    # Where files are missing, transformers makes a tokenizer that knows nothing but its special tokens.
    if len(tokenizer) <= len(tokenizer.all_special_ids):
        raise UserError(
            f"model.encoder={encoder} holds no tokenizer; save it there too, with save_pretrained of its tokenizer."
        )
    if getattr(tokenizer, "backend_tokenizer", None) is None:
        raise UserError(
            f"model.encoder={encoder} has a tokenizer that cannot be saved as tokenizer.json; use another encoder."
        )
    if special["separator"] is None or special["empty"] is None:
        raise UserError(
            f"model.encoder={encoder} has a tokenizer without separator, mask and unknown tokens; use another encoder."
        )
    return tokenizer.backend_tokenizer.to_str(), special
