"""What the sweeper refuses."""

from hydra.errors import CompactHydraException


class SweepError(CompactHydraException):
    """A mistake in the search space, the options or the sweep folder; Hydra prints its sentence alone."""
