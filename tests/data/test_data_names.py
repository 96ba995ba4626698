"""What data are called where nobody gave them a name; a model can be published under it."""

import pytest

from libelle.data.data_names import name_of, name_of_file, name_of_query
from libelle.data.file_source import FileSource


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("surveys/forms.csv", "forms"),
        ("forms.csv.gz", "forms"),
        ("forms.2024.parquet", "forms.2024"),
        ("shipped:diaries.parquet", "diaries"),
        ("C:\\data\\Libellés codés (v2).TSV", "Libelles_codes_v2"),
        ("forms", "forms"),
        ("表.csv", "file"),
    ],
)
def test_a_file_gives_its_name_without_folders_and_endings(path, name):
    assert name_of_file(path) == name


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("SELECT * FROM forms", "forms"),
        ("select nature, label\nfrom census.entries e join codes c on c.id = e.code", "entries"),
        ('select * from "Household diaries" where year = 2024', "Household_diaries"),
        ("select * from [dbo].[forms]", "forms"),
        ("select 1", "query"),
    ],
)
def test_a_query_gives_the_name_of_its_first_table(query, name):
    assert name_of_query(query) == name


def test_a_source_in_a_config_has_the_same_name():
    assert name_of({"name": None, "path": "surveys/forms.csv"}) == "forms"
    assert name_of({"name": "", "query": "select * from entries"}) == "entries"
    assert name_of({"name": "Été 2024", "path": "forms.csv"}) == "Ete_2024"
    assert name_of({"name": None, "path": None}) == "data"


def test_a_name_that_was_given_counts_and_an_empty_one_is_none():
    assert FileSource(path="forms.csv", name="census").title == "census"
    assert FileSource(path="forms.csv", name="").title == "forms"
