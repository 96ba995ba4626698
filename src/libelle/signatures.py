"""Signatures of published models: who publishes signs the manifest, which holds the SHA-256 of every file.

Ed25519 (RFC 8032), with keys as OpenSSL writes them:

    openssl genpkey -algorithm ed25519 -out publisher.pem
    openssl pkey -in publisher.pem -pubout -out trusted.pem

The private key stays with who publishes. `trusted.pem` goes to those who load models; it may hold several public keys,
one after the other, so that a key can be replaced.
"""

import json
import os
import re
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Base64Bytes, Field
from typing_extensions import TypedDict

from libelle.errors import UserError, needs_extra
from libelle.stores.documents import LARGEST, parse_document

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

#: The environment variable with the passphrase of an encrypted private key.
PASSPHRASE = "LIBELLE_SIGN_PASSPHRASE"
#: The environment variable that names the file of trusted keys.
TRUSTED = "LIBELLE_TRUSTED_KEYS"
_PUBLIC = re.compile(rb"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----\s*", re.DOTALL)
#: Bytes of a file of keys at most.
_LARGEST_KEYS = 1 << 20


class _Signature(TypedDict):
    """What stands beside a manifest, in `manifest.sig`."""

    algorithm: Annotated[str, Field(pattern="^ed25519$")]
    signature: Base64Bytes


def trusted_file(verify: str, trusted: str | None) -> str | None:
    """The file of public keys of which one must have signed, None where no signature is required.

    Args:
        verify: `required` or `none`.
        trusted: the file; what `LIBELLE_TRUSTED_KEYS` names where left out.

    Raises:
        UserError: when one is given without the other.
    """
    if verify == "none":
        if trusted is not None:
            raise UserError(f"trusted={trusted} says whom to trust; add verify=required, or leave it out.")
        return None
    found = trusted or os.environ.get(TRUSTED)
    if found is None:
        raise UserError(f"verify=required needs the keys to trust; give trusted=<file>, or name it in {TRUSTED}.")
    return found


def sign(data: bytes, key: str | Path) -> bytes:
    """Sign data; returns the document that is kept beside them.

    Args:
        data: a manifest, as it is stored.
        key: file of a private key, PEM.

    Raises:
        UserError: when the file holds no such key.
    """
    signature = _private_key(Path(key)).sign(data)
    return _document(signature)


def _document(signature: bytes) -> bytes:
    return json.dumps({"algorithm": "ed25519", "signature": b64encode(signature).decode()}).encode()


def verify(data: bytes, document: bytes | None, keys: str | Path, what: str) -> None:
    """Raise unless data were signed with one of the trusted keys.

    Args:
        data: a manifest, as it is stored.
        document: what `sign` returned; None where there is none.
        keys: file of public keys, PEM, one after the other.
        what: names what was signed, for the message.

    Raises:
        UserError: when they were not, or the file holds no key.
    """
    trusted = _public_keys(Path(keys))
    if document is None:
        raise UserError(f"{what} is not signed; publish it with sign=<private key>, or leave verify= out.")
    signature = parse_document(document[:LARGEST], _Signature, f"The signature of {what}")["signature"]
    if document != _document(signature):  # the same signature can be written in several ways
        raise UserError(f"The signature of {what} was altered; do not use it before you know why.")
    from cryptography.exceptions import InvalidSignature

    for key in trusted:
        try:
            key.verify(signature, data)
        except InvalidSignature:
            continue
        return
    raise UserError(
        f"{what} was not signed by a key of {keys}, or was altered since; do not use it before you know why."
    )


def _private_key(path: Path) -> "Ed25519PrivateKey":
    with needs_extra("sign=", "sign"):
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    passphrase = os.environ.get(PASSPHRASE)
    try:
        key = load_pem_private_key(_read(path, "sign"), passphrase.encode() if passphrase else None)
    except (ValueError, TypeError):
        raise UserError(
            f"sign={path} holds no private key that can be read; make one with openssl genpkey -algorithm ed25519, and "
            f"give the passphrase of an encrypted one in {PASSPHRASE}."
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UserError(f"sign={path} is a key of another kind; make one with openssl genpkey -algorithm ed25519.")
    return key


def _public_keys(path: Path) -> "list[Ed25519PublicKey]":
    with needs_extra("verify=", "sign"):
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    key = TRUSTED if os.environ.get(TRUSTED) == str(path) else "trusted"
    try:
        found = [load_pem_public_key(block) for block in _PUBLIC.findall(_read(path, key))]
    except ValueError:
        found = []
    keys = [key for key in found if isinstance(key, Ed25519PublicKey)]
    if not keys or len(keys) < len(found):
        raise UserError(f"{key}={path} holds no Ed25519 public keys; make it with openssl pkey -pubout.")
    return keys


def _read(path: Path, key: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST_KEYS)
    except OSError as error:
        raise UserError(f"{key}={path} cannot be read ({error.strerror}); give the file of a key.") from None
