"""Records from a database, by SQLAlchemy."""

import os
from dataclasses import dataclass

import pandas as pd
from pandas.errors import DatabaseError

from libelle.data import frames
from libelle.data.data_names import name_of_query
from libelle.data.frames import Chunks, as_strings, blank_to_missing
from libelle.data.source import Source
from libelle.errors import UserError, needs_extra

with needs_extra("data=sql", "sql"):
    import sqlalchemy
    from sqlalchemy.exc import SQLAlchemyError

#: Where the password is read from, for any database. PostgreSQL's own PGPASSWORD and password file work as well.
PASSWORD_VARIABLE = "LIBELLE_SQL_PASSWORD"


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
        engine = self._engine(self.url)
        first = 1
        try:
            with engine.connect().execution_options(stream_results=True) as connection:
                for frame in pd.read_sql_query(self.query, connection, chunksize=frames.CHUNK_ROWS):
                    frame.index = pd.RangeIndex(first, first + len(frame))
                    first += len(frame)
                    yield blank_to_missing(as_strings(frame))
        except (SQLAlchemyError, DatabaseError) as error:
            raise UserError(f"data.query failed at {engine.url.render_as_string()}: {_reason(error)}") from error
        finally:
            engine.dispose()

    @staticmethod
    def _engine(text: str) -> sqlalchemy.Engine:
        try:
            url = sqlalchemy.make_url(text)
            if url.password:
                raise UserError(
                    f"data.url holds a password; leave it out, and set {PASSWORD_VARIABLE} in the environment."
                )
            if url.drivername == "postgresql":
                url = url.set(drivername="postgresql+psycopg")
            if password := os.environ.get(PASSWORD_VARIABLE):
                url = url.set(password=password)
            return sqlalchemy.create_engine(url)
        except (SQLAlchemyError, ImportError) as error:
            raise UserError(
                f"data.url={text} cannot be used ({_reason(error)}); write it as postgresql://user@host/database or "
                "sqlite:///forms.db, and install the database's driver."
            ) from error


def _reason(error: Exception) -> str:
    """The database's own words, on one line, without SQLAlchemy's copy of the query."""
    error = error.__cause__ if isinstance(error, DatabaseError) and isinstance(error.__cause__, Exception) else error
    return " ".join(str(getattr(error, "orig", None) or error).split())
