"""Pretrained encoders that cannot be used, and one that is, as people call it: no hub, no pickle, no remote code."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch

from helpers.encoders import pair
from helpers.scripts import call
from helpers.tiny import make_forms, tiny_plan
from libelle import memory as room
from libelle.errors import UserError
from libelle.models.mlp import MLP
from libelle.models.pretrained import Pretrained
from libelle.processes.pretrained import PretrainedTokens
from libelle.training.workflow import full, prepare, train

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
    parts = pair(encoder) | {"process": PretrainedTokens(encoder=encoder, max_length=limit + 1)}
    with pytest.raises(UserError, match=rf"process\.max_length={limit + 1} .* {limit} tokens"):
        full(tiny_plan(tmp_path, **parts))


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
    data = ["data=csv", "data.path=forms.csv", "data.id=form", "data.columns=employer,job,town", "data.target=label"]
    keys = ["process.max_length=64", "trainer.max_epochs=1", "trainer.accelerator=cpu"]
    training = call("train.py", "model=pretrained", "model.encoder=encoder", *keys, *data, cwd=tmp_path)
    assert training.returncode == 0, training.stderr
    assert "Loading" not in training.stdout + training.stderr
    # Nothing but the run is needed from now on.
    shutil.rmtree(tmp_path / "encoder")
    (manifest,) = (tmp_path / "store" / "runs").glob("*/1/*.manifest.json")
    run_id = json.loads(manifest.read_text())["run_id"]
    assert not [path for path in manifest.parent.rglob("*") if path.suffix in (".bin", ".pt", ".pkl", ".ckpt")]
    publishing = call("publish.py", f"run_id={run_id}", "name=forms", "threshold=0.5", cwd=tmp_path)
    assert publishing.returncode == 0, publishing.stderr
    scores = []
    for source in (f"run_id={run_id}", "published=forms"):
        answer = call("runtime.py", source, "record.job=infirmière", "format=json", cwd=tmp_path)
        assert answer.returncode == 0, answer.stderr
        scores.append(json.loads(answer.stdout)[0]["scores"])
    assert scores[0] == scores[1]


@pytest.mark.parametrize("encoder", ["no/such/folder", "camembert-base"])
def test_an_unknown_encoder_is_one_sentence(encoder, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    make_forms(40).to_csv(tmp_path / "forms.csv", index=False)
    data = ["data=csv", "data.path=forms.csv", "data.columns=job", "data.target=label"]
    answer = call("train.py", "model=pretrained", f"model.encoder={encoder}", *data, cwd=tmp_path)
    assert answer.returncode == 2, answer.stderr
    assert not answer.stdout
    assert f"model.encoder={encoder} is no folder here" in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.rglob("*.manifest.json"))
