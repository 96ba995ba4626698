"""The public lists behind the synthetic census forms, read once and laid out for vectorised draws."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from libelle.data.census.noise import Texts, fold
from libelle.data.census.vocabulary import UNKNOWN_EMPLOYERS
from libelle.errors import UserError
from libelle.installation import DATA

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Groups:
    """Items in groups, one group after the other; the commonest item of a group first.

    Group `g` is `items[starts[g] : starts[g] + sizes[g]]`.
    """

    items: Texts
    starts: Integers
    sizes: Integers


@dataclass(frozen=True)
class Lists:
    """What the generator draws from.

    Attributes:
        pair_jobs: (pairs,) positions in `rome_codes`, the job of each pair of job and activity.
        pair_activities: (pairs,) positions in `naf_codes`, its activity.
        pair_weights: (pairs,) how often it is drawn, up to a factor.
        rome_codes: code of each job.
        naf_codes: code of each activity.
        professions: by job.
        activities: by activity.
        employers: templates, by activity.
        unknown_employers: templates, one group.
        towns: columns `name`, `department` and `shared`, the commonest first.
        vague: columns `group`, `name` and `strength`.
        abbreviations: word → its short form.
    """

    pair_jobs: Integers
    pair_activities: Integers
    pair_weights: npt.NDArray[np.float64]
    rome_codes: Texts
    naf_codes: Texts
    professions: Groups
    activities: Groups
    employers: Groups
    unknown_employers: Groups
    towns: pd.DataFrame
    vague: pd.DataFrame
    abbreviations: dict[str, str]


@lru_cache(maxsize=1)
def load_lists(folder: Path | None = None) -> Lists:
    """Read the lists of `folder` (those that come with libelle by default), once.

    Raises:
        UserError: a list is missing from the folder.
    """
    folder = folder or DATA
    pairs = _read(folder, "hirings.parquet")
    jobs, rome_codes = pd.factorize(pairs.rome_code, sort=True)
    activities, naf_codes = pd.factorize(pairs.naf_code, sort=True)
    abbreviations = _read(folder, "abbreviations.csv")
    return Lists(
        pair_jobs=jobs.astype(np.int64),
        pair_activities=activities.astype(np.int64),
        pair_weights=_softened(pairs.hirings.to_numpy(dtype=np.float64)),
        rome_codes=rome_codes.to_numpy(dtype=object),
        naf_codes=naf_codes.to_numpy(dtype=object),
        professions=_professions(_read(folder, "professions.parquet"), rome_codes),
        activities=_activities(_read(folder, "activities.parquet"), naf_codes),
        employers=_employers(_read(folder, "employers.csv"), _read(folder, "companies.parquet"), naf_codes),
        unknown_employers=_group([list(UNKNOWN_EMPLOYERS)]),
        towns=_towns(_read(folder, "largest_towns.csv"), _read(folder, "towns.parquet")),
        vague=_read(folder, "vague_employers.csv").astype({"strength": float}),
        abbreviations=dict(zip(abbreviations.word, abbreviations.abbreviation, strict=True)),
    )


def _read(folder: Path, name: str) -> pd.DataFrame:
    path = folder / name
    if not path.is_file():
        raise UserError(f"The list {path} of the synthetic census forms is missing: take it from the repository.")
    if path.suffix == ".csv":
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    return pd.read_parquet(path)


def _softened(hirings: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return `hirings ** 0.75`: hirings count most the jobs that people change most often.

    Roots and products are rounded in the same way on every machine, which a power need not be.
    """
    return np.asarray(np.sqrt(hirings) * np.sqrt(np.sqrt(hirings)))


def _group(groups: list[list[str]]) -> Groups:
    sizes = np.array([len(group) for group in groups], dtype=np.int64)
    items = np.array([item for group in groups for item in group], dtype=object)
    return Groups(items, np.cumsum(sizes) - sizes, sizes)


