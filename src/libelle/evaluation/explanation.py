"""What moved a score: each field, then each word, is left out, and the record scored again."""

from collections.abc import Callable, Collection, Mapping
from typing import TypedDict

import numpy as np
import pandas as pd

from libelle.evaluation.decision_rule import DecisionRule
from libelle.features import Floats

Score = Callable[[pd.DataFrame], Floats]

#: Words of a field that are left out one by one; the rest of a longer text counts with its field alone.
MAX_WORDS = 50


class WordEffect(TypedDict):
    """A word, and the score with it minus the score without it."""

    word: str
    change: float


class FieldEffect(TypedDict):
    """A field that has a text, the score with it minus the score without it, and the same for its words."""

    field: str
    change: float
    words: list[WordEffect]


def explain(
    texts: pd.DataFrame, score: Score, rule: DecisionRule, whole: Collection[str] = ()
) -> list[list[FieldEffect]]:
    """Say what each field and word of raw texts adds to the score.

    The method is erasure (Li, Monroe and Jurafsky 2016, "Understanding Neural Networks through Representation
    Erasure"): it asks the model itself, whatever it is, with the same cleaners and process. The score is the
    probability of the positive label; multiclass: that of the decided label. Changes need not add up.

    Args:
        texts: one `str` column per field, one row per record; missing where missing.
        score: cleans, encodes and scores such texts, float32 [rows, classes].
        rule: the decision rule.
        whole: fields that are not text, which are left out as a whole alone.

    Returns:
        For each record its fields that are not missing, those that matter most first, as their words are. Each
        occurrence of a repeated word is left out on its own.
    """
    found = []
    for row in range(len(texts)):
        variants, words = erasures(texts.iloc[[row]], whole)
        found.append(effects_of(words, score(variants), rule))
    return found


def erasures(text: pd.DataFrame, whole: Collection[str] = ()) -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """One record and its variants, as texts to be scored, and the words of each of its fields.

    With `effects_of`, for whoever does not want to score all of them at once; otherwise as `explain`.
    """
    filled = [str(name) for name in text.columns if text[name].notna().iloc[0]]
    words = {name: [] if name in whole else text[name].iloc[0].split() for name in filled}
    variants: list[dict[str, str | None]] = [{}]
    for name in filled:
        variants.append({name: None})
        for place in range(_erased(words[name])):
            rest = words[name][:place] + words[name][place + 1 :]
            variants.append({name: " ".join(rest)})
    table = text.iloc[[0] * len(variants)].reset_index(drop=True)
    for name in filled:
        table[name] = [variant.get(name, text[name].iloc[0]) for variant in variants]
    return table.astype("str"), words


def effects_of(words: Mapping[str, list[str]], scores: Floats, rule: DecisionRule) -> list[FieldEffect]:
    """What the scores of a record and its variants, float32 [variants, classes], say of its fields and `words`."""
    column = 1 if rule.is_binary else int(rule.decide(scores[:1])[0])
    changes = iter((scores[0, column].astype(np.float64) - scores[1:, column]).tolist())
    effects: list[FieldEffect] = []
    for name, own in words.items():
        change = next(changes)
        found = [WordEffect(word=word, change=next(changes)) for word in own[: _erased(own)]]
        found.sort(key=lambda effect: -abs(effect["change"]))
        effects.append(FieldEffect(field=name, change=change, words=found))
    return sorted(effects, key=lambda effect: -abs(effect["change"]))


def _erased(words: list[str]) -> int:
    """How many of a field's words are left out one by one: none where there is only one, which is the field itself."""
    return min(len(words), MAX_WORDS) if len(words) > 1 else 0
