"""Records become columns, with the texts and the refusals that a table of them would have."""

import pandas as pd
import pytest

from libelle.data.raw_records import to_columns
from libelle.errors import UserError

RECORDS = [{"job": " maçon ", "town": "", "form": "F1"}, {"job": None, "town": "Sète"}, {"town": float("nan")}]


def texts(records, id_="form"):
    columns = to_columns(records, ["job", "town"], "job", ["label"], id_)
    return {name: column.rows(range(len(column))) for name, column in columns.items()}


def test_records_are_read_the_same_with_and_without_a_table():
    found = texts(RECORDS)
    assert found == {"job": [" maçon ", None, None], "town": [None, "Sète", None], "form": ["F1", None, None]}
    assert texts(pd.DataFrame(RECORDS)) == found


def test_numbers_are_written_as_a_table_writes_them():
    assert texts([{"job": 57}, {"job": None, "form": 7}])["job"] == ["57", None]


@pytest.mark.parametrize("record", ["\ud800", {"job": "\ud800"}, {"job": "a", "form": "\ud800"}])
def test_half_a_character_is_refused_in_fields_and_ids(record):
    with pytest.raises(UserError, match=r"half of a character"):
        texts([record])


def test_records_without_any_field_are_refused():
    with pytest.raises(UserError, match="no column 'job'"):
        texts([{"form": "F1"}])
    assert texts([], None) == {"job": [], "town": []}
