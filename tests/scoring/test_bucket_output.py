"""Parts in a bucket are those of a folder, and the work goes on after whatever ended it."""

import errno
import json
import os
import tempfile
from dataclasses import replace

import pytest

from helpers.killing import killed_at
from helpers.scoring import bytes_in, score_here
from helpers.scripts import call
from libelle.errors import UserError
from libelle.scoring import folder as scoring
from libelle.scoring.bucket_output import BucketOutput

FORMS = "input=forms/*.csv"


@pytest.fixture
def into(place, score, bucket):
    """Scores into a folder of the bucket, and gives back how the command ended."""
    return lambda *arguments, output="scores/": score(
        FORMS, f"output=s3://{bucket.bucket}/{output}", *bucket.place, *arguments
    )


def ended_after(parts):
    """An engine that Ctrl-C ends after so many parts."""

    def engine(job, shards, workers, advance):
        for number, outcome in enumerate(score_here(job, shards, workers, advance)):
            if number == parts:
                raise KeyboardInterrupt
            yield outcome

    return engine


def test_parts_in_a_bucket_are_those_of_a_folder(place, score, bucket, into, session_moto):
    assert score(FORMS, "output=on_disk/").returncode == 0
    answer = into("report=true")
    assert answer.returncode == 0, answer.stderr
    on_disk = {path.name: path.read_bytes() for path in (place / "on_disk").glob("part-*")}
    assert bytes_in(bucket, "scores/part-") == on_disk
    assert "163 records, 162 scored, 1 refused" in answer.stderr
    assert b"<html" in bucket.get("scores.report.html")
    ledger = b"".join(bytes_in(bucket, "scores/_ledger/").values()).decode()
    assert not [value for value in (*session_moto.credentials.values(), bucket.endpoint) if value in ledger]
    assert "nothing is left to score" in into("report=true").stderr
    assert bytes_in(bucket, "scores/part-") == on_disk


@pytest.mark.parametrize("done", [0, 3])
def test_what_was_ended_anywhere_goes_on_to_the_same_bytes(bucket, into, monkeypatch, done):
    assert into(output="whole/").returncode == 0
    with monkeypatch.context() as patch:
        patch.setattr(scoring, "_engine", lambda name: ended_after(done))
        answer = into()
    assert answer.returncode == 130
    assert f"has {done} of 4 parts; the same command goes on" in answer.stderr
    assert into().returncode == 0
    assert bytes_in(bucket, "scores/") == bytes_in(bucket, "whole/")


@pytest.mark.parametrize("step", ["bucket_output:_Objects.begin", "bucket_output:_Objects.add"])
def test_a_command_that_is_killed_goes_on_to_the_same_bytes(place, bucket, into, step):
    assert into(output="whole/").returncode == 0
    command = ("runtime.py", FORMS, f"output=s3://{bucket.bucket}/scores/", *bucket.place)
    assert killed_at(f"libelle.scoring.{step}", 1, *command, cwd=place).returncode == -9
    assert into().returncode == 0
    assert bytes_in(bucket, "scores/") == bytes_in(bucket, "whole/")


def test_a_part_that_was_altered_is_scored_again(bucket, into):
    assert into().returncode == 0
    whole = bytes_in(bucket, "scores/")
    other = bytearray(bucket.get("scores/part-00002.parquet"))
    other[len(other) // 2] ^= 1
    bucket.put("scores/part-00002.parquet", bytes(other))
    answer = into()
    assert "scored again: 1 of 4, from part-00002.parquet" in answer.stderr
    assert bytes_in(bucket, "scores/") == whole


def test_two_commands_at_the_same_time_do_no_harm(bucket, into, monkeypatch):
    assert into(output="whole/").returncode == 0

    def twice(job, shards, workers, advance):
        with monkeypatch.context() as patch:
            patch.setattr(scoring, "_engine", lambda name: score_here)
            scoring.score_into_folder(job.request, job.model, job.model.load(), "processes", 1)
        yield from score_here(job, shards, workers, advance)

    monkeypatch.setattr(scoring, "_engine", lambda name: twice)
    assert into().returncode == 0
    assert bytes_in(bucket, "scores/") == bytes_in(bucket, "whole/")


def test_of_two_commands_that_begin_one_is_refused(bucket):
    output = BucketOutput("s3://forms/scores/", replace(bucket, prefix="scores"))
    with output.hold() as first, output.hold() as second:
        first.begin({"format": 1})
        with pytest.raises(UserError, match="was begun by another command just now"):
            second.begin({"format": 2})
    assert json.loads(bucket.get("scores/_ledger/plan.json")) == {"format": 1}


def test_another_request_or_input_is_refused(place, bucket, into):
    assert into().returncode == 0
    assert "was begun with keep=null" in into("keep=all").stderr
    assert "was begun with other input files" in into("input=forms/0.csv").stderr


def test_a_full_folder_of_temporary_files_is_a_sentence_that_names_it(bucket, into, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, "Error writing bytes to file. Detail: ...")

    with monkeypatch.context() as patch:
        patch.setattr("libelle.scoring.shard.ParquetFile.write", fail)
        answer = into()
    assert answer.returncode == 2
    where = f"its parts are made in {tempfile.gettempdir()} (TMPDIR) first ({os.strerror(errno.ENOSPC)})"
    assert f"output=s3://{bucket.bucket}/scores/ cannot be written to: {where}; make room" in answer.stderr
    assert into().returncode == 0


def test_a_damaged_ledger_is_a_sentence(bucket, into):
    assert into().returncode == 0
    bucket.put("scores/_ledger/00001.json", b"{")
    answer = into()
    assert answer.returncode == 2
    assert "scores/_ledger/ is damaged; remove the folder" in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([FORMS, "output=s3://{}/"], "is no folder in a bucket; write s3://<bucket>/<folder>/"),
        ([FORMS, "output=s3://{}/a/../b/"], "is no folder in a bucket"),
        ([FORMS, "output=s3://{}/a*/"], "is no folder in a bucket"),
        ([FORMS, "output=s3:///scores/"], "names no bucket"),
        ([FORMS, "output=s3://{}/scores.csv"], "is a folder of parts in a bucket, and no .csv file"),
        ([FORMS, "output=s3://{}/forms/"], "holds other files, 0.csv for instance"),
        ([FORMS, "output=s3://no-such-bucket/scores/"], "store.bucket=no-such-bucket does not exist"),
        (["input=s3://{}/forms/", "output=s3://{}/forms/scores/"], "lies in input=s3://{}/forms/"),
        (["input=s3://{}/forms/0.csv", "output=s3://{}/forms/"], "is where the input s3://{}/forms/0.csv lies"),
        (["text=a", "output=s3://{}/scores/"], "a bucket takes the parts of files"),
        ([FORMS, "output=s3://{}/new/", "keep=nothing"], "forms/0.csv has no column 'nothing'"),
    ],
)
def test_a_mistake_is_a_sentence_and_leaves_nothing_behind(place, score, bucket, arguments, sentence):
    before = bytes_in(bucket, "")
    answer = score(*(argument.replace("{}", bucket.bucket) for argument in arguments), *bucket.place)
    assert answer.returncode == 2
    assert sentence.replace("{}", bucket.bucket) in answer.stderr
    assert bytes_in(bucket, "") == before


def test_a_bucket_without_a_store_that_reaches_it_is_a_sentence(place):
    answer = call("runtime.py", FORMS, "output=s3://bucket/scores/", cwd=place)
    assert answer.returncode == 2
    assert "output=s3://bucket/scores/ is reached by the credentials of store=minio" in answer.stderr
