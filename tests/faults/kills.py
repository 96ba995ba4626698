"""A place in which commands are killed, and what must hold in it whatever was killed when."""

import contextlib
import io
import json
import random
import signal
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pandas as pd
from omegaconf import OmegaConf

from faults.warm import Ended, Warm
from helpers.counts import SEED, some
from helpers.scripts import call
from helpers.tiny import make_forms
from libelle import published
from libelle.cli.runs import runs
from libelle.errors import UserError
from libelle.files import TEMPORARY
from libelle.loading import load_published, load_run
from libelle.runs.cleaning import Choice, leftovers
from libelle.runs.ids import RunId
from libelle.runs.published import published_runs
from libelle.runs.run import COMPLETED, DELETED, Run
from libelle.runs.run_list import manifests
from libelle.stores.base import Store
from libelle.stores.outbox import place_of
from libelle.training.bases import read_base

DATA = ["data=csv", "data.path=forms.csv", "data.id=form", "data.columns=employer,job,town", "data.target=label"]
TRAIN = [*DATA, "model=naive_bayes"]
#: What may be wrong, in the order of the table.
WRONG = ("lost", "half-used", "believed", "doubled", "crashed")
#: Exit statuses of a command that knows what it does; the others are those of the two signals.
_STATUSES = (0, 2, 130, 143, -signal.SIGKILL, -signal.SIGTERM)


@dataclass
class Faults:
    """What was found to be wrong."""

    found: list[tuple[str, str]] = field(default_factory=list)

    def add(self, kind: str, sentence: str) -> None:
        assert kind in WRONG
        self.found.append((kind, sentence))

    def number(self, kind: str) -> int:
        return sum(found == kind for found, _ in self.found)


class Place:
    """A folder with forms and a store in it: a run, a threshold chosen for it, `forms@1` published of it, and a base.

    Attributes:
        folder: the working directory of commands.
        store: the same that commands use with `options`.
        options: arguments that name the store.
        faults: what was found to be wrong here.
    """

    def __init__(self, folder: Path, store: Store, options: list[str], faults: Faults) -> None:
        self.folder, self.store, self.options, self.faults = folder, store, options, faults

    def status(self, script: str, *arguments: str) -> int:
        """Run a command that must end in a way that is known; returns its exit status."""
        answer = call(script, *arguments, *self.options, cwd=self.folder)
        self.judge(f"{script} {' '.join(arguments[:2])}", answer.returncode, answer.stderr)
        return answer.returncode

    def judge(self, what: str, status: int, said: str) -> None:
        """Note a command that crashed."""
        if status not in _STATUSES or "Traceback" in said:
            self.faults.add("crashed", f"{what}: exit status {status}\n{said[-3000:]}")

    def succeed(self, script: str, *arguments: str) -> str:
        """Run a command that must succeed: otherwise something was lost."""
        answer = call(script, *arguments, *self.options, cwd=self.folder)
        if answer.returncode != 0:
            self.faults.add("lost", f"{script} {' '.join(arguments[:2])} fails: {answer.stderr[-1500:]}")
        return answer.stdout

    def runs(self, verb: str, *ids: str, **where: str) -> str:
        """As `succeed`, for `runs.py`, without composing a config, which takes longest."""
        words = {"words": json.dumps([verb, *ids]), "where": json.dumps(where)}
        out, err = io.StringIO(), io.StringIO()
        status: object = 0
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                runs(OmegaConf.create({**words, "store": place_of(self.store)}))
        except SystemExit as end:
            status = end.code
        except Exception as error:
            self.faults.add("crashed", f"runs.py {verb}: {traceback.format_exc()[-2000:]} {error}")
        if status != 0:
            self.faults.add("lost", f"runs.py {verb} fails: {err.getvalue()[-1500:]}")
        return out.getvalue()

    def prepare(self) -> None:
        """Fill it."""
        self.succeed("train.py", *TRAIN)
        self.succeed("threshold.py", "value=0.5")
        self.succeed("publish.py", f"run_id={self.ids()[0]}", "name=forms")
        self.succeed("train.py", "mode=prepare", *TRAIN)

    def ids(self) -> list[str]:
        """Of all runs, oldest first."""
        return [manifest.run_id for manifest in manifests(self.store)][::-1]

    def open(self, run_id: str) -> Run:
        return Run.open(self.store, RunId.parse(run_id))

    def statuses(self) -> dict[str, str]:
        """Run id → status, as it is shown."""
        found = manifests(self.store)
        if len({manifest.run_id for manifest in found}) != len(found):
            self.faults.add("doubled", str(found))
        return {manifest.run_id: manifest.status for manifest in found}

    def scores(self) -> pd.DataFrame:
        """Of a few forms, by what is published."""
        return _scores(load_published("forms", self.store))

    def look(self, before: "Before", turn: int | None = None) -> None:
        """Note all that is not as it must be at any moment.

        Args:
            before: what was there before.
            turn: where it is said, the commands answer, too: one of three verbs each time.
        """
        statuses = self.statuses()
        if turn is not None:
            listed = json.loads(self.runs("list", limit="1000", format="json") or "[]")
            shown = {run_id: status for run_id, status in statuses.items() if status != DELETED}
            if {run["run_id"]: run["status"] for run in listed} != shown:
                self.faults.add("lost", f"{listed} is listed, and {statuses} is there")
            self._try("lost", (self._show, self._clean, self._published)[turn % 3])
        for run_id in before.ids:
            if statuses.get(run_id) != COMPLETED:
                self.faults.add("lost", f"{run_id} was completed, and is {statuses.get(run_id)}")
        completed = [run_id for run_id, status in statuses.items() if status == COMPLETED]
        for run_id in dict.fromkeys(completed[:3] + completed[-1:]):  # in a bucket, they become many
            self._try("half-used", partial(self._whole, run_id))
        self._try("lost", partial(self._published_as, before.scores))
        self._try("lost", self._base_is_whole)

    def _show(self) -> None:
        self.runs("show", self.ids()[-1])

    def _clean(self) -> None:
        self.runs("clean")

    def _published(self) -> None:
        published.overview(self.store)

    def _try(self, kind: str, check: Callable[[], None]) -> None:
        try:
            check()
        except UserError as error:
            self.faults.add(kind, str(error))
        except AssertionError as error:
            self.faults.add("believed", str(error))
        except Exception as error:
            self.faults.add("crashed", f"{type(error).__name__}: {error}")

    def _whole(self, run_id: str) -> None:
        run = self.open(run_id).verify()
        chosen = run.read_threshold()
        load_run(run_id, self.store)
        assert chosen is None or 0 <= chosen["value"] <= 1

    def _published_as(self, scores: pd.DataFrame) -> None:
        pd.testing.assert_frame_equal(self.scores(), scores)

    def _base_is_whole(self) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            assert len(read_base(self.store, "based", Path(scratch)).prepared.about) > 0

    def settle(self) -> None:
        """Send what is kept, clean up, and note what is left of the dead."""
        self.runs("sync")
        self.runs("clean", yes="true")
        left = [item.name for item in leftovers(self.store, published_runs(self.store), Choice())]
        files = [path for path in (self.folder / "state").rglob("*") if path.is_file()]
        temporary = [entry.key for entry in self.store.leftovers()]
        temporary += [entry.key for entry in self.store.list("") if TEMPORARY in entry.key]
        gone = [run_id for run_id, status in self.statuses().items() if status in ("running", "lost")]
        for found in (left, [str(path) for path in files], temporary, gone):
            if found:
                self.faults.add("lost", f"left for ever: {found}")


