"""A sweep seen from outside: reading a sweep folder, reading a search space, and the sweeper's refusals.

    sweep = SweepRecord.read(Path("sweeps/mlp"))
    best = ranked(sweep.trials, sweep.header.direction)[0]

The names come from modules that Hydra does not scan: scanning runs a module anew, and a `SweepError`
that an application imported before would then be another class than the one the sweeper raises.
"""

from ._errors import SweepError
from ._ledger_reader import (
    COMPLETED,
    FAILURES,
    PRUNED,
    RUNNING,
    DimensionRecord,
    Header,
    SweepRecord,
    TrialRecord,
    ranked,
)
from ._space import Space
from ._space_parser import read_space

__all__ = [
    "COMPLETED",
    "FAILURES",
    "PRUNED",
    "RUNNING",
    "DimensionRecord",
    "Header",
    "Space",
    "SweepError",
    "SweepRecord",
    "TrialRecord",
    "ranked",
    "read_space",
]
