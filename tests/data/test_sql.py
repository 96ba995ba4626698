"""Records from a database: SQLite in all runs, PostgreSQL where the tests may start a server."""

import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy

from helpers.scripts import call
from libelle.data import frames
from libelle.data.passwords import PASSWORD_VARIABLE
from libelle.data.sql import SQLSource
from libelle.errors import UserError

ROWS = [
    (number, employer, job, label)
    for number, (employer, job, label) in enumerate(
        [("STE DUPONT", "maçon", "a"), (None, "NULL", "b"), ("NA", "", "a"), ("ETS L'ÉTÉ", "chef; adjoint", "b")] * 25
    )
]


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    path = tmp_path / "forms.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE forms (form INTEGER, employer TEXT, job TEXT, label TEXT)")
        connection.executemany("INSERT INTO forms VALUES (?, ?, ?, ?)", ROWS)
    return f"sqlite:///{path}"


def source(url: str, query: str = "SELECT form, employer, job, label FROM forms ORDER BY form") -> SQLSource:
    return SQLSource(url=url, query=query, id="form", target="label")


def check_records(found: SQLSource) -> None:
    records = found.read()
    assert records.ids.tolist() == [str(row[0]) for row in ROWS]
    assert records.fields["employer"].isna().sum() == 25
    assert records.fields["job"].isna().sum() == 25  # blank is missing, the text NULL is not
    assert set(records.fields["job"].dropna()) == {"maçon", "NULL", "chef; adjoint"}
    assert records.targets.tolist() == [row[3] for row in ROWS]


def test_sqlite(sqlite_url: str) -> None:
    check_records(source(sqlite_url))


def test_rows_are_streamed_in_chunks(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "CHUNK_ROWS", 30)
    chunks = list(source(sqlite_url).chunks())
    assert [len(chunk) for chunk in chunks] == [30, 30, 30, 10]
    assert chunks[1].index[0] == 31
    check_records(source(sqlite_url))


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("SELECT nothing FROM forms", "nothing"),
        ("SELEC 1", "SELEC"),
        ("SELECT form, job, label FROM forms WHERE 1 = 0", "no rows"),
        ("SELECT form, employer FROM forms", "label"),
    ],
)
def test_a_query_that_cannot_serve_is_one_sentence(sqlite_url: str, query: str, word: str) -> None:
    with pytest.raises(UserError) as error:
        source(sqlite_url, query).read()
    assert word in str(error.value)
    assert "data." in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("url", ["nonsense", "nodialect://x/y", "sqlite:////nowhere/at/all.db"])
def test_a_database_that_cannot_be_reached_is_one_sentence(url: str) -> None:
    with pytest.raises(UserError) as error:
        source(url).read()
    assert "data." in str(error.value)
    assert "\n" not in str(error.value)


def test_a_database_that_is_no_file_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "froms.db"
    with pytest.raises(UserError, match=f"^data.url names the file {path}, which does not exist; check the path.$"):
        source(f"sqlite:///{path}").read()
    assert not path.exists()


def test_a_password_in_the_url_is_refused() -> None:
    with pytest.raises(UserError, match=PASSWORD_VARIABLE) as error:
        source("postgresql://user:hunter2@localhost/db").read()
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "query"),
    [
        ("postgresql://user@localhost/db?sslpassword=hunter2", "SELECT 1"),
        ("postgresql://user@localhost/db?pass%77ord=hunter2", "SELECT 1"),
        ("postgresql//user:hunter2@localhost/db", "SELECT 1"),
        ("sqlite:///x.db", "SELECT * FROM dblink('host=db password=hunter2')"),
    ],
)
def test_a_password_anywhere_is_refused_and_not_repeated(url: str, query: str) -> None:
    with pytest.raises(UserError, match=r"data\.(url|query)") as error:
        source(url, query=query).read()
    assert "hunter2" not in str(error.value)


def test_no_secret_is_in_any_file_of_a_run_nor_in_what_is_printed(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = "canary-hunter2"
    for name in (PASSWORD_VARIABLE, "AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "LIBELLE_SIGN_PASSPHRASE"):
        monkeypatch.setenv(name, canary)
    for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://clerk:{canary}@proxy:3128")
    typed = ["data=sql", f"data.url={sqlite_url}", "data.query=SELECT * FROM forms", "data.target=label"]
    answer = call("train.py", *typed, "data.id=form", "model=logreg", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name.endswith("environment.json") for path in files)
    texts = [answer.stdout.encode(), answer.stderr.encode(), *(path.read_bytes() for path in files)]
    assert not any(canary.encode() in text for text in texts)


def test_a_query_is_taken_as_typed(sqlite_url: str, tmp_path: Path) -> None:
    query = "SELECT form, employer, job, label FROM forms WHERE job <> 'a, b: ${x}' OR job IS NULL"
    typed = ["data=sql", f"data.url={sqlite_url}", f"data.query={query}", "data.id=form", "data.target=label"]
    answer = call("train.py", *typed, "trainer.max_epochs=1", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr


@pytest.fixture(scope="module")
def postgresql() -> Iterator[tuple[str, str]]:
    """A PostgreSQL server that asks for a password: its URL without one, and the password."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    assert binaries, "PostgreSQL is not installed; .ci/servers installs it"
    as_postgres = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="libelle-pg-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    secret = folder / "secret"
    secret.write_text("hunter2")
    if as_postgres:
        shutil.chown(folder, "postgres")
        shutil.chown(secret, "postgres")

    def run(program: str, *arguments: str) -> None:
        subprocess.run([*as_postgres, str(binaries[-1] / program), *arguments], check=True, stdout=subprocess.DEVNULL)

    run("initdb", "-D", f"{folder}/data", "-U", "census", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    run("pg_ctl", "-D", f"{folder}/data", "-o", options, "-l", f"{folder}/log", "-w", "start")
    try:
        yield f"postgresql://census@127.0.0.1:{port}/postgres", "hunter2"
    finally:
        run("pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_postgresql(postgresql: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    url, password = postgresql
    with pytest.raises(UserError, match="password"):
        source(url).read()
    monkeypatch.setenv(PASSWORD_VARIABLE, password)
    writer = sqlalchemy.create_engine(sqlalchemy.make_url(url).set(drivername="postgresql+psycopg", password=password))
    with writer.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE forms (form int, employer text, job text, label text)"))
        for row in ROWS:
            insert = sqlalchemy.text("INSERT INTO forms VALUES (:form, :employer, :job, :label)")
            connection.execute(insert, dict(zip(("form", "employer", "job", "label"), row, strict=True)))
    writer.dispose()
    monkeypatch.setattr(frames, "CHUNK_ROWS", 30)
    check_records(source(url))
    with pytest.raises(UserError, match="nothing") as error:
        source(url, "SELECT nothing FROM forms").read()
    assert "hunter2" not in str(error.value)
