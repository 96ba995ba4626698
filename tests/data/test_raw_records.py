"""Records become columns, with the texts and the refusals that a table of them would have."""

from decimal import Decimal

import numpy as np
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


def test_columns_of_several_levels_are_refused():
    table = pd.DataFrame({("job", "x"): ["maçon"], ("town", "x"): ["Sète"]})
    for records in (table, table.iloc[:0]):
        with pytest.raises(UserError, match="several levels"):
            texts(records)


def test_one_value_of_numpy_is_no_list_of_records():
    with pytest.raises(UserError, match="The records are one ndarray"):
        texts(np.array("maçon"))


def test_a_decimal_of_a_million_digits_is_written_with_its_exponent():
    assert texts([{"job": Decimal("1e999999")}, {"job": Decimal("1e3")}])["job"] == ["1E+999999", "1000"]
