"""What an S3 server gives back is what it was given: each object says its SHA-256, in its metadata."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from minio.error import InvalidResponseError, MinioException
from minio.helpers import DictType, ObjectWriteResult

from libelle.files import sha256_of

_SHA256 = "X-Amz-Meta-Sha256"


class DamagedError(MinioException):
    """An object is not what was stored: it was changed on its way, or in the store."""


def checksum_of(content: bytes | Path) -> DictType:
    """The metadata of an object with the content of a file, or with these bytes."""
    if isinstance(content, bytes):
        return {_SHA256: hashlib.sha256(content).hexdigest()}
    return {_SHA256: sha256_of(content)}


def require_whole(key: str, headers: Mapping[str, str], sha256: str) -> None:
    """Compare what was downloaded with what its headers say; an object of an earlier libelle does not say it.

    Raises:
        DamagedError: when they differ.
        InvalidResponseError: when no server gave the object, but a proxy a page of its own.
    """
    if headers.get(_SHA256, sha256) != sha256:
        raise DamagedError(key)
    _require_tag(headers.get("ETag"), headers)


def require_answer(written: ObjectWriteResult) -> None:
    """Make sure that it was the server that said that an object is written.

    Raises:
        InvalidResponseError: when it was a proxy, with a page of its own.
    """
    # Ceph answers an upload in parts by the place alone.
    _require_tag(written.etag or written.location, written.http_headers)


def _require_tag(tag: str | None, headers: Mapping[str, str]) -> None:
    if not tag:
        raise InvalidResponseError(200, headers.get("Content-Type"), None)
