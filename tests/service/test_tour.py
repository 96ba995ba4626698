"""The whole tour on each kind of store: train, choose, publish, serve, ask, publish again, follow, roll back."""

import json
import os

import pytest

from helpers.scripts import call
from helpers.servers import ceph, moto
from helpers.serving import serving
from libelle.data.census import sample as bi


@pytest.fixture(params=["local", "moto", "ceph"])
def where(request, tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith(("AWS_", "MINIO_"))]:
        monkeypatch.delenv(name)
    if request.param == "local":
        yield [f"store.root={tmp_path / 'store'}"]
        return
    with moto() if request.param == "moto" else ceph() as server:
        for name, value in server.credentials.items():
            monkeypatch.setenv(name, value)
        yield arguments_of(server)


def arguments_of(server):
    store = server.store()
    store.check()  # which makes the bucket
    return [
        "store=minio",
        f"store.endpoint={store.endpoint}",
        f"store.bucket={store.bucket}",
        f"store.prefix={store.prefix}",
        f"store.secure={store.secure}",
    ]


@pytest.mark.slow
def test_from_training_to_a_rollback_that_is_served(where, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    forms = bi.generate(400, seed=3)
    records = [
        {key: text for key, text in record.items() if isinstance(text, str)}
        for record in forms[["cabbi", "rs_x", "clt_x", "profs_x", "actet_x"]].to_dict("records")
    ]

    def run(script, *more):
        answer = call(script, *more, *where, cwd=tmp_path)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    train = ["data=bi", "data.size=400", "data.columns=rs_x,clt_x,profs_x,actet_x", "trainer.max_epochs=1"]
    first, second = (run("train.py", *train, f"seed={seed}").split()[1] for seed in (1, 2))
    run("threshold.py", f"run_id={first}", "value=0.3")
    run("publish.py", f"run_id={first}", "name=forms")
    forms.drop(columns=["siretm", "siretc"]).to_csv(tmp_path / "forms.csv", index=False)

    def expected(run_id):
        answers = json.loads(run("runtime.py", f"run_id={run_id}", "input=forms.csv", "format=json"))
        return {item["id"]: item["score"] for item in answers}

    scores = {1: expected(first), 2: expected(second)}
    with serving(tmp_path, "published=forms", "reload=0.2", *where) as service:

        def ask():
            status, answer = service.ask("/models/forms/predict", {"records": records})
            assert status == 200
            for result in answer["results"]:
                assert result["score"] == pytest.approx(scores[answer["version"]][result["id"]], abs=1e-6)
            return answer["version"], answer["run_id"], answer["results"][0]["threshold"]

        assert ask() == (1, first, 0.3)
        run("publish.py", f"run_id={second}", "name=forms", "threshold=0.6")
        service.until(lambda: "forms@2 is served from now on" in service.log)
        service.until(lambda: ask() == (2, second, 0.6))
        run("publish.py", "name=forms", "rollback=true")
        service.until(lambda: "forms@1 is served from now on" in service.log)
        service.until(lambda: ask() == (1, first, 0.3))
    assert service.process.returncode == 0
