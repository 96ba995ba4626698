"""What the service is asked for: the nodes of `conf/serve.yaml`, `store` apart."""

import ipaddress
import os
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NoReturn

from pydantic import Field

from libelle.components import AboveZero, Component, NonNegative, Positive
from libelle.data.records import Names, name_list
from libelle.errors import UserError
from libelle.signatures import trusted_file

#: The environment variable that holds a token.
TOKEN = "LIBELLE_TOKEN"

#: An origin as browsers send it.
_ORIGIN = re.compile(
    r"(?!http://[^/]*:80$|https://[^/]*:443$)[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?"
)

Port = Annotated[int, Field(ge=0, le=65535)]


@dataclass(kw_only=True)
class Limits(Component):
    """How much one request, and all at once, may ask of a worker; what is more is refused in a sentence.

    Attributes:
        max_bytes: of a request's body (413).
        max_records: in a request (413).
        max_text: characters of a text; a record with a longer one is not scored, the others are.
        max_explained: records of a request that asks for explanations, each of which scores some dozens (413).
        max_waiting: records that wait in one worker at most (429).
        timeout: seconds from the first byte of a request to its answer (503).
    """

    max_bytes: Positive = 8 << 20
    max_records: Positive = 10_000
    max_text: Positive = 10_000
    max_explained: Positive = 50
    max_waiting: Positive = 50_000
    timeout: AboveZero = 30.0


@dataclass(kw_only=True)
class Settings(Limits):
    """The nodes of `conf/serve.yaml`, `store` apart.

    Attributes:
        published: names of published models, `name` for the current version and `name@version` for one that stays; all
            that is published by default.
        host: the address to listen on.
        port: likewise; 0 for any that is free.
        workers: processes that answer.
        tokens: file of tokens, see `libelle.service.tokens`; by default the one of `LIBELLE_TOKEN`, if there is any.
        tls_certificate: file of the certificates, PEM, for HTTPS.
        tls_key: file of their private key, PEM.
        origins: of pages of other hosts that may ask from a browser (CORS); none by default.
        verify: `required`: a model is served only if a trusted key has signed it.
        trusted: file of the public keys that are trusted; by default, what `LIBELLE_TRUSTED_KEYS` names.
        shadow: versions, `name@version`, that score what the model of that name is asked, and are compared with it.
        noncodable: the model that answers `/noncodable`; the only one that is served by default.
        unknown_fields: whether a record with fields that the model does not know is refused, or they are ignored.
        reload: seconds between two looks at the store for other versions; 0 for never.
        access_log: whether each request is logged.
    """

    published: Names = None
    host: str = "127.0.0.1"
    port: Port = 8000
    workers: Positive = 2
    tokens: str | None = None
    tls_certificate: str | None = None
    tls_key: str | None = None
    origins: Names = None
    verify: Literal["none", "required"] = "none"
    trusted: str | None = None
    shadow: Names = None
    noncodable: str | None = None
    unknown_fields: Literal["refuse", "ignore"] = "refuse"
    reload: NonNegative = 10.0
    access_log: bool = True

    def __post_init__(self) -> None:
        self._check_door()
        self._check_origins()
        self.trusted = trusted_file(self.verify, self.trusted)
        # An empty value is that of a shell's variable that is not set, and would not mean what it stands for.
        for key in ("published", "shadow", "origins"):
            if getattr(self, key) is not None and not name_list(getattr(self, key)):
                raise UserError(f"{key}= is empty; write a value, or leave it out.")
        for shadow in self.shadows:
            if "@" not in shadow:
                raise UserError(f"shadow={shadow} names no version; write {shadow}@ and its number.")

    def _check_origins(self) -> None:
        """Raise `UserError` for an origin that no browser sends: it would let nobody in, and nobody would know why."""
        for origin in self.allowed_origins:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise UserError(
                    f"origins={origin} is no origin as browsers send it; write https://<host>, with :<port> where it "
                    "is not the usual one, in small letters and without a path."
                )

    @property
    def references(self) -> list[str] | None:
        """The models that are asked for, `name` or `name@version`; None for all."""
        return name_list(self.published) or None

    @property
    def shadows(self) -> list[str]:
        """The versions that score beside, `name@version`."""
        return name_list(self.shadow)

    @property
    def allowed_origins(self) -> list[str]:
        """The hosts whose pages may ask from a browser."""
        return name_list(self.origins)

    @property
    def is_local(self) -> bool:
        """Whether this machine alone can reach the address."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def _check_door(self) -> None:
        if self.tokens is None and not os.environ.get(TOKEN) and not self.is_local:
            raise UserError(
                f"host={self.host} would serve anybody who reaches this machine; set {TOKEN}, give tokens=<file>, or "
                "leave host= out to serve this machine alone."
            )
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise UserError("tls_certificate= and tls_key= belong together; give both files, or neither.")
        self.load_tls()

    def load_tls(self) -> ssl.SSLContext | None:
        """Load the certificates and their key; None where there are none.

        Raises:
            UserError: when they cannot be used; names the one that is wrong.
        """
        if self.tls_certificate is None or self.tls_key is None:
            return None
        return _load_pair(self.tls_certificate, self.tls_key)


def _load_pair(certificate: str, private: str) -> ssl.SSLContext:
    """Load files of certificates and of their private key; raises `UserError` unless they are."""
    certificates, key = f"tls_certificate={certificate}", f"tls_key={private}"
    for place, path in ((certificates, certificate), (key, private)):
        if not Path(path).is_file():
            raise UserError(f"{place} is no file; give a file in PEM format.")
        try:
            Path(path).open("rb").close()
        except OSError as error:
            raise UserError(f"{place} cannot be read ({error.strerror}); check its rights.") from error

    def refuse() -> NoReturn:  # else each worker asks for a passphrase, on a terminal
        raise UserError(
            f"{key} is encrypted, and workers begin without being asked; give a key without a passphrase, which the "
            "service alone may read."
        )

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(certificate)
    except ssl.SSLError as error:
        raise UserError(f"{certificates} holds no certificate; give the file of certificates, PEM.") from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, private, refuse)
    except ssl.SSLError as error:
        if error.reason in ("KEY_VALUES_MISMATCH", "NO_CERTIFICATE_ASSIGNED"):  # the latter of another kind of key
            raise UserError(
                f"{key} is not the key of {certificates}, whose first certificate counts; give files that belong "
                "together."
            ) from error
        if error.reason and error.library == "SSL":  # of keys that are too short, for instance
            reason = error.reason.lower().replace("_", " ")
            raise UserError(f"{certificates} and {key} cannot be used ({reason}); give others.") from error
        raise UserError(f"{key} holds no private key; give the file of the certificate's key, PEM.") from error
    return context
