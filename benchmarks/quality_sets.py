"""The labelled sets of benchmarks/quality.py: the shipped diaries, and public sets read from a folder."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd


@dataclass(frozen=True)
class LabelledSet:
    """One task.

    Attributes:
        title: for the table.
        metric: under libelle's name.
        data: overrides of `data`, without the path.
        file: in the folder of `--data`; None for what libelle ships.
        test_file: where the test rows are in a file of their own.
    """

    title: str
    metric: str
    data: Sequence[str] = field(default_factory=list)
    file: str | None = None
    test_file: str | None = None

    def overrides(self, folder: Path | None, cache: Path) -> list[str]:
        """What `train.py` is told to read this set."""
        if self.file is None:
            return list(self.data)
        if folder is None:
            raise SystemExit(f"{self.title} is not shipped; name the folder that holds {self.file} with --data.")
        path = folder / self.file
        if self.test_file:
            path = _join(path, folder / self.test_file, cache)
        return ["data=parquet", f"data.path={path.resolve()}", *self.data]


def _join(train: Path, test: Path, cache: Path) -> Path:
    """One file with a column `split`, of two."""
    joined = cache / train.name
    if not joined.exists():
        tables = [pd.read_parquet(train).assign(split="train"), pd.read_parquet(test).assign(split="test")]
        pd.concat(tables, ignore_index=True).to_parquet(joined, index=False)
    return joined


# Where there are only training and test rows, a tenth of the training rows is for validation.
_TENTH = "data.split.validation=0.1"

SETS = {
    "diaries": LabelledSet("Diaries, not codable", "average_precision", ["data=diaries"]),
    "diaries_codes": LabelledSet("Diaries, level-4 code", "accuracy", ["data=diaries_codes"]),
    "rome": LabelledSet(
        "ROME, domain of a job title",
        "accuracy",
        ["data.columns=label", "data.target=domain_code", "data.split.column=split"],
        "rome_appellations.parquet",
    ),
    "sirene": LabelledSet(
        "Sirene, section of an establishment",
        "accuracy",
        ["data.columns=[raison_sociale,enseigne,libelle_voie]", "data.target=naf_section", "data.split.column=split"],
        "sirene_establishments.parquet",
    ),
    "ag_news": LabelledSet(
        "AG News (a third of its training rows)",
        "accuracy",
        ["data.columns=[title,description]", "data.target=class_name", "data.split.column=split", _TENTH],
        "ag_news_train_subset.parquet",
        "ag_news_test.parquet",
    ),
    "trec": LabelledSet(
        "TREC-6, kind of question",
        "accuracy",
        ["data.columns=text", "data.target=coarse", "data.split.column=split", _TENTH],
        "trec6.parquet",
    ),
    "sst2": LabelledSet(
        "SST-2, sentences",
        "accuracy",
        ["data.columns=text", "data.target=label", "data.split.column=split"],
        "sst2_sentences.parquet",
    ),
    "sms": LabelledSet(
        "SMS spam",
        "average_precision",
        ["data.columns=text", "data.target=label", "data.split.group=text"],
        "sms_spam.parquet",
    ),
    "esco": LabelledSet(
        "ESCO, major group of an occupation",
        "accuracy",
        ["data.columns=label", "data.target=isco08_major", "data.split.column=split"],
        "esco_occupations_fr.parquet",
    ),
    "bi": LabelledSet("Synthetic census forms", "average_precision", ["data=bi"]),
}
