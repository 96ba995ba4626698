"""What data are called where nobody gave them a name: after the file, or the table, that they are in."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from libelle.data.shipped import SCHEME

#: Endings that say how a file is written, not what is in it.
_ENDINGS = re.compile(
    r"(\.(csv|tsv|txt|dat|parquet|pq|xlsx|xlsm|xls|ods|json|jsonl|ndjson|gz|gzip|bz2|xz|zst|zip))+$", re.IGNORECASE
)
_IDENTIFIER = r"""(?:[\w$]+|"[^"]+"|`[^`]+`|\[[^]]+\])"""
#: The first table of a query, with the schemas before it.
_TABLE = re.compile(rf"\bfrom\s+(?:{_IDENTIFIER}\s*\.\s*)*(?P<table>{_IDENTIFIER})", re.IGNORECASE)


def name_of(source: Mapping[str, Any]) -> str:
    """What the data of a source are called, by its config; fit for a folder."""
    if source.get("name"):
        return publishable(str(source["name"])) or "data"
    if source.get("path"):
        return name_of_file(str(source["path"]))
    return name_of_query(str(source["query"])) if source.get("query") else "data"


def name_of_file(path: str) -> str:
    """A file's name without folders and endings: `forms` for `data/forms.csv.gz`."""
    name = re.split(r"[\\/]", path.removeprefix(SCHEME))[-1]
    return publishable(_ENDINGS.sub("", name)) or "file"


def name_of_query(query: str) -> str:
    """The first table that a query reads from: `forms` for `SELECT * FROM census.forms`."""
    found = _TABLE.search(query)
    return (publishable(found["table"].strip('"`[]')) if found else "") or "query"


def publishable(name: str) -> str:
    """A name of plain letters, digits, `.`, `_` and `-` alone, as names of published models have to be."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^\w.-]+", "_", plain).strip("._-")
