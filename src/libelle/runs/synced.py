"""What `runs.py sync` says of each thing that was kept on this machine."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Synced:
    """One thing that was kept.

    Attributes:
        what: it is, as `run 2026-11-23_4`.
        folder: where it was kept, and still is unless it was sent.
        reason: why it could not be sent; None where it was.
    """

    what: str
    folder: str
    reason: str | None
