"""docs/python.md works as written, block after block."""

import re

import pandas as pd
import pytest

import libelle
from helpers.scripts import ROOT
from helpers.tiny import make_forms
from libelle.errors import UserError
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.stores.local import LocalStore

PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
COLUMNS = ["employer", "job", "town"]


def test_the_blocks_run_one_after_the_other(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(ROOT / "data")
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    assert len(blocks) > 5
    names = {}
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), names)
    said = capfd.readouterr()
    assert said.err == "", "a notebook wants quiet"
    sentences = said.out.splitlines()
    assert len(sentences) == 3
    assert all(word in line for word, line in zip(("'tecnical'", "logref", "'natrue'"), sentences, strict=True))
    assert names["again"].predict(names["purchases"]).equals(names["kept"].predict(names["purchases"]))
    assert RunId.matches(names["kept"].name)


def test_a_network_is_quiet_and_keeps_nothing(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    pipeline = libelle.fit(
        make_forms(), target="label", columns=COLUMNS, overrides=["trainer.max_epochs=1", "data.id=form"]
    )
    assert pipeline.metrics["train"]["rows"] > pipeline.metrics["test"]["rows"] > 0
    assert list(pipeline.predict(make_forms(3))["id"]) == ["F0000", "F0001", "F0002"]
    assert capfd.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())


def test_a_kept_fit_is_a_run_that_scores_the_same(tmp_path):
    forms = make_forms()
    pipeline = libelle.fit(forms, target="label", columns=COLUMNS, model="logreg", store=tmp_path / "store")
    store = LocalStore(str(tmp_path / "store"))
    run = Run.open(store, RunId.parse(pipeline.name)).require_completed().verify()
    assert run.manifest.model == "logreg"
    assert f"{run.id}.report.html" in run.manifest.files
    assert libelle.load_run(pipeline.name, store).predict(forms).equals(pipeline.predict(forms))


def test_evaluate_is_the_metrics_of_the_run(tmp_path):
    forms = make_forms().assign(split=["train", "validation", "test"] * 40)
    pipeline = libelle.fit(
        forms, target="label", columns=COLUMNS, model="logreg", overrides=["data.split.column=split"]
    )
    assert pipeline.evaluate(forms[forms["split"] == "test"]) == pipeline.metrics["test"]
    with pytest.raises(UserError, match="'3' is not one of the model's"):
        pipeline.evaluate(forms.assign(label="3"))
    with pytest.raises(UserError, match="no column 'label'"):
        pipeline.evaluate(forms.drop(columns="label"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"frame": [1]}, "takes a DataFrame"),
        ({"target": "lable"}, "no column 'lable'"),
        ({"columns": ["job", "label"]}, "'label', which the target is made of"),
        ({"overrides": ["data=bi"]}, "data=bi is not for fit"),
        ({"overrides": ["mode=prepare"]}, "mode=prepare is not for fit"),
        ({"overrides": ["data.path=forms.csv"]}, "data.path=forms.csv is not for fit"),
        ({"target": 5}, "target=5 is neither"),
        ({"columns": "jbo"}, "no column 'jbo'"),
        ({"overrides": ["process.max_featurs=3"]}, "max_featurs"),
        ({"model": "mpl"}, "mpl"),
        ({"model": 3}, "model=3 is not a text"),
        ({"model": "mlp,logreg"}, "mlp,logreg"),
        ({"frame": pd.concat([make_forms(), make_forms()[["job"]]], axis=1)}, "'job' is there more than once"),
    ],
)
def test_a_mistake_is_one_sentence(arguments, words):
    call = {"frame": make_forms(), "target": "label", "columns": COLUMNS, "model": "logreg"} | arguments
    with pytest.raises(UserError, match=words) as error:
        libelle.fit(call.pop("frame"), **call)
    assert "\n" not in str(error.value)
