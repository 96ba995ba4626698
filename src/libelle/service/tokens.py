"""Who may ask: tokens with names, from the environment or a file that can be changed while the service runs.

A file has a line for each token, its owner's name, white space, and the token; `#` begins a comment:

    recap    0f3c…
    dashboard 91ab…
"""

import hashlib
import hmac
import logging
import os
import re
import time
from pathlib import Path

from libelle.errors import UserError
from libelle.service.settings import TOKEN

log = logging.getLogger(__name__)

#: Characters of a token at least: what is shorter can be guessed.
SHORTEST = 16
#: Seconds between two looks at the file.
_LOOK = 1.0
_LARGEST = 1 << 20
_NAME = re.compile(r"[\w.-]{1,50}", re.ASCII)


class Tokens:
    """The tokens that are accepted; none where anybody on this machine may ask."""

    def __init__(self, path: str | None) -> None:
        """Read them.

        Args:
            path: of the file; the token of `LIBELLE_TOKEN` where there is none.

        Raises:
            UserError: when the file cannot be read, or a token is too short.
        """
        self._path = None if path is None else Path(path)
        self._looked = time.monotonic()
        self._seen = self._stamp()
        if self._path is not None:
            self._owners = _read(self._path)
        else:
            token = os.environ.get(TOKEN)
            self._owners = _owners([("token", token)], TOKEN) if token else {}

    @property
    def required(self) -> bool:
        """Whether there are any."""
        return bool(self._owners)

    def owner(self, authorization: str | None) -> str | None:
        """The name of the owner of a token.

        All are compared, each in constant time, so that the time of an answer says nothing of any.

        Args:
            authorization: the header `Authorization`, `Bearer` and the token.

        Returns:
            None for a token that is not accepted, and where there is none.
        """
        self.refresh()
        kind, _, token = (authorization or "").partition(" ")
        given = hashlib.sha256(token.strip().encode("utf-8", "surrogateescape")).digest()
        found = None
        for known, name in self._owners.items():
            if hmac.compare_digest(known, given):
                found = name
        return found if kind.lower() == "bearer" else None

    def refresh(self) -> None:
        """Read the file again where it has changed; one that cannot be read changes nothing.

        Every process of the service does so each second, whether it is asked or not: else one that was idle, or took
        the place of another, would go on with tokens that were revoked before the file was damaged.
        """
        if self._path is None or time.monotonic() - self._looked < _LOOK:
            return
        self._looked = time.monotonic()
        stamp = self._stamp()
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self._owners = _read(self._path)
        except UserError as error:
            log.error("The tokens stay as they were: %s", error)
        else:
            log.info("tokens=%s was read again: %s", self._path, ", ".join(self._owners.values()))

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            about = None if self._path is None else self._path.stat()
        except OSError:
            return None
        return None if about is None else (about.st_mtime_ns, about.st_size, about.st_ino)


def _read(path: Path) -> dict[bytes, str]:
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST).decode()
    except OSError as error:
        raise UserError(f"tokens={path} cannot be read ({error.strerror}); give a file of names and tokens.") from None
    except UnicodeDecodeError:
        raise UserError(f"tokens={path} is not text in UTF-8; give a file of names and tokens.") from None
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or not _NAME.fullmatch(words[0]):
            raise UserError(f"tokens={path}, line {number}: write a name, a space and a token, and nothing else.")
        found.append((words[0], words[1]))
    if not found:
        raise UserError(f"tokens={path} holds no token; write a line with a name and a token.")
    return _owners(found, f"tokens={path}")


def _owners(tokens: list[tuple[str, str]], where: str) -> dict[bytes, str]:
    for name, token in tokens:
        if len(token) < SHORTEST:
            raise UserError(
                f"{where}: the token of {name} has fewer than {SHORTEST} characters and could be guessed; make one "
                "with openssl rand -hex 32."
            )
    return {hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest(): name for name, token in tokens}
