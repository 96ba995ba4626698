"""Which options go together: the table, refusals, and every allowed pairing from training to publication."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.encoders import make_bert
from helpers.pairs import allowed, composed, options, table
from helpers.scripts import call
from helpers.tiny import make_forms
from libelle.components import build
from libelle.errors import UserError
from libelle.processes.base import Process
from libelle.processes.union import choose_parts
from libelle.publication import publish
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.stores.local import LocalStore
from libelle.training.pairings import check_mode, check_pairing, usual_models
from libelle.training.plan import Provenance
from libelle.training.schema import build_plan
from libelle.training.workflow import full

pytestmark = pytest.mark.usefixtures("hydra_restore_singletons")


@pytest.mark.slow
def test_the_table_has_a_row_a_model_and_a_default_in_each() -> None:
    head, _, *rows = table().splitlines()
    assert head.count("|") - 2 == len(options("process"))
    assert [row.split("`")[1] for row in rows] == options("model")
    assert all(row.count(" default ") == 1 for row in rows), "the process that comes with a model goes with it"


@pytest.mark.slow
def test_every_option_goes_with_something() -> None:
    pairs = [pair for pair, goes in allowed().items() if goes]
    assert {process for process, _ in pairs} == set(options("process"))
    assert {model for _, model in pairs} == set(options("model"))


@pytest.mark.slow
def test_models_that_are_proposed_for_a_process_go_with_it() -> None:
    pairs = allowed()
    for process in set(options("process")) - {"raw"}:
        node = choose_parts(composed(f"process={process}")["process"])
        models = usual_models(build(node, Process, "process"))
        assert models
        assert all(pairs[process, model] for model in models), process


@pytest.mark.parametrize("model", options("model"))
def test_a_model_needs_no_second_word(model: str) -> None:
    plan = build_plan(Provenance(composed(f"model={model}"), {"model": model}))
    check_pairing(plan.process, plan.model)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("model=logreg process=tokens", ["model=logreg", "process=tokens", "process=tfidf"]),
        ("process=tfidf", ["model=mlp", "process=tfidf", "process=tokens, or model=logreg"]),
        ("model.freeze_words=true", ["model=mlp with model.freeze_words=true", "process=tokens_fasttext"]),
        ("model=ensemble model.runs=[2026-11-23_1,2026-11-23_2]", ["model.runs:", "2026-11-23_1", "not in"]),
        ("model=naive_bayes process=doc2vec", ["model=naive_bayes", "process=doc2vec", "process=bigrams"]),
        ("model=naive_bayes process=union process.parts=[tfidf,doc2vec]", ["model=naive_bayes", "process=tfidf"]),
        ("sampler=smote", ["sampler=smote", "process=tokens", "sampler=oversample"]),
        ("sampler=adasyn process=subword", ["sampler=adasyn", "process=subword", "sampler=oversample"]),
        ("model=ensemble process=tfidf", ["model=ensemble", "process=raw"]),
        ("model=ensemble cleaner=[accents]", ["model=ensemble", "cleaner="]),
        ("model=ensemble sampler=oversample", ["model=ensemble", "sampler=oversample"]),
        ("model=ensemble mode=train", ["mode=train", "mode=full"]),
        ("model=ensemble mode=prepare", ["mode=prepare", "mode=full"]),
        ("process=raw mode=prepare", ["mode=prepare", "process=raw"]),
        ("model=ensemble", ["model.runs"]),
    ],
)
def test_a_wrong_pairing_is_one_sentence_and_status_2_before_any_work(
    arguments: str, words: list[str], tmp_path: Path
) -> None:
    answer = call("train.py", *arguments.split(), "data=csv", "data.path=nowhere.csv", "data.target=x", cwd=tmp_path)
    assert answer.returncode == 2, answer.stderr
    (sentence,) = answer.stderr.strip().splitlines()
    assert all(word in sentence for word in words), sentence
    assert not list((tmp_path / "store").glob("runs/*"))


def test_a_union_of_processes_without_negative_values_goes_with_naive_bayes() -> None:
    plan = build_plan(Provenance(composed("model=naive_bayes", "process=union", "process.parts=[tfidf,bigrams]")))
    check_mode("prepare", plan.process, plan.model)


@pytest.mark.slow
def test_a_base_is_paired_when_it_is_used(tmp_path: Path) -> None:
    make_forms().to_csv(tmp_path / "forms.csv", index=False)
    columns = "data.columns=employer,job,town"
    data = ["data=csv", "data.path=forms.csv", "data.id=form", columns, "data.target=label"]
    prepared = call("train.py", "mode=prepare", "process=tfidf", "cleaner=[lowercase,accents]", *data, cwd=tmp_path)
    assert prepared.returncode == 0
    assert "train.py model=logreg mode=train" in prepared.stdout
    trained = call("train.py", "mode=train", "model=logreg", "sampler=smote", cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    refused = call("train.py", "mode=train", "model=mlp", cwd=tmp_path)
    assert refused.returncode == 2
    assert "was prepared with process=tfidf, which does not go with model=mlp; name another base" in refused.stderr
    refused = call("train.py", "mode=train", "model=logreg", "cleaner=[lowercase]", cwd=tmp_path)
    assert refused.returncode == 2
    assert "cleaner=[lowercase] differs" in refused.stderr
    assert "with cleaner=[lowercase,accents];" in refused.stderr
    scored = call("runtime.py", "text=Clinique", "format=json", cwd=tmp_path)
    assert scored.returncode == 0, scored.stderr


RELOAD = """
import json, sys
from libelle import Pipeline
from libelle.stores.local import LocalStore

