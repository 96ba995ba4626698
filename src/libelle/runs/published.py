"""Of which runs something is published: those stay."""

from typing_extensions import TypedDict

from libelle.errors import UserError
from libelle.stores.base import Store, in_parallel
from libelle.stores.documents import read_document


class _Claim(TypedDict):
    """`claim.json`, which says the run of a version before anything else is there; a manifest says it, too."""

    run_id: str


def published_runs(store: Store) -> dict[str, list[str]]:
    """Run id → what is published of the run, as `forms@2`; versions that are being made, too."""
    names = [(name, number) for name in store.folders("published/") for number in store.folders(f"published/{name}/")]
    found: dict[str, list[str]] = {}
    for (name, number), run_id in zip(names, in_parallel(lambda place: _claimed_by(store, *place), names), strict=True):
        found.setdefault(run_id, []).append(f"{name}@{number}")
    return found


def _claimed_by(store: Store, name: str, number: str) -> str:
    """The run of a version; "" where nothing says it."""
    for file in ("claim.json", "manifest.json"):
        try:
            return read_document(store, f"published/{name}/{number}/{file}", _Claim)["run_id"]
        except (KeyError, UserError):
            continue
    return ""
