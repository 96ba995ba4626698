"""A bucket as a store: MinIO, Ceph, AWS or any other server that speaks S3."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, fields, replace
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from uuid import uuid4

from libelle.errors import UserError, needs_extra
from libelle.stores.base import Entry, Store, check_key, too_large

with needs_extra("store=minio", "minio"):
    from minio import Minio
    from minio.datatypes import Object
    from minio.error import S3Error
    from minio.helpers import check_bucket_name

    from libelle.stores.checksums import checksum_of, require_answer, require_whole
    from libelle.stores.conditional_write import write_if_absent
    from libelle.stores.s3 import FAILURES, HASTY, PATIENT, connect, explain, is_transient

#: For what one request cannot repeat by itself: a download cut short, an upload in parts, a claim put off.
_ATTEMPTS = 4
_PAUSE = 0.2
#: How the key of an object begins that tries a bucket.
_PROBE = ".probe"

T = TypeVar("T")


@dataclass
class MinioStore(Store):
    """Keys are object names below `prefix` in a bucket, which is made when it is missing.

    `endpoint` is a host and a port; without `region` the server is asked. The credentials are in the
    environment alone, in the first of these pairs that is set: `AWS_ACCESS_KEY_ID` and
    `AWS_SECRET_ACCESS_KEY` (with `AWS_SESSION_TOKEN` for temporary ones), `MINIO_ACCESS_KEY` and
    `MINIO_SECRET_KEY`, `MINIO_ROOT_USER` and `MINIO_ROOT_PASSWORD`. The first request connects.
    """

    conf_name = "minio"

    endpoint: str = ""
    bucket: str = "libelle"
    prefix: str = ""
    secure: bool = True
    region: str | None = None

    def reach(self) -> None:
        """Ask for one key; whether the bucket is there, whoever reads will say."""
        self._check_names(_PROBE)
        self._is_there()

    def check(self) -> None:
        """Make the bucket if it is missing, then claim a probe twice, which must fail once, and delete it.

        Some servers take the condition of a claim and ignore it: two runs would then get the same id.
        """
        probe = f"{_PROBE}-{uuid4().hex}"
        self._check_names(probe)
        if not self._is_there():
            self._ask(self._make_bucket)
        claims = [self.create_if_absent(probe, b""), self.create_if_absent(probe, b"")]
        self.delete(probe)
        if claims != [True, False]:
            raise UserError(
                f"store.endpoint={self.endpoint} ignores If-None-Match, so that two runs could get one id; "
                "choose a server that knows it, or store=local."
            )

    def put(self, key: str, data: bytes) -> None:
        """Write `data`, replacing what was there."""
        name, about = self._name(key), checksum_of(data)
        self._ask(
            lambda client: require_answer(
                client.put_object(self.bucket, name, BytesIO(data), len(data), metadata=about)
            )
        )

    def put_file(self, key: str, path: Path) -> None:
        """Write the content of a local file, in several parts at a time when it is big."""
        name, about = self._name(key), checksum_of(path)
        self._ask(lambda client: require_answer(client.fput_object(self.bucket, name, str(path), metadata=about)))

    def create_if_absent(self, key: str, data: bytes) -> bool:
        """Write `data` in one conditional request, of which the server lets one pass."""
        name, token = self._name(key), uuid4().hex
        return self._ask(lambda client: write_if_absent(client, self.bucket, name, data, token))

    def get(self, key: str, limit: int | None = None) -> bytes:
        """Return the whole object."""
        buffer = BytesIO()
        self._ask(lambda client: self._download(client, key, buffer, limit), key)
        return buffer.getvalue()

    def get_file(self, key: str, path: Path, limit: int | None = None) -> None:
        """Copy the object to a local file, whose folder exists."""
        with path.open("wb") as file:
            self._ask(lambda client: self._download(client, key, file, limit), key)

    def _download(self, client: Minio, key: str, target: BinaryIO, limit: int | None) -> None:
        target.seek(0)
        target.truncate()
        found = hashlib.sha256()
        with closing(client.get_object(self.bucket, self._name(key))) as response:
            while part := response.read(1 << 20):
                if limit is not None and target.tell() + len(part) > limit:
                    raise too_large(key, self, limit)
                found.update(part)
                target.write(part)
        require_whole(key, response.headers, found.hexdigest())

    def elsewhere(self, bucket: str) -> "MinioStore":
        """Another bucket at the same server, by the same credentials."""
        return replace(self, bucket=bucket, prefix="")

    def get_range(self, key: str, start: int, length: int, etag: str) -> bytes | None:
        """Return some bytes of an object; None where it is not there, or its content is no longer that of `etag`."""

        def read(client: Minio) -> bytes | None:
            with closing(client.get_object(self.bucket, self._name(key), start, length)) as response:
                same = response.headers.get("ETag", "").strip('"') == etag
                return response.read() if same else None

        try:
            return self._ask(read, key)
        except KeyError:
            return None

    def list(self, prefix: str) -> Iterator[Entry]:
        """Every object whose key begins with `prefix`."""
        for found in self._list(prefix, recursive=True):
            modified = found.last_modified.timestamp() if found.last_modified else 0.0
            yield Entry(str(found.object_name).removeprefix(self._root), found.size or 0, modified, found.etag or "")

    def folders(self, prefix: str) -> Sequence[str]:
        """Names of the folders directly under `prefix`."""
        start = len(self._root + prefix)
        found = self._list(prefix, recursive=False)
        return sorted(str(entry.object_name)[start:-1] for entry in found if entry.is_dir)

    def delete(self, key: str) -> None:
        """Remove the object; one that is not there is no error."""
        name = self._name(key)
        with suppress(KeyError):
            self._ask(lambda client: client.remove_object(self.bucket, name), key)

    def __str__(self) -> str:
        return f"the bucket {self.bucket}/{self._root} at {self.endpoint}"

    def __getstate__(self) -> dict[str, Any]:
        """Leave the connections out of copies and pickles."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def _root(self) -> str:
        prefix = self.prefix.strip("/")
        return f"{prefix}/" if prefix else ""

    def _name(self, key: str) -> str:
        return check_key(self._root + key)

    @cached_property
    def _client(self) -> Minio:
        return connect(self.endpoint, self.secure, self.region, PATIENT)

    def _ask(self, work: Callable[[Minio], T], key: str = "", client: Minio | None = None) -> T:
        """Return what `work` returns; try again where that may help, and explain what fails for good."""
        attempt = 1
        while True:
            try:
                return work(client or self._client)
            except FAILURES as error:
                if key and isinstance(error, S3Error) and error.code == "NoSuchKey":
                    raise KeyError(key) from None
                if attempt == _ATTEMPTS or not is_transient(error):
                    raise explain(error, self.endpoint, self.bucket) from error
            time.sleep(_PAUSE * 2**attempt)
            attempt += 1

    def _list(self, prefix: str, recursive: bool) -> Sequence[Object]:
        # All in one go: a listing that broke off half-way would look like a short one.
        root = self._root + prefix
        return self._ask(lambda client: [*client.list_objects(self.bucket, root, recursive)])

    def _check_names(self, key: str) -> None:
        """Raise `UserError` for a bucket or a prefix that can be none."""
        try:
            check_bucket_name(self.bucket, strict=True)
            self._name(key)
        except ValueError as error:
            raise UserError(
                f"store.bucket={self.bucket} or store.prefix={self.prefix} cannot be one: {error}."
            ) from error

    def _is_there(self) -> bool:
        """Whether the bucket is, asked of a server that is to answer at once."""
        return self._ask(self._has_bucket, client=connect(self.endpoint, self.secure, self.region, HASTY))

    def _has_bucket(self, client: Minio) -> bool:
        try:
            # Not bucket_exists: it is a HEAD request, and a refusal of one does not say why.
            next(client.list_objects(self.bucket, self._root), None)
        except S3Error as error:
            if error.code != "NoSuchBucket":
                raise
            return False
        return True

    def _make_bucket(self, client: Minio) -> None:
        try:
            client.make_bucket(self.bucket, self.region)
        except S3Error as error:
            if error.code == "AccessDenied":
                raise UserError(
                    f"store.bucket={self.bucket} does not exist at {self.endpoint} and these credentials may "
                    "not make it; have it made, or choose another bucket."
                ) from error
            if error.code != "BucketAlreadyOwnedByYou":  # as when somebody else has just made it
                raise
