"""The scripts as people call them: one train run, then everything that is done with it."""

import json
import signal

import pandas as pd
import pytest

from helpers.place import FIELDS, files_below, run_file, scores, train_arguments
from helpers.scripts import call, start


def test_train_prints_the_run_its_metrics_and_what_to_type_next(place, run_id):
    printed = (place / "first.txt").read_text()
    assert run_id in printed
    assert "average_precision" in printed
    assert [line.split()[1] for line in printed.splitlines() if line.startswith("  ") and ".py " in line] == [
        "runtime.py",
        "threshold.py",
        "publish.py",
    ]


def test_every_file_of_a_run_is_stamped_and_in_the_manifest(place, run_id):
    folder = run_file(place, run_id, "x").parent
    manifest = json.loads(run_file(place, run_id, "manifest.json").read_text())
    assert files_below(folder) == {*manifest["files"], f"{run_id}.manifest.json"}
    assert all(name.startswith(run_id) for name in manifest["files"])
    assert manifest["status"] == "completed"
    assert manifest["command"].startswith("python train.py data=csv data.path=forms.csv")


def test_runtime_scores_equal_the_predictions_of_the_run(place, run_id):
    expected = pd.read_parquet(run_file(place, run_id, "predictions.parquet")).set_index("id")
    assert list(expected.columns) == ["split", "target", "score_no", "score_yes"]
    answers = scores("input=forms.csv", cwd=place)
    assert len(answers) == 400
    found = {answer["id"]: answer["scores"]["yes"] for answer in answers}
    for id_, score in expected["score_yes"].items():
        assert found[id_] == pytest.approx(score, abs=1e-6)
    assert {answer["label"] for answer in answers} <= {"no", "yes"}
    assert all((answer["label"] == "yes") == (answer["score"] >= 0.5) for answer in answers)
    assert {answer["model"] for answer in answers} == {run_id}


@pytest.mark.parametrize(
    "text",
    [
        "Boulangerie Léa, pâtisserie (chef) = 50 %",
        "???",
        "75001",
        "-m",
        "NULL",
        "${x}",
        "a'b\"c\\",
        "[x",
        "{",
        "a\nb",
        "x" * 20_000,
    ],
)
def test_any_text_is_scored_as_typed(place, text):
    (typed,) = scores(f"text={text}", cwd=place)
    (as_record,) = scores(f"record.rs_x={text}", cwd=place)
    assert typed["scores"] == as_record["scores"]


def test_blank_text_is_an_empty_record(place):
    empty = pd.DataFrame({name: [None] for name in FIELDS})
    empty.to_csv(place / "empty.csv", index=False)
    (expected,) = scores("input=empty.csv", cwd=place)
    (blank,) = scores("text=  ", cwd=place)
    assert blank["scores"] == expected["scores"]


def test_runtime_leaves_no_trace_of_the_text(place, tmp_path):
    before = files_below(place)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    process = start("runtime.py", "text=Xylotrope Zanzibar", cwd=place, TMPDIR=str(temporary))
    process.communicate()
    assert process.returncode == 0
    assert files_below(place) == before
    assert not files_below(temporary)


def test_stdin_and_bad_rows(place):
    lines = (place / "forms.csv").read_text().splitlines()
    broken = "\n".join([*lines[:3], "only,two", *lines[3:5]]) + "\n"
    answer = call("runtime.py", "input=-", "format=json", cwd=place, stdin=broken)
    assert answer.returncode == 0
    assert len(json.loads(answer.stdout)) == 4
    assert "line 4" in answer.stderr
    stopped = call("runtime.py", "input=-", "format=json", "on_error=stop", cwd=place, stdin=broken)
    assert stopped.returncode == 2
    assert "line 4" in stopped.stderr


@pytest.mark.parametrize("name", ["scores.csv", "scores.parquet"])
def test_output_holds_the_fields_of_the_json_as_columns(place, name):
    assert call("runtime.py", "input=forms.csv", f"output={name}", cwd=place).returncode == 0
    table = pd.read_parquet(place / name) if name.endswith("parquet") else pd.read_csv(place / name)
    assert list(table.columns) == ["id", "label", "score", "threshold", "model"]
    assert len(table) == 400


