"""Files in a bucket are scored as those on disk, by the credentials of the store."""

import gzip

import pytest

from helpers.scoring import answers_in
from libelle.errors import UserError
from libelle.scoring.inputs import find_inputs


def test_a_prefix_is_scored_from_a_bucket_as_a_folder_is(place, score, bucket):
    assert score("input=forms/*.csv", "output=disk/").returncode == 0
    answer = score(f"input=s3://{bucket.bucket}/forms/", "output=s3/", *bucket.place)
    assert answer.returncode == 0, answer.stderr
    assert "forms/3.csv, line 44" in answer.stderr
    found, on_disk = answers_in(place / "s3"), answers_in(place / "disk")
    assert found["file"].tolist() == [f"s3://{bucket.bucket}/{name}" for name in on_disk["file"]]
    assert found.drop(columns="file").equals(on_disk.drop(columns="file"))


def test_a_pattern_or_a_key_names_objects(bucket):
    names = [f"s3://{bucket.bucket}/forms/{number}.csv" for number in range(4)]
    assert [file.name for file in find_inputs(f"s3://{bucket.bucket}/forms/*.csv", bucket)] == names
    assert [file.name for file in find_inputs(f"s3://{bucket.bucket}/forms/[12].csv", bucket)] == names[1:3]
    assert [file.name for file in find_inputs(names[3], bucket)] == names[3:]
    with pytest.raises(UserError, match="names no file; check the path"):
        find_inputs(f"s3://{bucket.bucket}/forms/4.csv", bucket)


def test_an_object_that_has_changed_is_refused(bucket):
    (file,) = find_inputs(f"s3://{bucket.bucket}/forms/0.csv", bucket)
    with file.open(bucket) as stream:
        assert stream.read(5) == b"cabbi"
        stream.seek(-3, 2)
        assert len(stream.read()) == 3
    bucket.put("forms/0.csv", b"other")
    with file.open(bucket) as stream, pytest.raises(UserError, match="has changed since its scoring began"):
        stream.read(5)


def test_packed_objects_are_read_from_end_to_end(place, score, bucket):
    bucket.put("packed/a.csv.gz", gzip.compress((place / "forms" / "0.csv").read_bytes()))
    answer = score(f"input=s3://{bucket.bucket}/packed/", "output=s3_packed/", *bucket.place)
    assert answer.returncode == 0, answer.stderr
    assert len(answers_in(place / "s3_packed")) == 40
