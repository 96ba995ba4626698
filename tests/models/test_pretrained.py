"""A pretrained encoder, with tiny random ones on disk: its tokens, what is tuned, and that it comes back as saved."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.encoders import pair
from helpers.ragged import flatten
from helpers.tiny import make_forms, tiny_plan
from libelle.errors import UserError
from libelle.features import Dataset
from libelle.models.base import Training
from libelle.models.network import Shape
from libelle.models.pretrained import LoRAConfig, Pretrained
from libelle.pipeline import Pipeline
from libelle.processes.pretrained import PretrainedTokens, deal
from libelle.training.workflow import full, prepare, train


def fitted(encoder: str, **keys: object) -> tuple[PretrainedTokens, pd.DataFrame]:
    table = make_forms(40)[["employer", "job", "town"]]
    return PretrainedTokens(encoder=encoder, **keys).fit(table, table["job"]), table


def sequence(process: PretrainedTokens, **record: str | None) -> dict[str, list[str]]:
    features = process.transform(pd.DataFrame([record], columns=["employer", "job", "town"], dtype="str"))
    assert features.words is not None
    return {
        name: [process.tokenizer_.id_to_token(int(item)) for item in flatten(data).ids]
        for name, data in features.words.items()
    }


# ---- the process


def test_fields_stand_behind_their_markers(bert):
    process, _ = fitted(bert)
    words = sequence(process, employer="Lyon", job="", town=None)
    assert words["employer"] == ["[CLS]", "employer", ":", "lyon", "[SEP]"]
    assert words["job"] == ["job", ":", "[MASK]", "[SEP]"]
    assert words["town"] == ["town", ":", "[SEP]"]
    process, _ = fitted(bert, markers="separator")
    assert sequence(process, employer="Lyon", job=None, town="")["town"] == ["[MASK]", "[SEP]"]


def test_what_looks_like_a_special_token_is_text(encoder):
    process, _ = fitted(encoder)
    special = [token for token in ("[SEP]", "[MASK]", "</s>", "<mask>") if process.tokenizer_.token_to_id(token)]
    for token in special:
        assert sequence(process, town=token)["town"].count(token) <= 1  # the field's own separator
        assert len(sequence(process, town=token)["town"]) > 4


def test_a_long_field_does_not_push_others_out(encoder):
    table = pd.DataFrame({"first": ["Lyon " * 400] * 9, "second": ["Brest"] * 9}, dtype="str")
    process = PretrainedTokens(encoder=encoder, max_length=48).fit(table, table["first"])
    words = process.transform(table).words
    alone = process.transform(table.assign(first=None)).words
    assert sum(int(data.lengths[0]) for data in words.values()) <= 48
    np.testing.assert_array_equal(flatten(words["second"]).ids, flatten(alone["second"]).ids)


@given(st.lists(st.integers(1, 300), min_size=1, max_size=6), st.integers(0, 300))
def test_tokens_are_dealt_out_fairly(needs, more):
    room = len(needs) + more
    shares = deal(room, needs)
    assert sum(shares) <= room
    assert min(shares) >= 1
    lacking = [share for share, need in zip(shares, needs, strict=True) if share < need]
    assert not lacking or max(shares) <= min(lacking) + 1


@settings(max_examples=30, deadline=None)
@given(text=st.text(max_size=60))
def test_a_reloaded_process_encodes_the_same(text, bert, tmp_path_factory):
    process, _ = fitted(bert)
    folder = tmp_path_factory.mktemp("process")
    process.save(folder)
    again = PretrainedTokens(encoder="nowhere").load(folder)
    assert sequence(again, employer=text) == sequence(process, employer=text)
    assert {path.suffix for path in folder.iterdir()} == {".json"}


def test_a_damaged_tokenizer_is_one_of_a_damaged_pipeline(bert, tmp_path):
    process, _ = fitted(bert)
    process.save(tmp_path)
    path = tmp_path / "tokenizer.json"
    path.write_text(path.read_text(encoding="utf-8")[:-2], encoding="utf-8")
    with pytest.raises(ValueError, match=r"tokenizer\.json: "):
        PretrainedTokens(encoder=bert).load(tmp_path)


def test_no_room_for_the_texts_is_said(bert):
    with pytest.raises(UserError, match=r"process\.max_length=6 leaves no room.*at least 13"):
        fitted(bert, max_length=6)


# ---- the model


@pytest.mark.parametrize("tuning", ["full", "frozen", "lora"])
def test_trained_saved_and_reloaded_it_scores_the_same(encoder, tuning, tmp_path):
    plan = tiny_plan(tmp_path, **pair(encoder, tuning=tuning, pooling="cls" if tuning == "full" else "mean"))
    before = {name: value.clone() for name, value in plan.model.network(_shape(), 2).encoder.state_dict().items()}
    outcome = full(plan)
    moved = dict(plan.model.network_.encoder.state_dict())
    assert moved.keys() == {name.replace("base_model.model.", "") for name in _plain(before)}
    if tuning == "frozen":
        assert all(torch.equal(moved[name], value) for name, value in before.items())
    else:
        assert any(not torch.equal(moved[name], value) for name, value in _plain(before).items())
    again = Pipeline.load(outcome.run_id, plan.store)
    forms = make_forms(30, seed=2)
    np.testing.assert_allclose(
        again.score(forms[again.fields]), outcome.pipeline.score(forms[again.fields]), atol=1e-6, rtol=0
    )
    alone = np.concatenate([again.score(forms[again.fields].iloc[[row]]) for row in range(len(forms))])
    np.testing.assert_allclose(alone, again.score(forms[again.fields]), atol=1e-5, rtol=0)


def _shape():
    return Shape(fields=3, words=10, longest=10, parts=0)


def _plain(state):
    """Weights of an encoder under their own names, with or without adapters around them."""
    return {
        name.replace("base_model.model.", "").replace("base_layer.", ""): value
        for name, value in state.items()
        if "lora_" not in name
    }


def test_it_learns(bert, tmp_path):
    plan = tiny_plan(tmp_path, **pair(bert), trainer={"max_epochs": 8, "accelerator": "cpu"})
    assert float(full(plan).metrics["train"]["average_precision"]) > 0.9


def test_lower_layers_learn_more_slowly(bert):
    network = Pretrained(encoder=bert, layer_decay=0.5).network(_shape(), 2)
    groups = network.set_rates([{"params": list(network.parameters()), "weight_decay": 0.0}], 1.0)
    rates = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    by_name = {name: rates[id(parameter)] for name, parameter in network.named_parameters()}
    assert by_name["head.weight"] == 1
    assert by_name["encoder.encoder.layer.1.output.dense.weight"] == 0.5
    assert by_name["encoder.encoder.layer.0.output.dense.weight"] == 0.25
    assert by_name["encoder.embeddings.word_embeddings.weight"] == 0.125


def test_a_frozen_encoder_has_no_dropout_and_moves_the_head_alone(bert):
    network = Pretrained(encoder=bert, tuning="frozen").network(_shape(), 2).train()
    assert network.head.training
    assert not network.encoder.training
    assert [name for name, parameter in network.named_parameters() if parameter.requires_grad] == [
        "head.weight",
        "head.bias",
    ]


def test_lora_moves_little_of_the_encoder(bert):
    network = Pretrained(encoder=bert, tuning="lora", lora=LoRAConfig(rank=2)).network(_shape(), 2)
    names = [name for name, parameter in network.named_parameters() if parameter.requires_grad]
    assert all("lora_" in name or name.startswith("head.") for name in names)
    assert any("lora_" in name for name in names)


def test_it_trains_from_a_base(bert, tmp_path):
    plan = tiny_plan(tmp_path, **pair(bert))
    prepare(plan)
    assert train(plan).run_id
    other = tiny_plan(tmp_path, model=Pretrained(encoder="elsewhere"))
    with pytest.raises(UserError, match=r"model\.encoder=elsewhere differs from process\.encoder="):
        train(other)


def test_seed_decides(bert, tmp_path):
    process, table = fitted(bert)
    data = Dataset(process.transform(table), np.arange(len(table)) % 2)
    training = Training(tmp_path, seed=4, trainer={"max_epochs": 1, "accelerator": "cpu"})
    first, second = (
        Pretrained(encoder=bert).fit(data, data, 2, training).predict_proba(data.features) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
