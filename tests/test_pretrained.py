"""A pretrained encoder the whole way, with tiny random ones on disk: no hub, no pickle, no remote code."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from libelle.errors import UserError
from libelle.features import Dataset
from libelle.models.base import Training
from libelle.models.mlp import MLP
from libelle.models.network import OptimizerConfig
from libelle.models.pretrained import LoRAConfig, Pretrained
from libelle.pipeline import Pipeline
from libelle.processes.pretrained import PretrainedTokens, deal
from libelle.vectors import room
from libelle.workflow import full, prepare, train
from scripts import call, start
from tiny import EMPLOYERS, JOBS, TOWNS, make_forms, tiny_plan

transformers = pytest.importorskip("transformers")
TEXTS = [*EMPLOYERS, *TOWNS, *(job for jobs in JOBS.values() for job in jobs), "employer :", "job :", "town :"]
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


def make_bert(folder: Path) -> str:
    from tokenizers import BertWordPieceTokenizer

    trained = BertWordPieceTokenizer()
    trained.train_from_iterator(TEXTS, vocab_size=200, min_frequency=1, show_progress=False)
    special = {"unk": "[UNK]", "sep": "[SEP]", "cls": "[CLS]", "mask": "[MASK]", "pad": "[PAD]"}
    names = {f"{name}_token": token for name, token in special.items()}
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=trained._tokenizer, **names)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer), max_position_embeddings=64, pad_token_id=tokenizer.pad_token_id, **SIZES
    )
    transformers.BertForMaskedLM(config).save_pretrained(folder)
    return str(folder)


def make_camembert(folder: Path) -> str:
    from tokenizers import ByteLevelBPETokenizer

    trained = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained.train_from_iterator(TEXTS, vocab_size=320, special_tokens=special, show_progress=False)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=trained._tokenizer, cls_token="<s>", bos_token="<s>", sep_token="</s>", eos_token="</s>",
        unk_token="<unk>", pad_token="<pad>", mask_token="<mask>",
    )  # fmt: skip
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.CamembertConfig(
        vocab_size=len(tokenizer), max_position_embeddings=66, pad_token_id=1, bos_token_id=0, eos_token_id=2, **SIZES
    )
    transformers.CamembertModel(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def camembert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_camembert(tmp_path_factory.mktemp("camembert"))


@pytest.fixture(params=["bert", "camembert"])
def encoder(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


def pair(encoder: str, **keys: object) -> dict[str, object]:
    optimizer = OptimizerConfig(lr=1e-2)
    return {
        "process": PretrainedTokens(encoder=encoder, max_length=64),
        "model": Pretrained(encoder=encoder, optimizer=optimizer, **keys),
        "cleaners": {},
    }


def fitted(encoder: str, **keys: object) -> tuple[PretrainedTokens, pd.DataFrame]:
    table = make_forms(40)[["employer", "job", "town"]]
    return PretrainedTokens(encoder=encoder, **keys).fit(table, table["job"]), table


def sequence(process: PretrainedTokens, **record: str | None) -> dict[str, list[str]]:
    features = process.transform(pd.DataFrame([record], columns=["employer", "job", "town"], dtype="str"))
    assert features.words is not None
    return {
        name: [process.tokenizer_.id_to_token(int(item)) for item in data.flatten().ids]
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
    np.testing.assert_array_equal(words["second"].flatten().ids, alone["second"].flatten().ids)


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
def test_a_reloaded_process_encodes_alike(text, bert, tmp_path_factory):
    process, _ = fitted(bert)
    folder = tmp_path_factory.mktemp("process")
    process.save(folder)
    again = PretrainedTokens(encoder="nowhere").load(folder)
    assert sequence(again, employer=text) == sequence(process, employer=text)
    assert {path.suffix for path in folder.iterdir()} == {".json"}


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
    from libelle.models.network import Shape

    return Shape(fields=3, words=10, longest=10, ngrams=0)


def _plain(state):
    """Weights of an encoder under their own names, whether adapters lie around them or not."""
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


# ---- what can be wrong, said before any data is read


def refused(tmp_path, encoder, **keys):
    """The sentence; there is no file of data, so reading it first would fail otherwise."""
    plan = tiny_plan(tmp_path, **pair(encoder, **keys))
    (tmp_path / "forms.csv").unlink()
    with pytest.raises(UserError) as error:
        full(plan)
    assert "\n" not in str(error.value)
    return str(error.value)


def copied(bert, tmp_path, *, without):
    folder = tmp_path / "encoder"
    shutil.copytree(bert, folder)
    for pattern in without:
        for path in folder.glob(pattern):
            path.unlink()
    return folder


def test_folder_without_tokenizer(bert, tmp_path):
    folder = copied(bert, tmp_path, without=["tokenizer*", "special*", "vocab*"])
    sentence = refused(tmp_path, str(folder))
    assert f"model.encoder={folder}" in sentence
    assert "tokenizer" in sentence


def test_pickled_weights_are_not_read(bert, tmp_path):
    folder = copied(bert, tmp_path, without=["*.safetensors"])
    torch.save({}, folder / "pytorch_model.bin")
    sentence = refused(tmp_path, str(folder))
    assert "pickle" in sentence
    assert "save_pretrained" in sentence


def test_folder_without_weights_or_configuration(bert, tmp_path):
    folder = copied(bert, tmp_path, without=["*.safetensors"])
    assert "holds no weights" in refused(tmp_path, str(folder))
    shutil.copy(Path(bert, "model.safetensors"), folder)
    (folder / "config.json").write_text("{")
    assert "configuration" in refused(tmp_path, str(folder))


def test_remote_code_is_not_run(bert, tmp_path):
    folder = copied(bert, tmp_path, without=[])
    (folder / "evil.py").write_text("raise SystemExit('ran')")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "unheard_of", "auto_map": {"AutoConfig": "evil.C", "AutoModel": "evil.M"}}
    (folder / "config.json").write_text(json.dumps(config))
    assert "configuration" in refused(tmp_path, str(folder))


@pytest.mark.parametrize(("kind", "limit"), [("bert", 64), ("camembert", 64)])
def test_more_tokens_than_the_encoder_reads(kind, limit, request, tmp_path):
    encoder = request.getfixturevalue(kind)
    plan = tiny_plan(tmp_path, **pair(encoder))
    plan.process = PretrainedTokens(encoder=encoder, max_length=limit + 1)
    with pytest.raises(UserError, match=rf"process\.max_length={limit + 1} .* {limit} tokens"):
        full(plan)


def test_more_tokens_than_the_encoder_has_embeddings(bert, tmp_path):
    folder = copied(bert, tmp_path, without=[])
    prepare(tiny_plan(tmp_path, **pair(str(folder))))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": 50}))
    sentence = refused(tmp_path, str(folder))
    assert f"model.encoder={folder} has 50 embeddings, and its tokenizer knows {config['vocab_size']}" in sentence
    with pytest.raises(UserError, match="has 50 embeddings"):  # from the base, too, before a run begins
        train(tiny_plan(tmp_path, **pair(str(folder))))
    assert not list(tmp_path.rglob("runs/*/*/*.manifest.json"))


def test_an_encoder_that_does_not_fit_into_memory(bert, tmp_path, monkeypatch):
    monkeypatch.setattr(room, "available_memory", lambda: 100)
    assert "set model.tuning=lora or frozen" in refused(tmp_path, bert)
    make_forms().to_csv(tmp_path / "forms.csv", index=False)
    assert "choose a smaller model.encoder" in refused(tmp_path, bert, tuning="lora")


def test_another_process_is_refused(bert, tmp_path):
    with pytest.raises(UserError, match="process=pretrained"):
        full(tiny_plan(tmp_path, model=Pretrained(encoder=bert)))


def test_a_missing_library_names_the_extra(bert, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    assert "libelle[pretrained]" in refused(tmp_path, bert, tuning="lora")


def test_tokens_of_other_models_are_not_checked(tmp_path):
    assert full(tiny_plan(tmp_path, model=MLP(word_dim=8, ngram_dim=8, hidden=[8]))).run_id


# ---- as people call it


def test_trained_used_and_published_by_the_commands(camembert, tmp_path):
    make_forms(80).to_csv(tmp_path / "forms.csv", index=False)
    shutil.copytree(camembert, tmp_path / "encoder")
    offline = {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    data = ["data=csv", "data.path=forms.csv", "data.id=form", "data.columns=employer,job,town", "data.target=label"]
    command = ["model=pretrained", "model.encoder=encoder", "process.max_length=64", "trainer.max_epochs=1", *data]
    process = start("train.py", *command, cwd=tmp_path, **offline)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert "Loading" not in out + err
    # Nothing but the run is needed from now on.
    shutil.rmtree(tmp_path / "encoder")
    (manifest,) = (tmp_path / "store" / "runs").glob("*/1/*.manifest.json")
    run_id = json.loads(manifest.read_text())["run_id"]
    assert not [path for path in manifest.parent.rglob("*") if path.suffix in (".bin", ".pt", ".pkl", ".ckpt")]
    publishing = call("publish.py", f"run_id={run_id}", "name=forms", "threshold=0.5", cwd=tmp_path)
    assert publishing.returncode == 0, publishing.stderr
    scores = []
    for source in (f"run_id={run_id}", "published=forms"):
        process = start("runtime.py", source, "record.job=infirmière", "format=json", cwd=tmp_path, **offline)
        out, err = process.communicate()
        assert process.returncode == 0, err
        scores.append(json.loads(out)[0]["scores"])
    assert scores[0] == scores[1]


def test_an_unknown_encoder_is_one_sentence(tmp_path):
    make_forms(40).to_csv(tmp_path / "forms.csv", index=False)
    data = ["data=csv", "data.path=forms.csv", "data.columns=job", "data.target=label"]
    for encoder in ("no/such/folder", "camembert-base"):
        process = start("train.py", "model=pretrained", f"model.encoder={encoder}", *data, cwd=tmp_path,
                        HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path))  # fmt: skip
        out, err = process.communicate()
        assert process.returncode == 2, err
        assert not out
        assert f"model.encoder={encoder} is no folder here" in err
        assert len(err.strip().splitlines()) == 1
    assert not list(tmp_path.rglob("*.manifest.json"))
