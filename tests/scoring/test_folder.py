"""Scoring into a folder of parts: each row once, gone on with after whatever ended it, and nothing mixed up."""

import errno
import json
import os
import re
import sys
from pathlib import Path

import pandas as pd
import pytest

from helpers.killing import killed_at
from helpers.scoring import answers_in, parts, score_here
from helpers.scripts import call
from libelle.cli.runtime import ScoringRequest
from libelle.components import validate
from libelle.data import file_parts
from libelle.errors import UserError
from libelle.scoring import folder as scoring
from libelle.scoring.inputs import find_inputs
from libelle.scoring.ledger import open_ledger
from libelle.scoring.outputs import NAME

FORMS = "input=forms/*.csv"


@pytest.fixture
def output(place, request):
    """A new folder's name, as it is typed."""
    return f"scores_{request.node.name[:40].replace('[', '_').replace(']', '')}"


def ledger_of(folder):
    return [json.loads(line) for line in (folder / NAME).read_text().splitlines()]


def test_parts_hold_each_row_once_with_the_answers_of_one_file_after_the_other(place, score, output, monkeypatch):
    monkeypatch.setattr(file_parts, "PART_BYTES", 1500)
    answer = score(FORMS, f"output={output}/")
    assert answer.returncode == 0, answer.stderr
    found = answers_in(place / output)
    assert len(parts(place / output)) > 8
    assert list(found["file"].unique()) == [f"forms/{number}.csv" for number in range(4)]
    for name, rows in found.groupby("file"):
        assert call("runtime.py", f"input={name}", "output=one.parquet", cwd=place).returncode == 0
        alone = pd.read_parquet(place / "one.parquet")
        pd.testing.assert_frame_equal(rows.drop(columns="file").reset_index(drop=True), alone, rtol=1e-6)
    assert found["id"].tolist()[-2:] == ["BI2", "BI4"]
    assert "forms/3.csv, line 44: 3 fields where the header has 5; passed over" in answer.stderr
    assert "163 records, 162 scored, 1 refused" in answer.stderr
    refused = [row for entry in ledger_of(place / output)[1:] for row in entry["refused_rows"]]
    assert [(row["file"], row["first"], row["last"]) for row in refused] == [("forms/3.csv", 44, 44)]


def test_a_folder_and_a_pattern_of_any_formats_are_scored_alike(place, score, output):
    mixed = place / "mixed"
    (mixed / "deep").mkdir(parents=True)
    forms = [pd.read_csv(place / "forms" / f"{number}.csv", dtype="str") for number in range(3)]
    forms[0].to_csv(mixed / "a.csv.gz", index=False)
    forms[1].to_parquet(mixed / "b.parquet", index=False)
    forms[2].drop(columns="cabbi").to_csv(mixed / "deep" / "c.csv", index=False, sep=";", encoding="cp1252")
    (mixed / "_SUCCESS").touch()
    assert score("input=mixed", f"output={output}/").returncode == 0
    assert score("input=mixed/**/*.*", f"output={output}_too", "engine=processes").returncode == 0
    found = answers_in(place / output)
    pd.testing.assert_frame_equal(found, answers_in(place / f"{output}_too"))
    assert found["id"].tolist() == [*forms[0]["cabbi"], *forms[1]["cabbi"], *range(1, 41)]
    # Each file takes the keys of its kind; one that none takes would have no effect.
    forms[1].to_excel(mixed / "b.xlsx", index=False)
    assert score("input=mixed", f"output={output}_typed/", "quote=none", "sheet=Sheet1").returncode == 0
    for wanted in ("input=mixed/*.parquet", "input=mixed/b.parquet"):
        answer = score(wanted, "output=none/", "encoding=cp1252")
        assert answer.stderr.startswith(f"encoding=cp1252 is for CSV files, and {wanted} names none; leave it out.")
    answer = score("input=mixed/*.csv.gz", "output=none/", "sheet=x")
    assert answer.stderr.startswith("sheet=x is for Excel files, and input=mixed/*.csv.gz names none")
    assert not (place / "none").exists()


def test_what_was_ended_anywhere_goes_on_to_the_same_bytes(place, score, output, monkeypatch):
    assert score(FORMS, f"output={output}_whole/").returncode == 0
    for done in (0, 3):

        def ended(job, shards, workers, advance, done=done):
            for number, outcome in enumerate(score_here(job, shards, workers, advance)):
                if number == done:
                    raise KeyboardInterrupt
                yield outcome

        folder = place / f"{output}_{done}"
        with monkeypatch.context() as patch:
            patch.setattr(scoring, "_engine", lambda name, ended=ended: ended)
            answer = score(FORMS, f"output={folder.name}/")
        assert answer.returncode == 130
        assert f"{done} of 4 parts; the same command goes on" in answer.stderr
        with (folder / NAME).open("a") as file:
            file.write('{"shard": 3, "si')  # as a kill leaves it
        assert score(FORMS, f"output={folder.name}/").returncode == 0
        assert parts(folder) == parts(place / f"{output}_whole")
        assert [entry["shard"] for entry in ledger_of(folder)[1:]] == [0, 1, 2, 3]


