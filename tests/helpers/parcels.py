"""Parcels: what is kept on this machine for a store."""

from pathlib import Path

from libelle.stores.outbox import Parcel, Target


def parcel(folder: Path) -> Parcel:
    """An empty parcel in a folder; its `objects` is a store."""
    sent = Parcel(folder / "parcel", Target("run", "run 2026-11-23_1", {}, {}))
    sent.objects.put("runs/1/0/0.bin", b"0")
    return sent
