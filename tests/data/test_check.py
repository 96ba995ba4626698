"""The look at the data: what is found, what is not, and what each sentence says to do."""

import json
import shlex

import numpy as np
import pandas as pd
import pytest

from helpers.tiny import make_forms
from libelle.data.check.findings import sentences
from libelle.data.check.look import look_at
from libelle.data.file_source import FileSource
from libelle.data.frame_source import FrameSource
from libelle.data.split import SplitConfig
from libelle.errors import UserError


def look(frame, target="label", **keys):
    source = FrameSource(frame=frame, target=target, **keys)
    return look_at(source, source.read())


def kinds(check):
    return {finding.kind for finding in check.findings}


def said(check, kind):
    (sentence,) = [finding.sentence for finding in check.findings if finding.kind == kind]
    return sentence


def forms(**columns):
    """Forms without anything odd, but for the columns given."""
    table = make_forms(400).drop(columns="form")
    table["employer"] = [f"{name} {row}" for row, name in enumerate(table["employer"])]
    return table.assign(**{name: pd.Series(values, dtype="str") for name, values in columns.items()})


def by_label(one, other):
    return np.where(make_forms(400)["label"] == "1", one, other)


def test_data_without_anything_odd_have_no_findings():
    check = look(forms())
    assert check.findings == []
    assert sentences(check.kept) == []


def test_the_summary_says_what_was_taken_for_what():
    table = make_forms(400).assign(note="x")
    check = look(table, id="form", columns="employer,job", slices="town", split=SplitConfig(seed=3))
    assert check.summary == [
        "the DataFrame: 400 rows, 2 labels",
        "  fields: employer, job",
        "  data.target: label",
        "  data.id: form",
        "  data.slices: town",
        f"  labels: 0 ({(table['label'] == '0').sum()}), 1 ({(table['label'] == '1').sum()})",
        "  split: 280 train, 60 validation, 60 test",
        "  not used: note",
    ]


def test_the_summary_says_which_fields_are_categories_or_numbers():
    check = look(forms(age=["40"] * 400), categorical="town", numeric="age")
    assert {"  data.categorical: town", "  data.numeric: age"} <= set(check.summary)
    assert check.to_json()["roles"]["data.numeric"] == ["age"]
    assert "a field that has another role" not in kinds(check)


def test_rows_that_were_passed_over_are_counted():
    table = forms()
    table.loc[[1, 5], "label"] = None
    check = look(table, unlabelled="skip")
    assert check.rows == 398
    assert "  rows passed over, without a label: 2" in check.summary


CODES = np.random.default_rng(5).integers(0, 12, 400)

GIVE_AWAY = {
    "the label itself": by_label("1", "0"),
    "the label in other words": by_label("yes", "no"),
    "a code below the label": [f"{label}{code:02}" for label, code in zip(by_label("1", "0"), CODES, strict=True)],
    "filled in for one label": [text or None for text in by_label("seen", "")],
    "filled in for one label, with texts of its own": [
        f"note {row}" if text else None for row, text in enumerate(by_label("x", ""))
    ],
}


@pytest.mark.parametrize("values", GIVE_AWAY.values(), ids=GIVE_AWAY)
def test_a_field_that_gives_the_label_away_is_found(values):
    check = look(forms(code=values))
    sentence = said(check, "gives the label away")
    assert "'code'" in sentence
    assert "data.columns" in sentence
    assert sentences(check.kept)[-1] == "Without the fields named above: data.columns=employer,job,town"


def test_a_field_that_is_the_label_itself_is_called_so():
    assert "holds the label itself" in said(look(forms(code=by_label(" 1", "0"))), "gives the label away")


def test_the_first_digits_of_a_code_follow_from_it():
    codes = pd.Series(CODES).map("{:02}".format)
    check = look(
        forms().drop(columns="label").assign(code=codes.astype("str"), part=codes.str[0].astype("str")), "code"
    )
    assert "'part' follows from the label" in said(check, "gives the label away")


def test_a_few_wrong_rows_do_not_hide_a_code():
    values = np.array(GIVE_AWAY["a code below the label"])
    values[:9] = "B00"
    assert "gives the label away" in kinds(look(forms(code=values)))


def test_labels_that_are_alike_do_not_hide_a_code_either():
    table = forms(code=GIVE_AWAY["a code below the label"])
    table["label"] = [f"{label} " if row % 9 == 0 else label for row, label in enumerate(table["label"])]
    assert {"labels alike", "gives the label away"} <= kinds(look(table))


HONEST = {
    "a text of its own in each row": [f"text number {row}" for row in range(400)],
    "values that have nothing to do with it": [f"{code}" for code in CODES],
    "values that say much and not all": np.where(CODES < 4, "either", by_label("one", "other")),
    "texts that come twice": [f"said {row // 2}" for row in range(400)],
}


@pytest.mark.parametrize("values", HONEST.values(), ids=HONEST)
def test_a_field_that_says_much_is_no_give_away(values):
    assert "gives the label away" not in kinds(look(forms(field=values)))


def test_texts_that_settle_their_code_are_what_a_model_learns_from():
    # Real texts of products: most of those that recur have one code each, and many do not recur.
    generator = np.random.default_rng(1)
    texts = generator.zipf(1.6, 4000) % 3000
    table = pd.DataFrame({"text": [f"product {text}" for text in texts], "label": [f"{text % 40}" for text in texts]})
    table.loc[generator.random(4000) < 0.05, "label"] = "0"
    assert "gives the label away" not in kinds(look(table.astype("str")))


