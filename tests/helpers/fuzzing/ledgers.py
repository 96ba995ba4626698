"""Door for the ledger of a sweep, and the curves beside it."""

import json
import shutil
from typing import Any

from helpers.fuzzing.mutation import Random, altered, damaged
from helpers.fuzzing.runner import Door
from libelle.reports.sweep_report import write_report
from libelle.tuning.sweep import Sweep


class Ledgers(Door):
    """A sweep folder with a wrong ledger."""

    name, share = "ledgers", 300

    def __init__(self, *places: Any) -> None:
        super().__init__(*places)
        self.folder = self.scratch / "sweep"
        shutil.copytree(self.corpus / "sweep", self.folder)
        self.right = (self.folder / "trials.jsonl").read_bytes()

    def attempt(self, random: Random) -> Any:
        """Damage the ledger, and rank its trials."""
        if random.random() < 0.3:
            wrong = damaged(random, self.right, [b"\n", b"\r\n", b"\0", b"{}", b"null\n", b"[]\n"])
        else:
            lines = self.right.split(b"\n")
            place = int(random.integers(len(lines) - 1))
            lines[place] = json.dumps(altered(random, json.loads(lines[place]))).encode()
            wrong = b"\n".join(lines)
        (self.folder / "trials.jsonl").write_bytes(wrong)
        sweep = Sweep.read(self.folder)
        if random.random() < 0.03:  # figures take long
            return write_report(self.folder)
        return sweep.ranked, sweep.parameters, sweep.counts
