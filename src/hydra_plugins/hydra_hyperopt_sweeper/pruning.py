"""Stopping a trial early, for use inside a job; see `_pruning`.

The names come from modules that Hydra does not scan: scanning runs a module anew, and a `TrialPruned` that an
application imported before would then be another class than the one the sweeper knows.
"""

from ._ledger_reader import read_curve
from ._pruning import Curve, Trial, TrialPruned, outside_top_of_rung, worse_than_median

__all__ = ["Curve", "Trial", "TrialPruned", "outside_top_of_rung", "read_curve", "worse_than_median"]