@dataclass(frozen=True)
class Before:
    """What must stay as it is: ids of completed runs, and scores of what is published."""

    ids: list[str]
    scores: pd.DataFrame

    @classmethod
    def of(cls, place: Place) -> "Before":
        return cls([run_id for run_id, status in place.statuses().items() if status == COMPLETED], place.scores())


@dataclass(frozen=True)
class Moment:
    """When a command is killed: before a step, or after some seconds."""

    at: int | None
    after: float | None
    by: int

    def __str__(self) -> str:
        when = f"step {self.at}" if self.at else f"{self.after} s"
        return f"{signal.Signals(self.by).name} at {when}"


def moments(whole: Ended, number: int) -> Iterator[Moment]:
    """Moments over a command that was seen to its end: two thirds at steps, evenly, and one third at random.

    Each fifth is a SIGTERM.
    """
    chance = random.Random(SEED)
    at_steps = min(number * 2 // 3, whole.steps)
    start = chance.random()
    for turn in range(number):
        by = signal.SIGTERM if turn % 5 == 4 else signal.SIGKILL
        if turn < at_steps:
            yield Moment(1 + int((turn + start) * whole.steps / at_steps), None, by)
        else:
            yield Moment(None, round(chance.random() * whole.seconds, 3), by)


def kill_all(
    warm: Warm,
    number: int,
    command: list[str],
    make: Callable[[], Place],
    go_on: Callable[[Place, int], None],
) -> tuple[dict[str, int], str]:
    """Kill a command again and again, and look each time.

    Args:
        warm: kills.
        number: of kills.
        command: script and arguments.
        make: makes the place as it is before the command.
        go_on: what people do after the kill, the turn told; notes what fails.

    Returns:
        Counts, and what was wrong when.
    """
    place = make()
    before = Before.of(place)
    whole = warm.run(*command, *place.options, cwd=place.folder)
    assert whole.returncode == 0, whole.stderr
    counts = {"tried": 0, "killed": 0, "terminated": 0, **dict.fromkeys(WRONG, 0)}
    found: list[str] = []
    for turn, moment in enumerate(moments(whole, some(number))):
        place = make()
        line = [*command, *place.options]
        ended = warm.run(*line, cwd=place.folder, at=moment.at, after=moment.after, by=moment.by)
        counts["tried"] += 1
        counts["killed"] += ended.returncode == -signal.SIGKILL
        counts["terminated"] += ended.returncode in (-signal.SIGTERM, 143)
        place.judge(" ".join(command[:2]), ended.returncode, ended.stderr)
        place.look(before, turn)
        go_on(place, turn)
        place.look(before)
        place.settle()
        for kind in WRONG:
            counts[kind] += place.faults.number(kind)
        found += [f"{kind}: {moment}: {sentence}" for kind, sentence in place.faults.found]
        place.faults.found.clear()
    return counts, "\n".join(found)


def write_forms(folder: Path) -> None:
    """`forms.csv`."""
    make_forms().to_csv(folder / "forms.csv", index=False)


def _scores(pipeline) -> pd.DataFrame:  # type: ignore[no-untyped-def]
    return pipeline.predict(make_forms(6, seed=3).drop(columns=["form", "label"]))[["score"]]
