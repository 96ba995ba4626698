"""The process `subword`: parts of words, markers, caps, and a whole run with a model that takes words."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tokenizers

from helpers.bags import parts
from helpers.ragged import flatten
from helpers.tiny import make_forms, tiny_plan
from libelle import Pipeline
from libelle.components import build, describe
from libelle.errors import UserError
from libelle.features import Features
from libelle.processes.base import Process
from libelle.processes.subword import Subword
from libelle.processes.tokens import EMPTY_ID, MISSING_ID, SPECIAL, UNKNOWN_ID, Tokens
from libelle.stores.local import LocalStore
from libelle.training.workflow import full

TEXTS = ["boulangerie du centre", "boulanger", "mairie du centre", "maire de la ville", "aide à domicile"] * 5


def table(*texts: str | None) -> pd.DataFrame:
    return pd.DataFrame({"job": list(texts)}, dtype="str")


def fitted(*texts: str | None, **options) -> Subword:
    frame = table(*(texts or TEXTS))
    return Subword(**{"vocab_size": 60, **options}).fit(frame, pd.Series(["0"] * len(frame)))


def ids(features: Features, field: str = "job") -> list[list[int]]:
    assert features.words is not None
    rows = flatten(features.words[field])
    assert rows.ids.dtype == np.int32
    assert rows.ids.max(initial=0) < rows.size
    return [rows.ids[start:end].tolist() for start, end in zip(rows.offsets, rows.offsets[1:], strict=False)]


def test_words_never_seen_are_made_of_known_parts():
    process = fitted()
    (whole,), (unseen,) = ids(process.transform(table("boulanger"))), ids(process.transform(table("boulangers du lac")))
    assert UNKNOWN_ID not in whole
    assert min(whole) >= len(SPECIAL)
    assert set(unseen) - {UNKNOWN_ID}
    assert len(unseen) > 1


def test_missing_empty_and_unknown_are_distinguished():
    process = fitted()
    missing, empty, unknown = ids(process.transform(table(None, "", "жж")))
    assert (missing, empty) == ([MISSING_ID], [EMPTY_ID])
    assert UNKNOWN_ID in unknown
    assert not {MISSING_ID, EMPTY_ID} & set(unknown)


def test_what_looks_like_a_special_token_is_text():
    process = fitted(*["<missing> <unknown> centre"] * 5, *TEXTS, vocab_size=100)
    for (encoded,) in (ids(process.transform(table(text))) for text in ("<missing>", "<unknown>")):
        assert MISSING_ID not in encoded
        assert UNKNOWN_ID not in encoded


def test_a_saved_process_encodes_as_before(tmp_path):
    process = fitted()
    process.save(tmp_path)
    loaded = build(describe(process), Process, "process").load(tmp_path)
    texts = table(*TEXTS, None, "", "<unknown> centres", "жж")
    before, after = process.transform(texts), loaded.transform(texts)
    assert ids(before) == ids(after)
    assert parts(before) == parts(after)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".json", ".safetensors"}
    assert not [text for text in set(TEXTS) for path in files if " " in text and text.encode() in path.read_bytes()]


def test_the_bag_is_that_of_tokens_or_left_out():
    ours = fitted(char_ngrams_max=3).transform(table(*TEXTS, None, ""))
    theirs = (
        Tokens(char_ngrams_max=3).fit(table(*TEXTS), pd.Series(["0"] * len(TEXTS))).transform(table(*TEXTS, None, ""))
    )
    assert parts(ours) == parts(theirs)
    assert fitted(ngrams=False).transform(table("maire")).bag is None


def test_long_texts_are_cut_where_training_texts_end():
    process = fitted(length_quantile=1.0)
    assert max(map(len, ids(process.transform(table("maire " * 1000))))) == process.lengths_["job"]
    assert len(ids(fitted(max_length=2).transform(table("maire de la ville")))[0]) == 2


def test_odd_fields():
    frame = pd.DataFrame(
        {"job": ["maire de " * 116_509, "x" * (1 << 20), "maire"], "none": [None] * 3, "empty": [""] * 3}, dtype="str"
    )
    features = Subword(vocab_size=50).fit(frame, pd.Series(["0"] * 3)).transform(frame)
    assert max(map(len, ids(features))) <= 256
    assert ids(features, "none") == [[MISSING_ID]] * 3
    assert ids(features, "empty") == [[EMPTY_ID]] * 3


def test_nothing_to_learn_from():
    process = fitted(None, "")
    assert ids(process.transform(table(None, ""))) == [[MISSING_ID], [EMPTY_ID]]
    assert len(ids(process.transform(table("maire")))[0]) == 1


def test_a_pretrained_tokenizer_is_taken_from_file_or_folder(tmp_path):
    original = tokenizers.Tokenizer(tokenizers.models.WordPiece({"[UNK]": 0, "chef": 1, "##s": 2}, unk_token="[UNK]"))
    original.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    original.enable_truncation(1)  # a pretrained one may cut or pad
    original.enable_padding(length=8)
    original.save(str(tmp_path / "tokenizer.json"))
    for source in (tmp_path, tmp_path / "tokenizer.json"):
        process = fitted("chef", "chefs chef", pretrained=str(source), length_quantile=1.0)
        assert ids(process.transform(table("chefs chef", "maire", None))) == [[5, 6, 5], [UNKNOWN_ID], [MISSING_ID]]
    with pytest.raises(UserError, match=r"process\.pretrained=.*nowhere"):  # before any data is read
        Subword(pretrained=str(tmp_path / "nowhere" / "x" / "y")).prepare(LocalStore(root=str(tmp_path)))


def test_a_tokenizer_that_the_library_panics_at_is_refused(tmp_path):
    process = fitted()
    process.save(tmp_path)
    path = tmp_path / "tokenizer.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    stored["model"]["continuing_subword_prefix"] = "#" * 300
    path.write_text(json.dumps(stored), encoding="utf-8")
    with pytest.raises(ValueError, match=r"tokenizer\.json: range"):  # of a damaged pipeline
        Subword().load(tmp_path)
    with pytest.raises(UserError, match=r"process\.pretrained=.* is no tokenizer that can be read \(range"):
        Subword(pretrained=str(path)).prepare(LocalStore(root=str(tmp_path)))


def test_encoding_goes_block_by_block(monkeypatch):
    process = fitted()
    expected = ids(process.transform(table(*TEXTS, "maire", None)))
    monkeypatch.setattr("libelle.processes.tokenizers._CHUNK", 2)
    assert ids(process.transform(table(*TEXTS, "maire", None))) == expected


def test_threads_get_equal_ids():
    process = fitted()
    expected = ids(process.transform(table(*TEXTS)))
    with ThreadPoolExecutor(4) as pool:
        assert all(found == expected for found in pool.map(lambda _: ids(process.transform(table(*TEXTS))), range(8)))


def test_a_model_of_words_trains_on_parts_and_scores_raw_records(tmp_path: Path):
    plan = tiny_plan(tmp_path, process=Subword(vocab_size=80))
    run_id = full(plan).run_id
    result = Pipeline.load(run_id, plan.store).predict(make_forms())
    assert result["score"].between(0, 1).all()
    assert result["score"].nunique() > 5
