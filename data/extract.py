"""Extract the lists of this folder from a folder of full public data sets.

Usage:

    python data/extract.py SOURCE

SOURCE holds ``rome_appellations``, ``naf_subclasses``, ``rome_naf_hirings``, ``sirene_establishments``,
``communes_postales`` and ``coicop_household_diaries``, each a ``.parquet`` file. The results replace those
beside this script; the same source gives the same rows in the same order. README.md says where each list comes
from, and under which licence.
"""

import argparse
import re
import sys
import unicodedata
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent

# Small words of French names; every other word must be in a vocabulary.
SMALL_WORDS = frozenset(["A", "AU", "AUX", "D", "DE", "DES", "DU", "EN", "ET", "L", "LA", "LE", "LES", "POUR"])
# Sections whose establishments are mostly co-owned buildings and private landlords.
REFUSED_SECTIONS = frozenset("L")


def fold(text: str) -> str:
    """Return `text` in capitals without accents."""
    decomposed = unicodedata.normalize("NFKD", text.replace("œ", "oe").replace("Œ", "OE"))
    return "".join(c for c in decomposed if not unicodedata.combining(c)).upper()


def words(text: str) -> list[str]:
    """Return the folded words of `text`; apostrophes, hyphens and dots separate."""
    return re.findall(r"[A-Z0-9]+", fold(text))


def professions(source: Path) -> pd.DataFrame:
    """ROME job titles: `label`, `rome_code`, in alphabetical order."""
    rows = pd.read_parquet(source / "rome_appellations.parquet")[["label", "rome_code"]]
    return rows.sort_values(["rome_code", "label"])


def activities(source: Path) -> pd.DataFrame:
    """NAF sub-classes: `naf_code`, `naf_label`, `section`."""
    rows = pd.read_parquet(source / "naf_subclasses.parquet")[["naf_code", "naf_label", "section"]]
    return rows.sort_values("naf_code")


def hirings(source: Path) -> pd.DataFrame:
    """Hirings for each pair of job and activity: `rome_code`, `naf_code`, `hirings`."""
    rows = pd.read_parquet(source / "rome_naf_hirings.parquet")[["rome_code", "naf_code", "hirings"]]
    return rows.sort_values(["rome_code", "naf_code"])


def towns(source: Path) -> pd.DataFrame:
    """Communes: `name` (capitals, no accents) and `department`; Paris, Lyon and Marseille by district."""
    rows = pd.read_parquet(source / "communes_postales.parquet")
    rows = rows.rename(columns={"nom_commune": "name", "departement": "department"})[["name", "department"]]
    # 987 and 988 (Pacific) and the few military or foreign codes have no census form of this kind.
    rows = rows[~rows.department.isin(["975", "977", "978", "986", "987", "988", "989", "99"])]
    return rows.drop_duplicates().sort_values(["name", "department"])


def companies(source: Path) -> pd.DataFrame:
    """Company names that are made of common words only: `name`, `naf_code`.

    A name stays when each of its words is in the NAF or ROME labels or in ``company_words.txt`` and not refused
    there (small words are free), and at least two are not small. Surnames, first names and initials are in
    neither vocabulary, so no name of a person passes; nor do most trade names, which is the price.
    """
    labels = pd.concat(
        [
            pd.read_parquet(source / "naf_subclasses.parquet").naf_label,
            pd.read_parquet(source / "rome_appellations.parquet").rome_label.drop_duplicates(),
        ]
    )
    known = {word for label in labels for word in words(label) if len(word) > 3}
    for line in (HERE / "company_words.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("- "):
            known -= set(line.split())
        elif not line.startswith("#"):
            known |= set(line.split())

    def passes(name: str) -> bool:
        parts = [word for word in words(name) if word not in SMALL_WORDS]
        return len(parts) >= 2 and all(word in known for word in parts)

    rows = pd.read_parquet(source / "sirene_establishments.parquet")
    rows = rows[~rows.naf_section.isin(REFUSED_SECTIONS)].dropna(subset=["raison_sociale"])
    names = rows.raison_sociale.map(lambda text: " ".join(fold(text).split()))
    rows = rows.assign(name=names)[names.map(passes)]
    return rows[["name", "naf_code"]].drop_duplicates().sort_values(["name", "naf_code"])


def diaries(source: Path) -> pd.DataFrame:
    """Entries of the household budget survey: all columns and rows, in the order of the source."""
    return pd.read_parquet(source / "coicop_household_diaries.parquet")


def write_titles(entries: pd.DataFrame) -> None:
    """`coicop_titles.csv`: what each code of `coicop_level4` stands for, where the entries say it.

    A title is the commonest label of the entries with this very code or with its only sub-code, which ends with `.0`.
    """
    level, code = entries["coicop_level4"], entries["coicop_code"]
    same = entries[(code == level) | (code == level + ".0")].dropna(subset=["coicop_label"])
    titles = same.groupby("coicop_level4")["coicop_label"].agg(lambda labels: labels.value_counts().index[0])
    titles.rename_axis("code").rename("title").to_csv(HERE / "coicop_titles.csv")


def write_example(entries: pd.DataFrame) -> None:
    """`examples/purchases.csv`, for the README's tour: the first test entries, none that names a person."""
    chosen = entries[(entries["split"] == "test") & ~entries["enseigne"].str.contains(r"\b(?:MR|MME|DR)\b")].head(400)
    example = chosen[["nature", "enseigne"]].assign(technical=chosen["technique_98"].map({0: "no", 1: "yes"}))
    example.insert(0, "line", range(1, len(example) + 1))
    example.to_csv(HERE / "examples" / "purchases.csv", index=False)


LISTS = {table.__name__: table for table in (professions, activities, hirings, towns, companies, diaries)}


def main() -> int:
    """Write every list beside this script."""
    parser = argparse.ArgumentParser(description="Extract the lists of this folder from full public data sets.")
    parser.add_argument("source", type=Path, help="folder of the full Parquet files")
    source: Path = parser.parse_args().source
    if not source.is_dir():
        print(f"{source} is not a folder.", file=sys.stderr)
        return 2
    for name, table in LISTS.items():
        rows = table(source).reset_index(drop=True)
        rows.to_parquet(HERE / f"{name}.parquet", compression="zstd", compression_level=19, index=False)
        print(f"{name}: {len(rows):,} rows")
    entries = pd.read_parquet(HERE / "diaries.parquet")
    write_titles(entries)
    write_example(entries)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
