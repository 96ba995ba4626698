"""Free text arrives as typed, through Hydra's grammar and OmegaConf's interpolation; secrets do not pass."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.singleton import Singleton
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from helpers.scripts import CONF
from libelle.cli.raw_arguments import as_typed, protect, restore
from libelle.errors import UserError

TYPED = [
    "",
    " ",
    "  two blanks  ",
    "a, b: c=d",
    'Boulangerie Léa, pâtisserie (chef) = 50 % "bio"',
    "l'atelier",
    "'quoted'",
    '"quoted"',
    "\\",
    "\\'",
    "C:\\forms\\",
    "${x}",
    "\\${x}",
    "${oc.env:HOME}",
    "???",
    "NULL",
    "null",
    "nan",
    "true",
    "1_000",
    "75001",
    "1e3",
    "-m",
    "--help",
    "~text",
    "[a, b]",
    "{a: b}",
    "[",
    "choice(a,b)",
    "line\nbreak\r\ttab",
    "œuvre 5 € ’—°",
    "🥖👩‍🌾",
    "e\u0301",
    "\x00\x1f\x7f",
    "libelle-raw.abc",
    "%41",
    "=",
    "#",
    "x" * 20_000,
    "é'\"\\${" * 4_000,
]

texts = st.one_of(st.sampled_from(TYPED), st.text(), st.text(alphabet="'\"\\${}[](),:= ?#%é\n"))


@pytest.fixture(scope="module", autouse=True)
def hydra() -> Iterator[None]:
    before = Singleton.get_state()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield
    Singleton.set_state(before)


def arrive(arguments: list[str], config_name: str) -> dict[str, Any]:
    """What a script's function gets when these arguments are typed."""
    config = compose(config_name, overrides=protect(arguments, config_name))
    return restore(OmegaConf.to_container(config, resolve=True, throw_on_missing=True))


@pytest.mark.parametrize("text", TYPED, ids=lambda text: ascii(text[:20]))
def test_text_path_and_record_arrive_as_typed(text):
    runtime = arrive([f"text={text}", f"input={text}", f"record.rs_x={text}"], "runtime")
    assert runtime["text"] == runtime["input"] == text
    assert json.loads(runtime["record"]) == {"rs_x": text}


def test_the_raw_keys_of_train_arrive_as_typed():
    keys = ["path", "id", "target", "target_value", "columns", "text", "positive", "delimiter", "encoding"]
    typed = dict(
        zip(keys, ["a, b: c=d", "${x}", "???", "NULL", "[prix (euros)]", "1_000", "-m", ";", "é"], strict=True)
    )
    config = arrive(
        ["data=csv", "data.split.column='x'", *(f"data.{key}={text}" for key, text in typed.items())], "train"
    )
    assert {key: config["data"][key] for key in keys} == typed
    assert config["data"]["split"]["column"] == "'x'"


@settings(max_examples=15, deadline=None)
@given(text=texts, field=st.text(min_size=1).filter(lambda name: "=" not in name), value=texts)
def test_any_text_and_any_field_name_arrive_as_typed(text, field, value):
    config = arrive([f"text={text}", f"record.{field}={value}", "record.job=maçon"], "runtime")
    assert config["text"] == text
    assert json.loads(config["record"]) == {field: value} | {"job": "maçon"}


@settings(max_examples=300, deadline=None)
@given(text=texts, key=st.sampled_from(["text", "input", "published"]), plus=st.sampled_from(["", "+", "++"]))
def test_any_text_is_one_value_to_hydras_parser(text, key, plus):
    if key == "published" and text == "null":
        return
    try:
        protected = protect([f"{plus}{key}={text}"], "runtime")
    except UserError as error:
        assert "password" in str(error)  # noqa: PT017
        return
    (override,) = OverridesParser.create().parse_overrides(protected)
    assert override.key_or_group == key
    assert not override.is_sweep_override()
    assert restore(override.value()) == text
    assert as_typed(protected[0]) == f"{plus}{key}={text}"


def test_other_arguments_are_untouched():
    arguments = ["--multirun", "-m", "model=mlp,transformer", "seed=1,2", "~callbacks.early_stopping", "data.size=200"]
    assert protect(arguments) == arguments