def test_failed_scoring_leaves_the_old_output(place):
    (place / "kept.csv").write_text("before")
    (place / "bad.csv").write_text("cabbi,rs_x\n1,A\n")
    answer = call("runtime.py", "input=bad.csv", "output=kept.csv", cwd=place)
    assert answer.returncode == 2
    assert "clt_x" in answer.stderr
    assert (place / "kept.csv").read_text() == "before"


def test_publish_version_rollback_and_runtime(place, run_id):
    first = call("publish.py", f"run_id={run_id}", "name=forms", "threshold=0.5", cwd=place)
    assert first.returncode == 0, first.stderr
    assert call("publish.py", f"run_id={run_id}", "name=forms", "threshold=0.01", cwd=place).returncode == 0
    (from_run,) = scores(f"run_id={run_id}", "text=PARTICULIER", cwd=place)
    (current,) = scores("published=forms", "text=PARTICULIER", cwd=place)
    (older,) = scores("published=forms@1", "text=PARTICULIER", cwd=place)
    assert current["model"] == "forms@2"
    assert current["threshold"] == 0.01
    assert current["label"] == "yes"
    assert older["threshold"] == 0.5
    assert current["score"] == pytest.approx(from_run["score"], abs=1e-6)
    assert older["score"] == pytest.approx(from_run["score"], abs=1e-6)
    assert call("publish.py", "name=forms", "rollback=true", cwd=place).returncode == 0
    assert scores("published=forms", "text=x", cwd=place)[0]["model"] == "forms@1"
    assert call("publish.py", "name=forms", "rollback=true", cwd=place).returncode == 2
    listed = call("publish.py", "list=true", cwd=place).stdout
    assert "forms" in listed
    assert "current" in listed
    assert call("publish.py", "list=true", "name=forms", cwd=place).stdout == listed
    for what in ("list=true", "rollback=true"):
        sentence = call("publish.py", "name=nosuch", what, cwd=place).stderr
        assert "name=nosuch is not in the local store store/; published there: forms." in sentence
    sentence = call("runtime.py", "published=forms@9", "text=x", cwd=place).stderr
    assert "published=forms@9 is not in the local store store/; versions of forms there: 1, 2." in sentence


def test_a_store_without_a_published_model_says_so(tmp_path):
    answer = call("publish.py", "list=true", cwd=tmp_path)
    assert answer.returncode == 0
    assert "nothing is published in the local store store/" in answer.stderr


@pytest.mark.parametrize("key", ["sign=key.pem", "threshold=0.5", "min_records=3"])
@pytest.mark.parametrize("what", [["rollback=true", "name=forms"], ["list=true"]])
def test_a_key_of_publish_that_would_have_no_effect_is_refused(place, key, what):
    answer = call("publish.py", *what, key, cwd=place)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert f"{key} is for run_id=, and {what[0]} publishes nothing new; leave it out." in answer.stderr


@pytest.mark.slow
def test_choose_a_threshold_then_score_and_publish_with_it(place):
    assert call("train.py", *train_arguments(calibration="temperature"), cwd=place).returncode == 0
    newest = max((place / "store" / "runs").glob("*/*"), key=lambda path: int(path.name))
    chosen_run = f"{newest.parent.name}_{newest.name}"
    refused = call("publish.py", f"run_id={chosen_run}", "name=chosen", cwd=place)
    assert refused.returncode == 2
    assert f"python threshold.py run_id={chosen_run} precision=0.8, or" in refused.stderr
    elsewhere = call("publish.py", f"run_id={chosen_run}", "name=chosen", "store.root=./store/../store", cwd=place)
    assert f"precision=0.8 store.root={place}/store/../store, or" in elsewhere.stderr
    impossible = call("threshold.py", "precision=1", "confidence=0.999999", cwd=place)
    assert impossible.returncode == 2
    assert "ask for precision=0." in impossible.stderr
    assert len(impossible.stderr.splitlines()) == 1
    answer = call("threshold.py", f"run_id={chosen_run}", "recall=0.9", cwd=place)
    assert answer.returncode == 0, answer.stderr
    assert "truly label yes" in answer.stdout
    assert f"publish.py run_id={chosen_run}" in answer.stdout
    as_json = call("threshold.py", f"run_id={chosen_run}", "cost.fp=5", "cost.fn=1", "format=json", cwd=place)
    choice = json.loads(as_json.stdout)
    assert [item["rule"]["confidence"] for item in choice["history"]] == [None, None]
    (scored,) = scores(f"run_id={chosen_run}", "text=PARTICULIER", cwd=place)
    assert scored["threshold"] == choice["value"]
    assert call("publish.py", f"run_id={chosen_run}", "name=chosen", cwd=place).returncode == 0
    (served,) = scores("published=chosen", "text=PARTICULIER", cwd=place)
    assert served["threshold"] == choice["value"]
    assert served["scores"] == scored["scores"]