def test_a_command_that_is_killed_goes_on(place, output):
    arguments = [FORMS, f"output={output}/", "workers=2"]
    killed = killed_at("libelle.scoring.ledger:Ledger.add", 3, "runtime.py", *arguments, cwd=place)
    assert killed.returncode == -9
    assert len(ledger_of(place / output)) == 3
    answer = call("runtime.py", *arguments, cwd=place)
    assert answer.returncode == 0, answer.stderr
    assert f"going on with output={output}: 2 of 4 parts are there" in answer.stderr
    assert len(answers_in(place / output)) == 162
    assert sorted(path.name for path in (place / output).iterdir()) == [NAME, *sorted(parts(place / output))]


def test_a_finished_output_is_left_alone_and_a_lost_part_is_made_again(place, score, output):
    assert score(FORMS, f"output={output}/").returncode == 0
    before, times = parts(place / output), [path.stat().st_mtime_ns for path in (place / output).iterdir()]
    answer = score(FORMS, f"output={output}/", "workers=3")
    assert "is finished; nothing is left to score" in answer.stderr
    assert times == [path.stat().st_mtime_ns for path in (place / output).iterdir()]
    (place / output / "part-00002.parquet").unlink()
    assert score(FORMS, f"output={output}/").returncode == 0
    assert parts(place / output) == before


def test_what_was_not_begun_is_not_gone_on_with(place, score, output):
    assert score(FORMS, f"output={output}/").returncode == 0
    before = parts(place / output)
    for change, sentence in (
        (["top=1"], "was begun with top=null; ask for the same"),
        (["input=forms/[012].csv"], "forms/3.csv is not among them now"),
        (["input=forms"], None),
    ):
        answer = score(FORMS, f"output={output}/", *change)
        assert answer.returncode == (2 if sentence else 0)
        assert (sentence or "is finished") in answer.stderr
    assert parts(place / output) == before


def test_an_input_that_changes_is_refused_before_and_within(place, score, output, monkeypatch):
    forms = place / output
    forms.mkdir()
    for name in ("a.csv", "b.csv"):
        (forms / name).write_text((place / "forms" / "0.csv").read_text())

    def changing(job, shards, workers, advance):
        for outcome in score_here(job, shards, workers, advance):
            yield outcome
            (forms / "b.csv").write_text((place / "forms" / "1.csv").read_text())

    with monkeypatch.context() as patch:
        patch.setattr(scoring, "_engine", lambda name: changing)
        answer = score(f"input={output}", f"output={output}_scores/")
    assert answer.returncode == 2
    assert f"{output}/b.csv has changed since its scoring began" in answer.stderr
    answer = score(f"input={output}", f"output={output}_scores/")
    assert f"another {output}/b.csv: it has changed since" in answer.stderr
    assert list(parts(place / f"{output}_scores")) == ["part-00000.parquet"]


def test_another_version_of_a_model_is_refused(place, score, output):
    (manifest,) = (place / "store" / "runs").glob("*/1/*.manifest.json")
    run_id = json.loads(manifest.read_text())["run_id"]
    for threshold in ("0.3", "0.4"):
        answer = call("publish.py", f"run_id={run_id}", "name=forms", f"threshold={threshold}", cwd=place)
        assert answer.returncode == 0, answer.stderr
    assert score(FORMS, f"output={output}/", "published=forms@1").returncode == 0
    answer = score(FORMS, f"output={output}/", "published=forms")
    assert "was begun with model forms@1, and this is forms@2" in answer.stderr
    assert set(answers_in(place / output)["threshold"]) == {0.3}


def test_a_bad_row_may_stop_the_work_which_goes_on_without_it(place, score, output):
    answer = score(FORMS, f"output={output}/", "on_error=stop")
    assert answer.returncode == 2
    assert "forms/3.csv, line 44: 3 fields" in answer.stderr
    assert len(parts(place / output)) == 3
    assert score(FORMS, f"output={output}/").returncode == 0
    assert len(answers_in(place / output)) == 162