def _headline(text: str, length: int) -> str:
    """Return the first words of `text`, at most `length`, without small words left dangling at the end."""
    words = text.split()[:length]
    while len(words) > 1 and re.fullmatch(
        r"\W*|à|au|auprès|aux|avec|dans|de|des|du|d'|en|et|l'|la|le|les|ou|par|pour|sur", words[-1]
    ):
        words.pop()
    return " ".join(words)


def _genders(label: str) -> list[str]:
    """Return the masculine and feminine wordings of a ROME job title: `Vendeur / Vendeuse en meubles`."""
    label = re.sub(r"\(.*?\)|\s-[A-Z]+-|[«»]", "", label).replace(";", " et")
    left, slash, right = label.partition(" / ")
    if not slash or " / " in right:
        return [_headline(left, 5)]
    if right[0].islower():  # only the last word has two genders: Aide ménager / ménagère à domicile
        return [" ".join([left, *right.split()[1:]]), " ".join([*left.split()[:-1], right])]
    return [" ".join([left, *right.split()[len(left.split()) :]]), right]


def _professions(labels: pd.DataFrame, rome_codes: pd.Index[str]) -> Groups:
    """Group the wordings by job, the likely ones first: short, with a common first word (Agent, Vendeur)."""
    first_words = labels.label.str.split().str[0].value_counts()
    wordings: dict[str, list[str]] = {code: [] for code in rome_codes}
    for label, code in zip(labels.label, labels.rome_code, strict=True):
        if code in wordings:
            wordings[code] += [_headline(text, length) for text in _genders(label) for length in (3, 6)]

    def unlikely(text: str) -> tuple[int, str]:
        return len(text) - 2 * min(int(first_words.get(text.split()[0], 0)), 10), text

    return _group([sorted(set(texts), key=unlikely) for texts in wordings.values()])


def _activities(labels: pd.DataFrame, naf_codes: pd.Index[str]) -> Groups:
    """Group the wordings by activity: a few words of the official label, more rarely the whole."""
    by_code = dict(zip(labels.naf_code, labels.naf_label, strict=True))
    groups = []
    for code in naf_codes:
        label = re.sub(r"\(.*?\)", "", by_code.get(code, "Autres activités")).replace("’", "'")
        clause = re.split(r", | n\.?c\.?a", label)[0]
        groups.append(
            list(dict.fromkeys(_headline(t, n) for t, n in ((clause, 4), (clause, 3), (clause, 9), (label, 14))))
        )
    return _group(groups)


def _employers(patterns: pd.DataFrame, companies: pd.DataFrame, naf_codes: pd.Index[str]) -> Groups:
    """Group the names by activity: those of the longest NAF prefix, then companies of the class or division."""
    by_prefix = patterns.groupby("naf_prefix").name.apply(list).to_dict()
    # The companies are all of Metz: their names become those of companies elsewhere.
    names = companies.name.map(lambda name: re.sub(r"\bMETZ\b", "{town}", fold(name), count=1))
    by_code = names.groupby(companies.naf_code).apply(list).to_dict()
    by_division = names.groupby(companies.naf_code.str[:2]).apply(list).to_dict()
    groups = []
    for code in naf_codes:
        prefix = next((code[:n] for n in (5, 4, 3, 2) if code[:n] in by_prefix), "")
        real = by_code.get(code) or by_division.get(code[:2], [])
        groups.append(list(dict.fromkeys(by_prefix.get(prefix, []) + real)) or list(UNKNOWN_EMPLOYERS))
    return _group(groups)


def _towns(largest: pd.DataFrame, communes: pd.DataFrame) -> pd.DataFrame:
    """Order the towns, the largest first, the others in one fixed shuffle; mark names that 3 departments share."""
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(communes))
    towns = pd.concat([largest, communes.iloc[order]]).drop_duplicates(["name", "department"], ignore_index=True)
    towns["shared"] = towns.groupby("name").department.transform("nunique") >= 3
    return towns
