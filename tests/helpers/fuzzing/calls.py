"""Doors for what is handed over in Python, records, and for command lines."""

import datetime
import decimal
import shutil
import uuid
from typing import Any

import numpy as np
import pandas as pd

from helpers.fuzzing.mutation import ODD, ODD_TEXTS, Random, pick
from helpers.fuzzing.runner import Door, wrong_sentence
from helpers.scripts import call
from helpers.tiny import make_forms
from libelle.errors import UserError
from libelle.loading import load_folder

#: What people put where a text should be.
_VALUES: list[Any] = [
    *ODD, "maçon", "infirmière", b"a", b"\xff", bytearray(b"x"), "\ud800", "a\udcffb", "\udc00\ud800", (1, 2),
    {"a"}, object(),
    np.int64(7), np.float32("nan"), np.str_("x"), np.array([1, 2]), np.array("x"), np.datetime64("NaT"), pd.NA, pd.NaT,
    pd.Timestamp("2026-01-01"), pd.Timedelta("1D"), datetime.date(2026, 1, 1), decimal.Decimal("1e999999"), 1 + 2j,
    uuid.UUID(int=1), Ellipsis, float, len, range(3), pd.Series(["a"]), pd.DataFrame({"a": [1]}), Exception("x"),
    type("Odd", (), {"__str__": lambda self: 1 / 0})(), pd.Interval(0, 1), decimal.Decimal("NaN"),
]  # fmt: skip
_NAMES: list[Any] = [
    "employer",
    "job",
    "town",
    "age",
    "form",
    "label",
    "Job",
    "job ",
    "jo\N{COMBINING ACUTE ACCENT}b",
    "",
    None,
    1,
    ("job", "x"),
]
_NAMES += [float("nan"), b"job", pd.NaT]


class Records(Door):
    """Records that are none, for `predict` and its like."""

    name, share = "records", 900

    def __init__(self, *places: Any) -> None:
        super().__init__(*places)
        names = ("mlp", "logreg", "transformer")
        self.pipelines = [load_folder(self.corpus / "pipelines" / name) for name in names]
        self.forms = make_forms(6).assign(age=["1", "2", None, "99", "1e5", "-3"]).drop(columns="label")
        for pipeline in self.pipelines:
            pipeline.explain(self.forms)

    def attempt(self, random: Random) -> Any:
        """Score records."""
        pipeline = pick(random, self.pipelines)
        records = self._records(random)
        match int(random.integers(12)):
            case 0:
                return pipeline.predict_proba(records)
            case 1:
                return pipeline.explain(records)
            case 2:
                return pipeline.predict(records, top=pick(random, [0, 1, 5, -1]), every_score=False)
        return pipeline.predict(records)

    def _records(self, random: Random) -> Any:
        match int(random.integers(8)):
            case 0:
                return pick(random, _VALUES)
            case 1:
                return [pick(random, _VALUES) for _ in range(int(random.integers(4)))]
            case 2:
                return self._table(random)
            case 3:
                return self._series(random)
            case 4:
                return {pick(random, _NAMES): pick(random, _VALUES) for _ in range(3)}
            case 5:
                return iter([self._record(random)])
        return [self._record(random) for _ in range(int(random.integers(1, 5)))]

    def _record(self, random: Random) -> Any:
        names = ["employer", "job", "town", "age"][: int(random.integers(1, 5))]
        record = {name: "7" if name == "age" else "maçon" for name in names}
        for _ in range(int(random.integers(1, 3))):
            name = pick(random, _NAMES if random.random() < 0.3 else names)
            record[name] = pick(random, _VALUES)
        return record

    def _series(self, random: Random) -> Any:
        values = [pick(random, _VALUES) for _ in range(3)]
        kind = pick(random, [None, object, "str", "category", "string", "Int64", "float64", "datetime64[ns]"])
        if kind == "Int64" and decimal.Decimal("1e999999") in [
            each for each in values if type(each) is decimal.Decimal
        ]:
            kind = object  # pandas itself takes minutes to make a whole number of it
        try:
            return pd.Series(values, dtype=kind, index=pick(random, [None, [1, 1, 1], ["a", None, 2]]))
        except Exception:  # pandas itself refuses
            return pd.Series(values, dtype=object)

    def _table(self, random: Random) -> Any:
        table = self.forms.copy()
        for _ in range(int(random.integers(1, 4))):
            column = table.columns[int(random.integers(table.shape[1]))] if table.shape[1] else "job"
            match int(random.integers(9)):
                case 0:
                    table.columns = [pick(random, _NAMES) if random.random() < 0.3 else name for name in table.columns]
                case 1:
                    table = pd.concat([table, table.iloc[:, :1]], axis=1)
                case 2:
                    table = table.iloc[: int(random.integers(3)), : int(random.integers(6))]
                case 3:
                    table.index = pd.Index([pick(random, ["a", 1, None, 1.5]) for _ in range(len(table))])
                case 4 if table.columns.is_unique:
                    table[column] = pd.Series(
                        [pick(random, _VALUES) for _ in range(len(table))], dtype=object, index=table.index
                    ).to_numpy()
                case 5 if table.columns.is_unique:
                    table[column] = pd.Categorical([pick(random, ["a", "b", None]) for _ in range(len(table))])
                case 6 if table.columns.is_unique:
                    table[column] = np.resize([True, False, True], len(table))
                case 7 if table.shape[1]:
                    table.columns = pd.MultiIndex.from_tuples([(str(name), "x") for name in table.columns])
        return table


