"""Records from a database, by SQLAlchemy."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from libelle.data import frames
from libelle.data.data_names import name_of_query
from libelle.data.frames import Chunks, from_arrow
from libelle.data.names import check_header
from libelle.data.passwords import PASSWORD_VARIABLE, holds_password, instead
from libelle.data.source import Source
from libelle.data.texts import texts_of
from libelle.errors import UserError, needs_extra

with needs_extra("data=sql", "sql"):
    import sqlalchemy
    from sqlalchemy.exc import SQLAlchemyError

#: Databases that are files, and ask nobody for a password.
_FILES = ("sqlite", "duckdb")


@dataclass(kw_only=True)
class SQLSource(Source):
    """The rows that a query returns, streamed in chunks.

    Attributes:
        url: the database, as SQLAlchemy writes it; without a password, which comes from the environment.
        query: one SELECT.
    """

    conf_name = "sql"

    url: str | None = None
    query: str | None = None

    def __str__(self) -> str:
        return "data.query"

    def default_name(self) -> str:
        """The first table of the query."""
        return name_of_query(self.query or "")

    def chunks(self) -> Chunks:
        """Yield the query's rows.

        Raises:
            UserError: when the database cannot be reached or the query fails.
        """
        if not self.url or not self.query:
            missing = "url" if not self.url else "query"
            raise UserError(f"data.{missing} is not set; give data.url=postgresql://user@host/database data.query=....")
        _refuse_password(self.url, self.query)
        engine = self._engine(self.url)
        try:
            with engine.connect().execution_options(stream_results=True) as connection:
                result = connection.exec_driver_sql(self.query)
                names = check_header(result.keys(), str(self)) if result.returns_rows else []
                if not names:
                    raise UserError(f"{self} returns no rows; write one SELECT.")
                first = 1
                while rows := result.fetchmany(frames.CHUNK_ROWS):
                    yield self._table(names, rows, first)
                    first += len(rows)
                if first == 1:
                    yield self._table(names, [], first)
        except SQLAlchemyError as error:
            raise UserError(f"data.query failed at {engine.url.render_as_string()}: {_reason(error)}") from error
        finally:
            engine.dispose()

    def _table(self, names: Sequence[str], rows: Sequence[Sequence[object]], first: int) -> pd.DataFrame:
        """Some rows; a column that is not needed may hold anything, and is left empty."""
        needed = self._options().needed
        self.report.read += len(rows)
        columns = {
            name: texts_of([row[place] for row in rows], name, str(self))
            if needed is None or name in needed
            else pa.nulls(len(rows), pa.large_string())
            for place, name in enumerate(names)
        }
        return from_arrow(pa.table(columns), pd.RangeIndex(first, first + len(rows)))

    @staticmethod
    def _engine(text: str) -> sqlalchemy.Engine:
        try:
            url = sqlalchemy.make_url(text)
            if url.drivername == "postgresql":
                url = url.set(drivername="postgresql+psycopg")
            if (password := os.environ.get(PASSWORD_VARIABLE)) and url.get_backend_name() not in _FILES:
                url = url.set(password=password)
            _require_file(url)
            return sqlalchemy.create_engine(url)
        except (SQLAlchemyError, ImportError) as error:
            raise UserError(
                f"data.url={_without_user(text)} cannot be used ({_reason(error)}); write it as "
                "postgresql://user@host/database or sqlite:///forms.db, and install the database's driver."
            ) from error


def _require_file(url: sqlalchemy.URL) -> None:
    """Raise `UserError` where a database is a file that is not there: these databases would make an empty one."""
    file = url.database or ""  # with a colon, it is a place in memory, an URI or a service
    if url.get_backend_name() in _FILES and file and ":" not in file and not Path(file).exists():
        raise UserError(f"data.url names the file {file}, which does not exist; check the path.")


def _refuse_password(url: str, query: str) -> None:
    """Whatever way the source was made: the config is kept with the run."""
    try:
        password = sqlalchemy.make_url(url).password
    except SQLAlchemyError:  # said where the URL is used
        password = None
    if password or holds_password("data.url", url):
        raise UserError(f"data.url holds a password; {instead('data.url')}.")
    if holds_password("data.query", query):
        raise UserError(f"data.query holds a password; {instead('data.query')}.")


def _without_user(url: str) -> str:
    """A URL that cannot be read, without what may be a password in it."""
    return f"...@{url.rpartition('@')[2]}" if "@" in url else url


def _reason(error: Exception) -> str:
    """The database's own words, on one line, without SQLAlchemy's copy of the query."""
    return " ".join(str(getattr(error, "orig", None) or error).split())
