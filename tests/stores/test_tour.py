"""The whole tour, on each kind of store: prepare, train, score, choose, publish, and score on another machine."""

import json
from pathlib import Path

import pytest

from helpers.scripts import call
from libelle.data.census import sample as bi
from libelle.stores.base import Store
from libelle.stores.minio import MinioStore


def store_arguments(store: Store) -> list[str]:
    if not isinstance(store, MinioStore):
        return [f"store.root={store.root}"]  # type: ignore[attr-defined]
    values = {"endpoint": store.endpoint, "bucket": store.bucket, "prefix": store.prefix, "secure": store.secure}
    return ["store=minio", *(f"store.{key}={value}" for key, value in values.items())]


@pytest.mark.slow
def test_what_one_machine_stores_another_loads_and_scores(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = store_arguments(store)
    first, second = tmp_path / "first", tmp_path / "second"
    for machine in (first, second):
        (machine / "cache").mkdir(parents=True)
    forms = bi.generate(300, seed=3)
    forms.to_csv(first / "forms.csv", index=False)
    forms.drop(columns=["siretm", "siretc"]).to_csv(second / "forms.csv", index=False)

    def run(script: str, *arguments: str, machine: Path) -> str:
        monkeypatch.setenv("XDG_CACHE_HOME", str(machine / "cache"))
        answer = call(script, *arguments, *where, cwd=machine)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    data = ["data=csv", "data.path=forms.csv", "data.id=cabbi", "data.columns=rs_x,clt_x,profs_x,actet_x"]
    target = ["data.target=siretm,siretc", "data.target_rule=all_empty"]
    run("train.py", "mode=prepare", *data, *target, machine=first)
    printed = run("train.py", "mode=train", "trainer.max_epochs=1", machine=first)
    run_id = printed.split()[1]
    score = ["input=forms.csv", "format=json"]
    expected = json.loads(run("runtime.py", f"run_id={run_id}", *score, machine=first))
    run("publish.py", f"run_id={run_id}", "name=forms", "threshold=0.2", machine=first)
    from_run = json.loads(run("runtime.py", f"run_id={run_id}", *score, machine=second))
    published = json.loads(run("runtime.py", "published=forms", *score, machine=second))
    assert from_run == expected
    assert [item["scores"] for item in published] == [item["scores"] for item in expected]
    assert all((item["score"] >= 0.2) == (item["label"] == "1") for item in published)
    # A published version keeps its threshold; the one published after a choice has that choice.
    run("threshold.py", f"run_id={run_id}", "value=0.3", machine=first)
    choice = json.loads(run("threshold.py", f"run_id={run_id}", "value=0.1", "format=json", machine=second))
    assert [item["value"] for item in choice["history"]] == [0.3, 0.1]
    run("publish.py", f"run_id={run_id}", "name=forms", machine=second)
    for name, expected_threshold in (("forms", 0.1), ("forms@1", 0.2)):
        scored = json.loads(run("runtime.py", f"published={name}", *score, machine=first))
        assert {item["threshold"] for item in scored} == {expected_threshold}
        assert all((item["score"] >= expected_threshold) == (item["label"] == "1") for item in scored)
    assert "forms" in run("publish.py", "list=true", machine=second)
    assert run_id in run("runs.py", "list", machine=second)
