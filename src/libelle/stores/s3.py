"""How to reach an S3 server: credentials, connections, and failures in the words of the config."""

import os
import re
import ssl
from types import TracebackType
from typing import NamedTuple, Self
from xml.etree.ElementTree import ParseError

from minio import Minio
from minio.error import MinioException, S3Error
from urllib3 import BaseHTTPResponse, PoolManager, Retry, Timeout
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
    TimeoutError,
)

from libelle.errors import SpoiltError, UserError
from libelle.stores.checksums import DamagedError

#: In the order in which they are looked for: key id, secret, session token.
_CREDENTIALS = (
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    ("MINIO_ACCESS_KEY", "MINIO_SECRET_KEY", None),
    ("MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD", None),
)
_ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+)(:[0-9]+)?", re.ASCII)

_BUSY = (429, 500, 502, 503, 504)


class _Hasty(Retry):
    """Repeats a request whose connection was lost or refused, not one that nobody answers in time."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        """Count an attempt, and give up where no more are left."""
        refused = isinstance(error, NewConnectionError) and not isinstance(error, NameResolutionError)
        if isinstance(error, TimeoutError) and not refused and _pool is not None:
            raise MaxRetryError(_pool, url or "", error)
        return super().increment(method, url, response, error, _pool, _stacktrace)


class Patience(NamedTuple):
    """How often a request is repeated and how long an answer may take."""

    retries: Retry
    timeout: Timeout


#: Any verb may be repeated: a server that is away for some twenty seconds is not noticed.
PATIENT = Patience(
    Retry(6, backoff_factor=0.3, status_forcelist=_BUSY, allowed_methods=None, raise_on_status=False),
    Timeout(connect=3, read=60),
)
#: For asking whether a server answers at all.
HASTY = Patience(
    _Hasty(5, connect=4, backoff_factor=0.2, status_forcelist=_BUSY, allowed_methods=None, raise_on_status=False),
    Timeout(connect=3, read=10),
)

FAILURES = (MinioException, HTTPError, ParseError)

_TRANSIENT = {
    "BadDigest",
    "ConditionalRequestConflict",
    "IncompleteBody",
    "InternalError",
    "NoSuchUpload",  # the answer to the end of an upload in parts was lost; the repeated request finds none
    "OperationAborted",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
}
_BAD_CREDENTIALS = {
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidSecurity",
    "InvalidToken",
    "InvalidTokenId",
    "SignatureDoesNotMatch",
}
_BAD_REGION = {
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "InvalidLocationConstraint",
    "PermanentRedirect",
}


def connect(endpoint: str, secure: bool, region: str | None, patience: Patience) -> Minio:
    """Return a client, which has not asked anything yet.

    Raises:
        UserError: when the environment holds no credentials, or the address or the region cannot be one.
    """
    if not _ADDRESS.fullmatch(endpoint):  # not repeated in the message: it may hold a password
        raise UserError(
            "store.endpoint must be a host and a port, as in store.endpoint=minio.example.org:9000, without "
            "http:// (that is store.secure=false), path or password."
        )
    key, secret, token = (os.environ.get(name) if name else None for name in _credentials())
    # The system's certificates, or those that SSL_CERT_FILE names: an office often is its own authority.
    certificates = ssl.create_default_context()
    pool = PoolManager(maxsize=32, retries=patience.retries, timeout=patience.timeout, ssl_context=certificates)
    try:
        return Minio(endpoint, key, secret, token, secure=secure, region=region, http_client=pool)
    except ValueError as error:
        region_too = "" if region is None else f" or store.region={region}"
        raise UserError(f"store.endpoint={endpoint}{region_too} is wrong: {error}.") from error


def _credentials() -> tuple[str, str, str | None]:
    """Name the environment variables in use: those of the first pair of which one is set."""
    for key, secret, token in _CREDENTIALS:
        missing = [name for name in (key, secret) if not os.environ.get(name)]
        if not missing:
            return key, secret, token
        if len(missing) == 1:
            raise UserError(f"{missing[0]} is not set in the environment though its other half is; set both.")
    raise UserError(
        "store=minio needs credentials in the environment; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
    )


def is_transient(error: Exception) -> bool:
    """Say whether asking again may help; a request that was repeated to the end already does not count."""
    if isinstance(error, S3Error):
        return error.code in _TRANSIENT
    if isinstance(error, DamagedError):
        return True
    return isinstance(error, HTTPError) and not isinstance(error, MaxRetryError)


def explain(error: Exception, endpoint: str, bucket: str) -> UserError:
    """Say in one sentence what one of the `FAILURES` means and which config key or variable is at fault."""
    if isinstance(error, MaxRetryError) and error.reason is not None:
        error = error.reason
    if isinstance(error, S3Error):
        return UserError(_explain_refusal(error, endpoint, bucket))
    if isinstance(error, DamagedError):
        return SpoiltError(
            f"{error} in store.bucket={bucket} at {endpoint} is not what was stored: it was altered there, or on its "
            "way; use another run, or store this one again."
        )
    if isinstance(error, MinioException | ParseError):
        return UserError(
            f"store.endpoint={endpoint} does not answer as an S3 server ({_first_words(error)}); check that "
            "the address is not the web console's, and store.secure."
        )
    if isinstance(error, SSLError):
        return UserError(
            f"store.endpoint={endpoint} does not answer over TLS ({_first_words(error)}); set "
            "store.secure=false if it speaks plain HTTP, or SSL_CERT_FILE to your authority's certificates."
        )
    return UserError(
        f"store.endpoint={endpoint} does not answer ({_reason(error)}); check the address, store.secure and "
        "that the server runs."
    )


def _explain_refusal(error: S3Error, endpoint: str, bucket: str) -> str:
    credentials = " and ".join(name for name in _credentials()[:2] if name)
    if error.code in _BAD_CREDENTIALS:
        return f"{endpoint} refuses the credentials in {credentials} ({error.code}); correct or renew them."
    if error.code == "AccessDenied":
        return (
            f"The credentials in {credentials} have not enough rights on store.bucket={bucket}; ask for "
            "those to list it and to read, write and delete objects."
        )
    if error.code == "NoSuchBucket":
        return f"store.bucket={bucket} does not exist at {endpoint}; have it made, or choose another bucket."
    if error.code == "RequestTimeTooSkewed":
        return f"The clocks of this machine and of {endpoint} disagree; set them right."
    if error.code in _BAD_REGION:
        return f"{endpoint} has store.bucket={bucket} in another region ({error.message}); set store.region."
    return f"{endpoint} refuses store.bucket={bucket} ({error.code}: {error.message}); ask those who run it."


def _reason(error: Exception) -> str:
    if isinstance(error, NameResolutionError):
        return "no such host"
    if isinstance(error, NewConnectionError):
        return str(error).rpartition("] ")[2]
    if isinstance(error, ConnectTimeoutError):
        return "no connection in time"
    if isinstance(error, ReadTimeoutError):
        return "no answer in time"
    if isinstance(error, ProtocolError):
        return "the connection was closed"
    return _first_words(error)


def _first_words(error: Exception) -> str:
    """Leave out the body of an answer, which may be a page."""
    return str(error).partition(", Body")[0]
