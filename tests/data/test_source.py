"""From a file to records: schema, targets and what stops a run before any work."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from helpers.tiny import make_forms
from libelle.components import build
from libelle.data.census.source import BISample
from libelle.data.file_source import FileSource
from libelle.data.records import name_list
from libelle.data.source import Source
from libelle.data.split import SplitConfig
from libelle.data.targets import make_targets, order_labels
from libelle.errors import UserError


@pytest.fixture
def forms_file(tmp_path: Path) -> Callable[..., str]:
    """Write a CSV file of forms after changing them."""

    def write(change: Callable[[pd.DataFrame], object] = lambda forms: None, **options) -> str:
        forms = make_forms(60)
        changed = change(forms)
        (forms if changed is None else changed).to_csv(tmp_path / "forms.csv", index=False, **options)
        return str(tmp_path / "forms.csv")

    return write


def test_records_of_a_file(forms_file):
    records = FileSource(path=forms_file(), id="form", target="label").read()
    forms = make_forms(60)
    assert list(records.fields.columns) == ["employer", "job", "town"]
    assert records.ids.tolist() == forms["form"].tolist()
    assert records.targets.tolist() == forms["label"].tolist()
    assert records.labels == ["0", "1"]
    assert records.fields["employer"].tolist() == forms["employer"].tolist()
    assert records.fields["town"].isna().tolist() == forms["town"].isna().tolist()
    assert records.fields.index.equals(pd.RangeIndex(1, 61))


def test_roles_are_never_fields_unless_asked_for(forms_file):
    def add(forms):
        forms["household"] = [str(row // 3) for row in range(60)]
        forms["split"] = [split for split in ["train", "val", "test", "train"] * 5 for _ in range(3)]

    path = forms_file(add)
    split = SplitConfig(column="split", group="household")
    fields = FileSource(path=path, id="form", target="label", split=split).read().fields
    assert list(fields.columns) == ["employer", "job", "town"]
    # An id and a split column that nobody named are columns like others; a list is taken in its order.
    assert "form" in FileSource(path=path, target="label").read().fields
    asked = FileSource(path=path, id="form", columns="town, form", target="label").read().fields
    assert list(asked.columns) == ["town", "form"]


def test_without_an_id_the_row_number_is_one(forms_file):
    assert FileSource(path=forms_file(), target="label").read().ids.tolist() == list(range(1, 61))
    assert FileSource(path=forms_file(), id="", text="", positive="", target="label").read().ids[1] == 1


def test_the_fingerprint_distinguishes_records(forms_file):
    source = FileSource(path=forms_file(), id="form", target="label")
    first = source.read().fingerprint()
    assert source.read().fingerprint() == first
    forms_file(lambda forms: forms.replace({"town": {"Brest": "Rennes"}}))
    assert source.read().fingerprint() != first
    forms_file()
    other = FileSource(path=source.path, id="form", target="label", split=SplitConfig(seed=2))
    assert other.read().fingerprint() != first


def drop_label(forms):
    return forms.drop(columns="label")


def repeat_id(forms):
    forms.loc[40, "form"] = "F0002"


def empty_id(forms):
    forms.loc[4, "form"] = None


def empty_label(forms):
    forms.loc[[6, 8], "label"] = None


def one_class(forms):
    forms["label"] = "0"


def no_rows(forms):
    return forms.iloc[:0]


@pytest.mark.parametrize(
    ("change", "keys", "words"),
    [
        (None, {"target": ""}, ["data.target is not set", "data.target=label"]),
        (drop_label, {}, ["forms.csv", "'label'", "data.target", "employer, job"]),
        (None, {"columns": ["job", "salary"]}, ["forms.csv", "'salary'", "data.columns"]),
        (None, {"columns": "job,label"}, ["data.columns", "'label'", "leave it out"]),
        (None, {"id": "cabbi"}, ["forms.csv", "'cabbi'", "data.id"]),
        (None, {"split": SplitConfig(column="split")}, ["forms.csv", "'split'", "data.split.column"]),
        (None, {"split": SplitConfig(group="household")}, ["forms.csv", "'household'", "data.split.group"]),
        (None, {"text": "salary"}, ["data.text=salary", "employer"]),
        (None, {"target": ["label", "town"]}, ["data.target names 2", "data.target_rule=label"]),
        (None, {"target_rule": "equals"}, ["data.target_value"]),
        (None, {"positive": "yes"}, ["data.positive=yes", "'0'", "'1'"]),
        (None, {"target": "job", "positive": "maçon"}, ["data.positive=maçon", "two labels"]),
        (repeat_id, {}, ["forms.csv, line 42", "'F0002'", "line 4", "'form'"]),
        (empty_id, {}, ["forms.csv, line 6", "'form'", "empty"]),
        (empty_label, {}, ["forms.csv, line 8", "'label'", "2 of 60 rows", "data.unlabelled=skip"]),
        (one_class, {}, ["forms.csv", "60 rows", "'0'", "data.target"]),
        (no_rows, {}, ["forms.csv", "no rows"]),
        (None, {"delimiter": ";"}, ["forms.csv", "delimiter", "data.delimiter=','"]),
        (None, {"path": ""}, ["data.path is not set"]),
        (None, {"path": "shipped:nothing.csv"}, ["nothing.csv", "missing"]),
    ],
)
def test_wrong_input_stops_with_a_sentence_that_says_where(forms_file, change, keys, words):
    path = forms_file(change) if change else forms_file()
    source = FileSource(**({"path": path, "id": "form", "target": "label"} | keys))
    with pytest.raises(UserError) as caught:
        source.read()
    for word in words:
        assert word in str(caught.value)


def test_a_wrong_delimiter_is_named_even_where_texts_hold_the_other_one(tmp_path):
    path = tmp_path / "forms.csv"
    path.write_text("job;label\nmaçon, carreleur;0\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"forms\.csv, line 2: .*data\.delimiter"):
        FileSource(path=str(path), target="label", delimiter=",").read()


def test_a_wrong_encoding_is_named_by_row(forms_file):
    with pytest.raises(UserError, match=r"forms\.csv, line \d+: bytes that are not utf-8.*data\.encoding=cp1252"):
        FileSource(path=forms_file(encoding="cp1252"), target="label", encoding="utf-8").read()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"colums": ["a"]}, ["data.colums", "not a key of FileSource", "columns"]),
        ({"split": {"colum": "a"}}, ["data.split.colum", "not a key of SplitConfig", "column, group"]),
        ({"split": {"validation": 1.5}}, ["data.split.validation=1.5", "write a number below 1."]),
        ({"split": {"validation": 0.5, "test": 0.5}}, ["data.split.validation=0.5", "data.split.test=0.5"]),
        ({"target_rule": "first"}, ["data.target_rule=first", "'all_empty'"]),
        ({"_target_": "libelle.data.source.Source"}, ["data._target_=libelle.data.source.Source", "option"]),
        ({"_target_": "libelle.models.mlp.MLP"}, ["data._target_=libelle.models.mlp.MLP", "Source"]),
        ({"_target_": "os.system"}, ["data._target_=os.system"]),
        ({"_target_": "libelle.nothing.Here"}, ["data._target_=libelle.nothing.Here"]),
    ],
)
def test_a_wrong_node_stops_with_a_sentence_that_names_the_key(keys, words):
    node = {"_target_": "libelle.data.file_source.FileSource", "path": "forms.csv"} | keys
    with pytest.raises(UserError) as caught:
        build(node, Source, "data")  # type: ignore[type-abstract]
    for word in words:
        assert word in str(caught.value)


def test_numbers_are_names_of_columns_too():
    node = {"_target_": "libelle.data.file_source.FileSource", "id": 7, "columns": [1, "b"], "target": 3}
    source = build(node, FileSource, "data")
    assert (source.id, source.columns, source.target) == ("7", ["1", "b"], "3")


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (None, []),
        ("", []),
        ("a", ["a"]),
        ("a, b ,c", ["a", "b", "c"]),
        ("[a,b]", ["a", "b"]),
        ("[prix (euros), été]", ["prix (euros)", "été"]),
        ('"a, b",c', ["a, b", "c"]),
        ("a,b,a", ["a", "b"]),
        ("a\nb", ["a", "b"]),
        (["a, b", "c"], ["a, b", "c"]),
    ],
)
def test_names_of_columns_as_people_write_them(value, names):
    assert name_list(value) == names


def test_target_rules():
    table = pd.DataFrame({"m": ["1", None, None, "x"], "c": [None, None, "2", None]}, dtype="str")
    assert make_targets(table, ["m", "c"], "all_empty", None, "x").tolist() == ["0", "1", "0", "0"]
    given = table.dropna(subset="m")
    assert make_targets(given, ["m"], "equals", "x", "x").tolist() == ["0", "1"]
    assert make_targets(given, ["m"], "label", None, "x").tolist() == ["1", "x"]


@pytest.mark.parametrize(
    ("positive", "order"), [(None, ["codable", "non"]), ("non", ["codable", "non"]), ("codable", ["non", "codable"])]
)
def test_the_positive_label_is_last(positive, order):
    assert order_labels(pd.Series(["non", "codable", "non"]), positive, "x") == order


def test_many_labels_are_sorted_as_texts():
    assert order_labels(pd.Series(["10", "9", "é", "A"]), None, "x") == ["10", "9", "A", "é"]


def test_the_sample_is_non_codable_where_nobody_found_the_employer():
    source = BISample(size=200, id="cabbi", columns="rs_x,clt_x", target=["siretm", "siretc"], target_rule="all_empty")
    records = source.read()
    forms = next(iter(source.chunks()))
    assert ((records.targets == "1") == (forms["siretm"].isna() & forms["siretc"].isna())).all()
    assert list(records.fields.columns) == ["rs_x", "clt_x"]


def test_a_source_that_yields_nothing_has_no_rows():
    class Nothing(FileSource):
        def chunks(self):
            return iter(())

    with pytest.raises(UserError, match=r"forms\.csv has no rows; give it some"):
        Nothing(path="forms.csv", target="label").read()