root, records, sources, target = sys.argv[1:]
records = json.load(open(records))
store = LocalStore(root=root)
scores = {name: Pipeline.load(name, store).predict(records).filter(like="score_").to_numpy().tolist()
          for name in json.load(open(sources))}
json.dump(scores, open(target, "w"))
"""

#: Key of a process or a model → a value that suits tiny forms, wherever the key stands.
SMALL = {"epochs": 2, "rounds": 5, "vocab_size": 200, "max_length": 64, "buckets": 1000}


def shrink(node: dict[str, Any], **small: Any) -> dict[str, Any]:
    """The same node, whatever it builds, quick to train on tiny forms."""
    return {
        key: shrink(value, **small) if isinstance(value, dict) else (SMALL | small).get(key, value)
        for key, value in node.items()
    }


@pytest.mark.slow
def test_every_allowed_pairing_scores_the_same_in_a_fresh_process_from_run_and_published_place(tmp_path: Path) -> None:
    store = LocalStore(root=str(tmp_path / "store"))
    forms = make_forms()
    forms.to_csv(tmp_path / "forms.csv", index=False)
    records = json.loads(forms.drop(columns="label").to_json(orient="records"))
    records += [{"job": text} for text in ("", " ", "???", "Zanzibar", "é" * 2000, "médecin " * 300)]
    expected: dict[str, np.ndarray] = {}
    failures: dict[str, str] = {}
    runs: list[str] = []
    encoder = make_bert(tmp_path / "bert")
    pairs = [pair for pair, goes in allowed().items() if goes]
    for process, model in sorted(pairs, key=lambda pair: pair[1] == "ensemble"):
        pair = f"process={process} model={model}"
        overrides = [f"process={process}", f"model={model}"]
        if model == "ensemble":
            overrides += [f"model.runs=[{runs[0]},{runs[-1]}]"]
        config = composed(*overrides, "data=csv", "data.id=form", "data.columns=[employer,job,town]", "trainer=default")
        config |= {group: shrink(config[group], encoder=encoder) for group in ("process", "model")}
        config["data"] |= {"path": str(tmp_path / "forms.csv"), "target": "label"}
        config["trainer"] |= {"max_epochs": 1, "accelerator": "cpu"}
        config["store"] = {"_target_": "local", "root": store.root}
        try:
            outcome = full(build_plan(Provenance(config, {"process": process, "model": model})))
            runs.append(outcome.run_id)
            published = publish(
                store, Run.open(store, RunId.parse(outcome.run_id)), f"{process}.{model}", threshold=0.5
            )
            scores = outcome.pipeline.predict(records).filter(like="score_").to_numpy()
            expected |= {outcome.run_id: scores, str(published): scores}
        except (UserError, ValueError, TypeError, RuntimeError) as error:
            failures[pair] = f"{type(error).__name__}: {error}"
    (tmp_path / "records.json").write_text(json.dumps(records))
    (tmp_path / "sources.json").write_text(json.dumps(list(expected)))
    files = [str(tmp_path / name) for name in ("records.json", "sources.json", "scores.json")]
    subprocess.run([sys.executable, "-c", RELOAD, store.root, *files], check=True)
    again = json.loads((tmp_path / "scores.json").read_text())
    for name, scores in expected.items():
        difference = float(np.abs(np.array(again[name]) - scores).max())
        if not difference <= 1e-6:
            failures[name] = f"scores differ by {difference:g}"
    assert not failures, "\n".join(f"{name}: {reason}" for name, reason in failures.items())
    assert len(expected) == 2 * len(pairs)
