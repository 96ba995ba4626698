"""Looks out for other versions, in a process of its own: a store that hangs or a model that crashes harms nobody.

A version that has become the current one is fetched, checked and replayed here first. Then the process above is told,
and loads it from this machine.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from libelle.errors import UserError
from libelle.published import Publication, find
from libelle.service.models_served import load, references
from libelle.service.settings import Settings
from libelle.stores.base import Store

#: Seconds after which a version that was refused is tried again, at first; twice as many each time.
_AGAIN = 60.0
_SELDOM = 3600.0

#: Reference → version that was refused, when, and how often.
Tried = dict[str, tuple[int, float, int]]


def note_refusal(tried: Tried, reference: str, version: int) -> None:
    """Note that a version was refused, now."""
    before, _, count = tried.get(reference, (None, 0.0, 0))
    tried[reference] = version, time.monotonic(), count + 1 if before == version else 1


@dataclass
class Scout:
    """What is looked out for.

    Attributes:
        store: where versions are.
        settings: of the service.
        served: reference → version that is served.
        tried: what was refused.
    """

    store: Store
    settings: Settings
    served: Mapping[str, int]
    tried: Tried = field(default_factory=dict)

    def look(self, tell: Callable[[dict[str, Any]], None]) -> bool:
        """Look once.

        Args:
            tell: tells the process above: `store`, why it cannot be read, or null; `trying` and `version`, what is
                tried now; `refused` with `version` and `reason`; `moved` and its `publication`.

        Returns:
            Whether another version can be served.
        """
        moved = False
        try:
            wanted = references(self.store, self.settings)
        except UserError as error:
            tell({"store": str(error)})
            return False
        away = None
        for reference in wanted:
            try:
                publication = find(self.store, reference)
            except UserError as error:
                if reference in self.served or self.settings.references is not None:
                    away = str(error)
                continue
            if publication.version != self.served.get(reference) and self._is_due(reference, publication.version):
                moved = self._try(reference, publication, tell) or moved
            elif publication.version == self.served.get(reference) and self.tried.pop(reference, None) is not None:
                tell({"settled": reference})
        tell({"store": away})
        return moved

    def _is_due(self, reference: str, version: int) -> bool:
        before = self.tried.get(reference)
        if before is None or before[0] != version:
            return True
        return time.monotonic() - before[1] > min(_AGAIN * 2.0 ** (before[2] - 1), _SELDOM)

    def _try(self, reference: str, publication: Publication, tell: Callable[[dict[str, Any]], None]) -> bool:
        tell({"trying": reference, "version": publication.version})
        try:
            signed = find(self.store, str(publication), self.settings.trusted)
            load(self.store, signed)
        except UserError as error:
            note_refusal(self.tried, reference, publication.version)
            tell({"refused": reference, "version": publication.version, "reason": str(error)})
            return False
        tell({"moved": reference, "publication": asdict(signed)})
        return True


def watch(scout: Scout, pipe: int) -> None:
    """Look again and again, until another version can be served or the process above has died."""

    def tell(message: dict[str, Any]) -> None:
        os.write(pipe, json.dumps(message).encode() + b"\n")

    os.nice(10)  # requests come first
    above = os.getppid()
    while os.getppid() == above:
        if scout.look(tell):
            return
        time.sleep(scout.settings.reload)