def test_the_page_of_shards_is_that_of_one_pass(place, score, output, monkeypatch):
    monkeypatch.setattr(file_parts, "PART_BYTES", 1500)
    assert score("input=forms/3.csv", f"output={output}/", "report=true").returncode == 0
    assert score("input=forms/3.csv", f"output={output}.csv", "report=true").returncode == 0
    assert len(parts(place / output)) > 2
    page = (place / f"{output}.report.html").read_text()
    assert page == (place / f"{output}.csv.report.html").read_text()
    (place / f"{output}.report.html").unlink()
    assert score("input=forms/3.csv", f"output={output}/", "report=true").returncode == 0
    assert (place / f"{output}.report.html").read_text() == page


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"input": "forms/*.csv", "output": "scores.csv"}, "may be several files; write into a folder, as output=scor"),
        ({"input": "forms/0.csv", "output": "a.csv", "workers": 2}, "workers=2 scores into a folder of parts"),
        ({"input": "forms/0.csv", "engine": "ray"}, "engine=ray scores into a folder of parts"),
        ({"text": "a", "workers": 2}, "workers=2 is for files"),
        ({"input": "-", "output": "new/"}, "input=- is one stream"),
        ({"input": "forms", "output": "new/", "excel": "fr"}, "excel=fr is for a CSV file"),
        ({"input": "forms", "output": "no/new/"}, "output=no/new/ cannot be made"),
        ({"input": "forms", "output": "new/", "workers": 0}, "workers=0 does not fit"),
    ],
)
def test_what_does_not_go_together_is_a_sentence(values, sentence):
    with pytest.raises(UserError, match=re.escape(sentence)):
        validate(ScoringRequest, values, "")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([FORMS, "output=new/", "keep=nothing"], "forms/0.csv has no column 'nothing'"),
        ([FORMS, "output=forms/"], "output=forms is where the input forms/0.csv lies"),
        (["input=forms", "output=forms/new/"], "output=forms/new lies in input=forms"),
        ([FORMS, "output=store/"], "output=store holds other files"),
    ],
)
def test_a_mistake_is_a_sentence_and_leaves_nothing_behind(place, score, arguments, sentence):
    answer = score(*arguments)
    assert answer.returncode == 2
    assert sentence in answer.stderr
    assert not (place / "new").exists()


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("none/*.csv", r"input=none/\*.csv names no file"),
        ("none.csv", "The file none.csv does not exist"),
        ("s3://bucket/forms/", "give store=minio"),
    ],
)
def test_an_input_that_is_not_there_is_a_sentence(wanted, sentence):
    with pytest.raises(UserError, match=sentence):
        find_inputs(wanted, None)


def test_a_file_that_does_not_fit_is_refused_before_any_is_scored(place, score, output):
    bad = place / output
    bad.mkdir()
    (bad / "a.csv").write_text((place / "forms" / "0.csv").read_text())
    (bad / "b.csv").write_text("cabbi,rs_x\n1,a\n")
    answer = score(f"input={output}", "output=new/")
    assert f"{output}/b.csv has no column 'clt_x'" in answer.stderr
    assert not (place / "new").exists()


def test_a_file_without_rows_is_a_part_without_rows(place, score, output):
    forms = place / output
    forms.mkdir()
    header = (place / "forms" / "0.csv").read_text().splitlines()[0]
    (forms / "a.csv").write_text(f"{header}\n")
    (forms / "b.csv").write_text(f"{header}\nBI1,,,,\n")
    assert score(f"input={output}", f"output={output}_scores/", "keep=all").returncode == 0
    first, second = (pd.read_parquet(place / f"{output}_scores" / f"part-0000{number}.parquet") for number in (0, 1))
    assert (len(first), len(second)) == (0, 1)
    assert first.dtypes.to_dict() == second.dtypes.to_dict()


def test_one_process_holds_a_folder(place, score, output, monkeypatch):
    def held(job, shards, workers, advance):
        with pytest.raises(UserError, match="is being written by another process"), open_ledger(job.output):
            pass
        yield from score_here(job, shards, workers, advance)

    monkeypatch.setattr(scoring, "_engine", lambda name: held)
    assert score(FORMS, f"output={output}/").returncode == 0


def test_a_part_that_was_altered_or_is_gone_is_scored_again(place, score, output):
    assert score(FORMS, f"output={output}/").returncode == 0
    whole = parts(place / output)
    for number, damage in ((1, flip), (2, Path.unlink)):
        damage(place / output / f"part-0000{number}.parquet")
        answer = score(FORMS, f"output={output}/")
        assert answer.returncode == 0, answer.stderr
        assert f"gone or were altered are scored again: 1 of 4, from part-0000{number}.parquet" in answer.stderr
        assert "3 of 4 parts are there" in answer.stderr
        assert parts(place / output) == whole


def flip(path):
    """Change a byte in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("output", "full"),
    [("full_0", "libelle.scoring.shard.ParquetFile.write"), ("full_1", "libelle.scoring.outputs._Lines.add")],
)
def test_a_full_disk_is_a_sentence_that_names_it_and_room_lets_the_work_go_on(place, score, monkeypatch, output, full):
    def fail(*_):
        raise OSError(errno.ENOSPC, "Error writing bytes to file. Detail: ...")

    with monkeypatch.context() as patch:
        patch.setattr(full, fail)
        answer = score(FORMS, f"output={output}/")
    assert answer.returncode == 2
    assert f"output={output} cannot be written to ({os.strerror(errno.ENOSPC)}); make room" in answer.stderr
    assert score(FORMS, f"output={output}/").returncode == 0
    assert len(answers_in(place / output)) == 162


def test_a_damaged_ledger_is_a_sentence(place, score, output):
    assert score(FORMS, f"output={output}/").returncode == 0
    (place / output / NAME).write_text('{"format": 1}\n')
    assert "is damaged; remove the folder" in score(FORMS, f"output={output}/").stderr


def test_ray_that_is_not_installed_is_asked_for(place, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    answer = call("runtime.py", FORMS, "output=ray/", "engine=ray", cwd=place)
    assert answer.returncode == 2
    assert "pip install 'libelle[ray]', or set engine=processes" in answer.stderr