@pytest.mark.parametrize("names", [["train", "test", "train"], ["Training ", "DEV", "test"], ["train", "val", "train"]])
def test_a_split_column_among_the_fields_is_found_and_only_there(names):
    table = forms(part=[names[row % 3] for row in range(399)] + ["test"])
    assert "data.split.column=part" in said(look(table), "split column as text")
    if "test" in names:
        assert "split column as text" not in kinds(look(table, split=SplitConfig(column="part")))


def test_records_that_stand_in_two_splits_are_counted():
    table = forms()
    table["part"] = ["train"] * 300 + ["validation"] * 50 + ["test"] * 50
    table.loc[[350, 351], ["employer", "job", "town"]] = table.loc[[0, 1], ["employer", "job", "town"]].to_numpy()
    sentence = said(look(table, split=SplitConfig(column="part")), "records in two splits")
    assert sentence.startswith("0 validation and 2 of 50 test records have the very texts of a training record")


def test_empty_and_constant_fields_and_ids_are_found():
    table = forms(nothing=[None] * 400, country=["FRANCE"] * 400, number=[f"F{row}" for row in range(400)])
    check = look(table)
    assert "'nothing' is empty in all rows" in said(check, "empty field")
    assert "'country' is the same in all rows" in said(check, "constant field")
    assert "data.id=number" in said(check, "id as text")
    assert check.advice == "data.columns=employer,job,town"


def test_texts_and_amounts_of_their_own_in_each_row_are_no_ids():
    table = forms(amount=[f"{row / 7:.4f}" for row in range(400)], note=[f"note {row}" for row in range(400)])
    assert kinds(look(table)) == set()


def test_a_column_with_another_role_among_the_fields_is_found():
    table = make_forms(400)
    assert "is also the column of data.id" in said(look(table, id="form", columns="form,job"), "role as field")


def test_the_advice_quotes_names_that_hold_commas():
    table = forms(country=["FRANCE"] * 400).rename(columns={"employer": "employer, address"})
    advice = look(table).advice
    assert advice is not None
    assert shlex.split(advice) == ['data.columns="employer, address",job,town']


def test_the_advice_names_the_key_that_each_field_stands_in():
    table = forms(country=["FRANCE"] * 400, age=["40"] * 400)
    assert look(table, categorical="town,country").advice == "data.columns=employer,job data.categorical=town"
    # Without data.columns, a category that is left out would be a text.
    assert look(table.drop(columns="age"), categorical="country").advice == (
        "data.columns=employer,job,town data.categorical="
    )
    check = look(table.drop(columns="country"), numeric="age", text="job")
    assert check.advice == "data.columns=employer,job,town data.numeric="
    assert said(check, "constant field").endswith("leave it out of data.numeric.")
    assert look(table, columns="country", categorical="town").advice is None  # no text would be left


@pytest.mark.parametrize("text", ["pÃ©dagogie", "caf\x82", "l\ufffdcole", "Lâ€™Ã‰cole", "26Â°"])
def test_characters_of_a_wrong_encoding_are_found_in_fields_and_labels(text):
    assert "Field 'job' holds characters" in said(
        look(forms(job=[text, "maçon", "ÂME", "São João"] * 100)), "odd characters"
    )
    labelled = forms().assign(label=pd.Series([text, "café"] * 200, dtype="str"))
    assert "The target holds characters" in said(look(labelled), "odd characters")


def test_characters_of_a_wrong_encoding_are_found_in_the_header():
    assert "The header holds" in said(look(forms().rename(columns={"job": "mÃ©tier"})), "odd characters")


def test_rows_without_any_text_are_found():
    table = forms()
    table.loc[[6, 9], ["employer", "job", "town"]] = None
    check = look(table)
    assert json.loads(json.dumps(check.kept)) == check.kept
    assert said(check, "rows without text").startswith("Rows without a text in any field: 2, the first of them row 7;")


def test_a_row_without_text_is_named_as_the_file_shows_it(tmp_path):
    table = forms()
    table.loc[[6, 9], ["employer", "job", "town"]] = None
    for name, write, place in (
        ("forms.csv", table.to_csv, "line 8"),
        ("forms.xlsx", table.to_excel, "row 8"),
        ("forms.parquet", table.to_parquet, "row 7"),
    ):
        write(tmp_path / name, index=False)
        source = FileSource(path=str(tmp_path / name), target="label")
        sentence = said(look_at(source, source.read()), "rows without text")
        assert sentence.startswith(f"Rows without a text in any field: 2, the first of them {place};")


def test_a_look_gives_what_a_program_wants():
    found = look(forms(country=["FRANCE"] * 400)).to_json()
    assert found["findings"][0]["fields"] == ["country"]
    assert found["findings"][0]["kind"] == "constant field"
    assert sum(found["labels"]["1"].values()) == (make_forms(400)["label"] == "1").sum()


def test_training_is_refused_where_one_of_two_labels_has_one_row():
    table = forms(label=["no"] * 399 + ["yes"])
    check = look(table)
    with pytest.raises(UserError, match="the DataFrame: label yes has 1 row: none is left for validation and test"):
        check.refuse()
