"""What this machine has kept for a store is sent to it."""

from libelle.errors import UserError
from libelle.publication import send_publication
from libelle.runs.sending import send_late
from libelle.runs.synced import Synced
from libelle.stores.base import Store
from libelle.stores.outbox import TARGET, Kind, Parcel, Sender, held, parcels_for
from libelle.training.bases import send_base
from libelle.training.run_pages import send_choice

_SENDERS: dict[Kind, Sender] = {
    "run": send_late,
    "base": send_base,
    "published": send_publication,
    "threshold": send_choice,
}
#: A choice, and a published version, are of a run that may have to be sent first.
_ORDER: tuple[Kind, ...] = ("run", "base", "threshold", "published")


def sync(store: Store) -> list[Synced]:
    """Send what is kept for a store; what cannot be sent stays, and says why.

    It may be repeated, and two at once do no harm: each parcel is sent by one of them.
    """
    ours = sorted(parcels_for(store), key=lambda parcel: _ORDER.index(parcel.target.kind))
    return [_send(parcel, store) for parcel in ours]


def _send(parcel: Parcel, store: Store) -> Synced:
    try:
        with held(parcel.folder):
            _SENDERS[parcel.target.kind](parcel, store)
            parcel.discard()
    except (UserError, OSError, KeyError) as error:
        if not (parcel.folder / TARGET).exists():
            return Synced(parcel.target.what, str(parcel.folder), None)  # another process has just sent it
        return Synced(parcel.target.what, str(parcel.folder), str(error))
    return Synced(parcel.target.what, str(parcel.folder), None)