_KEYS = """data data.path data.target data.columns data.id data.size data.split data.split.test data.numeric data.url
data.query data.encoding model model.hidden model.C model.optimizer.lr model._target_ process process.parts
process.min_records cleaner cleaner.accents mode seed trainer.max_epochs trainer.precision callbacks logger sampler
calibration tune optimize keep_texts base.name language run_id published verify trusted text record.job record.x record
input output format explain top scores keep report on_error delimiter threshold name rollback list sign min_records
value precision recall coverage accuracy cost.fp where yes older_than status sort limit store.root hydra.job.name
hydra.run.dir hydra.verbose x x.y _target_ resume""".split()
_WORDS = """bi csv sql mlp logreg transformer svm tree full prepare train tfidf tokens union null true false json tiny
tiny@1 tiny@99 list show diff compare note delete clean sync 0.5 -1 1e9 [1,2] [a,b] {a:1} {} [] 1,2 choice(1,2)
range(1,3) interval(0,1) ${seed} ${x} ${oc.env:HOME} ??? forms.csv . .. /dev/null nothing.csv running day French fr
accuracy 2026-11-26_1 2026-11-26_99 20261126_1 'a "b ' " \\ ( [ { , = == a=b @ ~ + -- - é""".split()
_OPTIONS = (
    "--help --cfg=job --cfg --multirun -m --info --version --resolve --x -c job --package --hydra-help -sc".split()
)


class Commands(Door):
    """Command lines; training and publishing themselves are left out."""

    name, share = "commands", 150
    scripts = ("train.py", "runtime.py", "threshold.py", "runs.py", "publish.py", "check.py")

    def __init__(self, *places: Any) -> None:
        super().__init__(*places)
        from libelle import publication
        from libelle.cli import terminal_tables
        from libelle.training import workflow

        for module, names in (
            (workflow, ("full", "train", "prepare")),
            (terminal_tables, ("print_outcome", "print_base", "print_gate", "print_publication")),
            (publication, ("publish",)),
        ):
            for name in names:
                setattr(module, name, lambda *_: Outcome())
        self.place = self.scratch / "place"
        shutil.copytree(self.corpus / "store", self.place / "store")
        shutil.copyfile(self.corpus / "forms.csv", self.place / "forms.csv")
        self.runs = [path.name for path in (self.place / "store" / "runs").iterdir()]

    def attempt(self, random: Random) -> Any:
        """Call a command; it ends with 0, or with 2 and a sentence."""
        script = pick(random, self.scripts)
        line = [self._token(random) for _ in range(int(random.integers(6)))]
        if script == "check.py":
            line.insert(0, "data.size=200")
        answer = call(script, *line, cwd=self.place)
        if answer.returncode in (0, None):
            return
        said = [text for text in answer.stderr.splitlines() if text.strip()]
        if answer.returncode != 2 or "Traceback" in answer.stderr or not said:
            raise AssertionError(f"{script} {line}: status {answer.returncode}: {answer.stderr[-300:]}")
        if wrong := wrong_sentence(answer.stderr.strip().splitlines()[-1]):
            raise AssertionError(f"{script} {line}: {wrong}")
        raise UserError("It is refused.")

    def _token(self, random: Random) -> str:
        how = random.random()
        if how < 0.15:
            return str(pick(random, _WORDS if random.random() < 0.7 else [*ODD_TEXTS, *self._ids()])).replace("\0", "")
        if how < 0.2:
            return str(pick(random, _OPTIONS))
        key, value = pick(random, _KEYS), pick(random, _WORDS if random.random() < 0.7 else [*ODD_TEXTS, *self._ids()])
        if key == "hydra.run.dir" or key == "store.root":
            value = pick(random, ["store", "x", "", ".", "a b", "é" * 300])
        mark = pick(random, ["", "", "", "", "+", "++", "~", "-"])
        return f"{mark}{key}={value}".replace("\0", "")

    def _ids(self) -> list[str]:
        return [f"{day}_1" for day in self.runs]


class Outcome:
    """What training that was left out comes to."""

    value = 0.5
