"""Which versions are served: names as they are asked for, and what they stand for at the moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from libelle.errors import UserError
from libelle.language import gettext as _
from libelle.pipeline import Pipeline
from libelle.publication import read_version
from libelle.published import Publication, find
from libelle.service.records import Judge
from libelle.service.refusal import RefusalError
from libelle.service.settings import Settings
from libelle.stores.base import Store
from libelle.stores.cache import default_cache


@dataclass(frozen=True)
class Loaded:
    """A version that was checked and replayed."""

    publication: Publication
    pipeline: Pipeline


@dataclass(frozen=True)
class Shadow:
    """A version that scores beside another one of the same name."""

    publication: Publication
    pipeline: Pipeline
    judge: Judge


@dataclass(frozen=True)
class Served:
    """A version as requests use it: one object from their first line to their last.

    Attributes:
        reference: what it was asked for by, `name`, or `name@version` for one that stays.
        publication: its manifest.
        pipeline: scores.
        judge: of the records.
        shadow: what scores beside, if anything.
    """

    reference: str
    publication: Publication
    pipeline: Pipeline
    judge: Judge
    shadow: Shadow | None = None


class Catalogue:
    """All that a worker serves, from its first request to its last: another version is another worker's."""

    def __init__(self, served: Sequence[Served]) -> None:
        self._served = {item.reference: item for item in served}

    @classmethod
    def of(cls, loaded: Mapping[str, Loaded], settings: Settings) -> "Catalogue":
        """Arrange loaded versions, by reference, as they are wanted."""
        shadows = {}
        for reference in settings.shadows:
            if reference in loaded:
                item = loaded[reference]
                shadows[item.publication.name] = Shadow(
                    item.publication, item.pipeline, Judge(item.pipeline, settings.max_text, ignore_unknown=True)
                )
        ignore = settings.unknown_fields == "ignore"
        wanted = [reference for reference in loaded if reference not in settings.shadows or _asked(reference, settings)]
        return cls(
            [
                Served(
                    reference,
                    loaded[reference].publication,
                    loaded[reference].pipeline,
                    Judge(loaded[reference].pipeline, settings.max_text, ignore),
                    _beside(loaded[reference], shadows),
                )
                for reference in wanted
            ]
        )

    @property
    def served(self) -> list[Served]:
        """All, in order."""
        return list(self._served.values())

    def find(self, name: str) -> Served:
        """The version that a request names: `name`, or `name@version`, where it is the one that is served.

        Raises:
            RefusalError: when it is not served.
        """
        found = self._served.get(name)
        if found is not None:
            return found
        for item in self.served:
            if str(item.publication) == name:
                return item
        there = ", ".join(
            item.reference if "@" in item.reference else f"{item.reference} (version {item.publication.version})"
            for item in self.served
        )
        sentence = _("The model {name} is not served; served here: {models}.")
        raise RefusalError(404, sentence.format(name=ascii(name[:100]), models=there))


def _asked(reference: str, settings: Settings) -> bool:
    return reference in (settings.references or [])


def _beside(loaded: Loaded, shadows: Mapping[str, Shadow]) -> Shadow | None:
    shadow = shadows.get(loaded.publication.name)
    same = shadow is not None and shadow.publication.version == loaded.publication.version
    return None if same else shadow


def references(store: Store, settings: Settings) -> list[str]:
    """The versions that are wanted now, shadows included.

    Raises:
        UserError: when the store fails.
    """
    asked = settings.references or store.folders("published/")
    return list(dict.fromkeys([*asked, *settings.shadows]))


def load(store: Store, publication: Publication) -> Loaded:
    """Fetch a version, check it and replay its golden records.

    Raises:
        UserError: when it is missing or altered, or scores differently here.
    """
    pipeline = read_version(store, publication, default_cache())
    pipeline.model.warm_up()  # workers share it, and their first requests need not wait
    return Loaded(publication, pipeline)


def load_first(store: Store, settings: Settings) -> tuple[dict[str, Loaded], dict[str, str]]:
    """Load what is wanted at the start, by reference; and say why others cannot be served.

    What was asked for by name has to be there; of all that is published, what can be served is.

    Raises:
        UserError: when a version that was asked for cannot be served, or there is none at all.
    """
    loaded: dict[str, Loaded] = {}
    refused: dict[str, str] = {}
    for reference in references(store, settings):
        key = "shadow" if reference in settings.shadows and not _asked(reference, settings) else "published"
        try:
            loaded[reference] = load(store, find(store, reference, settings.trusted, key))
        except UserError as error:
            if settings.references is not None or reference in [*settings.shadows, settings.noncodable]:
                raise
            refused[reference] = str(error)
    if not loaded:
        raise UserError(
            next(iter(refused.values()), f"Nothing is published in {store}; publish a run first, then serve it.")
        )
    _check_shadows(loaded, settings)
    _check_noncodable(loaded, settings)
    return loaded, refused


def _check_shadows(loaded: Mapping[str, Loaded], settings: Settings) -> None:
    names = {item.publication.name for reference, item in loaded.items() if reference not in settings.shadows}
    for shadow in settings.shadows:
        if loaded[shadow].publication.name not in names:
            raise UserError(f"shadow={shadow} has no model of its name beside it; serve one, or leave it out.")


def _check_noncodable(loaded: Mapping[str, Loaded], settings: Settings) -> None:
    """Raise `UserError` for a model that is not served: each request to `/noncodable` would be refused."""
    if settings.noncodable is None:
        return
    served = Catalogue.of(loaded, settings).served
    names = {name for item in served for name in (item.reference, str(item.publication))}
    if settings.noncodable not in names:
        there = ", ".join(item.reference for item in served)
        raise UserError(f"noncodable={settings.noncodable} is not served; name one of these: {there}.")
