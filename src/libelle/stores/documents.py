"""Small JSON objects that others rely on, manifests and pointers: checked against a model before they are believed."""

from collections.abc import Hashable, Mapping
from datetime import datetime
from functools import cache
from typing import Annotated, Any, NotRequired, TypeVar, cast

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from libelle.errors import UserError
from libelle.stores.base import Store, check_key
from libelle.stores.formats import check_format

T = TypeVar("T")

#: Bytes of a document at most: what is larger is not read.
LARGEST = 1 << 24


def _moment(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("a time without its offset from UTC")
    return text


#: ISO 8601, with the offset from UTC.
Moment = Annotated[str, Field(max_length=40), AfterValidator(_moment)]
#: The name of a file below a folder of the store.
FileName = Annotated[str, Field(max_length=1024), AfterValidator(check_key)]
#: Hexadecimal.
SHA256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class StoredFile(TypedDict):
    """What a manifest says of a file; `previous` is its checksum before a change."""

    size: Annotated[int, Field(ge=0, lt=1 << 50)]
    sha256: SHA256
    previous: NotRequired[SHA256]


def read_document(store: Store, key: str, model: type[T]) -> T:
    """Read a document and check it.

    Args:
        store: where it is.
        key: of the document.
        model: a dataclass or typed dict, whose types say what is allowed; keys that it does not know are passed over.

    Raises:
        KeyError: when there is none.
        UserError: when it is not what the model says.
    """
    return parse_document(store.get(key, LARGEST), model, f"{key} in {store}")


def read_formatted(store: Store, key: str, model: type[T], known: int, what: str, remedy: str) -> T:
    """As `read_document`, and refuse another format in words of its own; see `formats.check_format`."""
    return parse_formatted(store.get(key, LARGEST), f"{key} in {store}", model, known, what, remedy)


def parse_formatted(data: bytes, where: str, model: type[T], known: int, what: str, remedy: str) -> T:
    """As `read_formatted`, of a document that was read."""
    check_format(parse_document(data, _Formatted, where), known, what, remedy)
    return parse_document(data, model, where)


def parse_document(data: bytes, model: type[T], where: str) -> T:
    """Check a document that was read.

    Args:
        data: JSON.
        model: see `read_document`.
        where: names the document, for the message.

    Raises:
        UserError: when it is not what the model says.
    """
    try:
        found: T = _adapter(cast(Hashable, model)).validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))[:100]
        raise UserError(
            f"{where} is damaged ({place + ': ' if place else ''}{first['msg'][:200]}); restore it, or do without."
        ) from None
    return found


class _Formatted(TypedDict):
    format: NotRequired[Any]


@cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    return TypeAdapter(model)


def expected_files(files: Mapping[str, StoredFile]) -> dict[str, tuple[int, str]]:
    """Name → size and SHA-256, as `stores.cache.fetch_folder` takes them."""
    return {name: (about["size"], about["sha256"]) for name, about in files.items()}