def test_values_that_are_not_raw_are_restored_unchanged():
    values = {"a": [1, None, "${x}", {"b": True}], "c": 0.5}
    assert restore(values) == values


@pytest.mark.parametrize(
    "argument",
    [
        "data.url=postgresql://clerk:hunter2@db/forms",
        "data.url=postgresql://clerk:hun/ter2@db/forms",
        "data.url=postgresql://clerk:12345@db/forms",
        "data.url=redis://:hunter2@db",
        "data.url=postgresql://db/forms?user=clerk&password=hunter2",
        "data.url=postgresql://db/forms?sslpassword=hunter2",
        "data.url=postgresql://db/forms?application_name=x&pass%77ord=hunter2",
        "data.url=mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BUID%3Dclerk%3BPWD%3Dhunter2",
        "data.url=snowflake://clerk@account/db?token=hunter2",
        "data.url=host=db password=hunter2",
        "data.query=SELECT * FROM dblink('host=db password=hunter2', 'SELECT 1') AS forms(job text)",
        "data.query=SELECT * FROM postgres_scan('postgresql://clerk:hunter2@db/forms', 'forms')",
        "data.query=CREATE USER MAPPING FOR clerk SERVER far OPTIONS (user 'clerk', password 'hunter2')",
        "store.endpoint=https://key:hunter2@s3.example.org",
        "data.path=https://example.org/forms.csv?access_token=hunter2",
        "+logger.other={name: x, api_key: hunter2}",
        "+logger.other.api_key=hunter2",
        "data.path=https://clerk:hunter2@example.org/forms.csv",
        "+data={url: postgresql://clerk:hunter2@db/forms}",
        "store.secret_key=hunter2",
        "+store.password=hunter2",
        "++store.ACCESS_KEY=hunter2",
        "token=hunter2",
    ],
)
def test_secrets_are_refused_and_not_repeated(argument):
    with pytest.raises(UserError, match=r"holds a password; leave it out|a secret has no place") as caught:
        protect([argument], "train")
    assert argument.lstrip("+").partition("=")[0] in str(caught.value)
    assert "hun" not in str(caught.value)
    assert "12345" not in str(caught.value)


@pytest.mark.parametrize(
    ("argument", "instead"),
    [
        ("data.url=postgresql://clerk:hunter2@db/forms", "set LIBELLE_SQL_PASSWORD in the environment"),
        ("data.query=SELECT * FROM dblink('host=db password=hunter2', 'SELECT 1')", "let the database keep it"),
    ],
)
def test_where_a_password_goes_instead_is_said(argument, instead):
    with pytest.raises(UserError, match=instead):
        protect([argument], "train")


@pytest.mark.parametrize(
    "argument",
    [
        "data.url=postgresql://clerk@db:5432/forms",
        "data.url=postgresql://db:5432/forms?user=a@b",
        "store.endpoint=http://localhost:9000",
        "text=mon mot de passe : http://moi:secret@site",
        "record.token=hunter2",
        "data.query=SELECT form, job FROM forms WHERE token = 'a' AND password IS NULL AND job <> 'pass'",
        "data.url=sqlite:///forms.db?mode=ro&uri=true",
        "data.path=reports/a=b/forms.csv",
        "record.job=ftp://a:b@c",
        "process.max_words=7",
    ],
)
def test_what_is_no_secret_passes(argument):
    assert len(protect([argument], "runtime")) == 1


@pytest.mark.parametrize("argument", ["text=caf\udce9", "record.job=\udcff", "record.\udcff=x", "text=\ud800"])
def test_text_that_is_not_utf8_is_refused(argument):
    with pytest.raises(UserError, match=r"(text|record)\S*: .*UTF-8"):
        protect([argument], "runtime")


def test_a_sweep_says_that_commas_of_data_are_no_sweep(caplog):
    with caplog.at_level("INFO", logger="libelle"):
        protect(["data=csv", "data.columns=a,b,c"])
        protect(["tune=mlp", "data=csv", "data.columns=a,b,c"])  # something else is searched
        assert not caplog.messages
        protect(["-m", "data=csv", "data.columns=a,b,c"])
    assert caplog.messages == [
        "data.columns: commas are part of the value; to sweep over several, write data.columns=\"choice('…','…')\""
    ]