@pytest.mark.parametrize(
    ("asked", "said"), [(["value=0.57"], "threshold 0.57, by value=0.57"), (["cost.fp=5", "cost.fn=1"], "cost.fn=1.0")]
)
def test_a_choice_is_named_as_it_was_typed(place, run_id, asked, said):
    answer = call("threshold.py", f"run_id={run_id}", *asked, cwd=place)
    assert answer.stdout.splitlines()[0].endswith(said)


def test_any_flipped_byte_is_found(place, run_id):
    for path in sorted(run_file(place, run_id, "x").parent.rglob("*")):
        if not path.is_file() or path.name.endswith("manifest.json"):
            continue
        whole = path.read_bytes()
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 1
        path.write_bytes(bytes(flipped))
        try:
            answer = call("publish.py", f"run_id={run_id}", "name=altered", "threshold=0.5", cwd=place)
            assert answer.returncode == 2, path.name
            assert path.name in answer.stderr
        finally:
            path.write_bytes(whole)
        if path.name == "weights.safetensors":
            break
    assert not (place / "store" / "published" / "altered").exists()


@pytest.mark.slow
def test_prepare_once_and_sweep_over_models_and_samplers(place):
    prepared = call("train.py", "mode=prepare", *train_arguments(), cwd=place)
    assert prepared.returncode == 0, prepared.stderr
    answer = call("train.py", "--multirun", "mode=train", "sampler=none,oversample", "trainer.max_epochs=1", cwd=place)
    assert answer.returncode == 0, answer.stderr
    listed = call("runs.py", "list", "status=completed", cwd=place).stdout
    assert listed.count(" #0") == listed.count(" #1") == 1
    assert "sweep" in answer.stdout
    differs = call("train.py", "mode=train", "process.min_count=7", cwd=place)
    assert differs.returncode == 2
    assert "process.min_count=7" in differs.stderr


def test_a_sweep_says_what_its_data_are_once_for_each(place):
    sweep = ["data.columns=choice(rs_x,profs_x)", "model=logreg,naive_bayes", "process=tfidf"]
    answer = call("train.py", "--multirun", *train_arguments(), *sweep, cwd=place)
    assert answer.returncode == 0, answer.stderr
    said = [line for line in answer.stderr.splitlines() if line.startswith("  fields: ")]
    assert said == ["  fields: rs_x", "  fields: profs_x"]


def test_a_failed_run_says_so(place):
    answer = call("train.py", *train_arguments(**{"model.optimizer.lr": "1e20"}), cwd=place)
    assert answer.returncode == 2
    listed = call("runs.py", "list", "status=failed", "limit=1", cwd=place).stdout
    failed = next(word for line in listed.splitlines() for word in line.split() if word.startswith("20"))
    manifest = json.loads(run_file(place, failed, "manifest.json").read_text())
    assert "model.optimizer.lr=1e+20" in manifest["error"]
    assert "Traceback" in run_file(place, failed, "log.txt").read_text()
    refused = call("runtime.py", f"run_id={failed}", "text=x", cwd=place)
    assert refused.returncode == 2
    assert "failed" in refused.stderr


@pytest.mark.slow
def test_interrupt_leaves_a_readable_state(place):
    arguments = train_arguments(**{"trainer.max_epochs": 100_000})
    process = start("train.py", *arguments, "~callbacks.early_stopping", cwd=place)
    for line in process.stderr:
        if " begins in " in line:  # the data are read, and the run has its id
            break
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate()
    assert process.returncode == 130, rest
    newest = max((place / "store" / "runs").glob("*/*"), key=lambda path: int(path.name))
    manifest = json.loads(next(newest.glob("*.manifest.json")).read_text())
    assert manifest["status"] == "failed"
    assert manifest["error"] == "interrupted"


def test_help_names_the_groups_and_keys(tmp_path):
    for script in ("train.py", "runs.py"):  # all are shown in test_libelle.py
        answer = call(script, "--help", cwd=tmp_path)
        assert answer.returncode == 0
        assert "store: local, minio" in answer.stdout
        assert f"python {script}" in answer.stdout
