"""A synthetic sample of French census forms (*bulletins individuels*), the default data of the project.

**No form here is real, and no person.** Professions, activities, hirings, towns and some company names come from
real public lists (see `data/README.md`). Which of them meet on a form, the noise, the missing fields and above
all the target are drawn by the model in this module, whose rates follow what is known of real forms. So a score
on these forms says that the code works, and how two methods compare on text of this kind; it says nothing about
how well real census forms can be sorted.

A form is *non-codable* when neither the automatic matcher (`siretm`) nor the clerk (`siretc`) found its
employer. That happens with a true probability that depends on the work and on what the form says of it
(`vocabulary.CAUSES`): an employer that names nobody, no town, a home worker, spelling errors. The draw
itself is chance, so that no model is perfect.

>>> from libelle.data.census.sample import generate
>>> forms = generate(size=20_000, seed=1)
>>> bool(0.145 < (forms.siretm.isna() & forms.siretc.isna()).mean() < 0.165)
True
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from libelle.data.census import vocabulary
from libelle.data.census.form import Forms
from libelle.data.census.lists import Integers, load_lists
from libelle.data.census.noise import Mask, Texts, blank
from libelle.errors import UserError
from libelle.features import Doubles

#: What is written on a form.
FIELDS = (
    *("rs_x", "clt_x", "profs_x", "profi_x", "profa_x", "numvoi_x", "typevoi_x", "actet_x"),
    *("dlt_x", "plt_x", "vardompart_x"),
)
COLUMNS = ("cabbi", *FIELDS, "siretm", "siretc")
LARGEST_SIZE = 10**8


def generate(size: int, seed: int, lists: Path | None = None) -> pd.DataFrame:
    """Generate `size` forms.

    The same size and seed give the same forms on any machine; the first forms of two sizes need not agree.

    Args:
        size: number of forms, from 1 to 100 million. A million takes about ten seconds and 1 GB.
        seed: any non-negative integer.
        lists: folder of the public lists; the repository's `data` by default.

    Returns:
        (size, 14) frame with the columns `COLUMNS`, all of dtype `str`, where a missing field is a missing
        value. `cabbi` is unique. `siretm` and `siretc` are random digits that no real establishment has,
        drawn anew for each form.

    Raises:
        UserError: size or seed out of range, or a list missing.
    """
    return generate_with_probability(size, seed, lists)[0]


def generate_with_probability(size: int, seed: int, lists: Path | None = None) -> tuple[pd.DataFrame, pd.Series[float]]:
    """Generate the forms of `generate` and, for each, its true probability of being non-codable.

    Returns:
        The frame of `generate`, and a (size,) float64 series named `probability` with the same index. No model
        can be expected to order the forms better than this probability does.

    Raises:
        UserError: as `generate`.
    """
    if not 1 <= size <= LARGEST_SIZE:
        raise UserError(f"The size of the synthetic sample is {size}: it must be between 1 and {LARGEST_SIZE}.")
    if seed < 0:
        raise UserError(f"The seed of the synthetic sample is {seed}: it must not be negative.")
    forms = Forms(load_lists(lists), size, np.random.Generator(np.random.PCG64(seed)))
    probability = _probability(forms)
    non_codable = forms.chance(probability)
    return _frame(forms, non_codable), pd.Series(probability, name="probability")


def _probability(forms: Forms) -> Doubles:
    """Return the (size,) true probabilities of being non-codable."""
    logit = vocabulary.BIAS + np.where(_vague(forms), forms.vague_strength, 0.0)
    holds = _causes(forms)
    for cause, weight in vocabulary.CAUSES.items():
        logit = logit + weight * holds[cause]
    # Rounded, because the last bits of an exponential depend on the machine.
    return np.round(1.0 / (1.0 + np.exp(-logit)), 9)


def _missing(forms: Forms, field: str) -> Mask:
    return np.asarray(pd.isna(forms.fields[field]))


def _vague(forms: Forms) -> Mask:
    """Return (size,) rows whose employer field holds a wording that names nobody."""
    return (forms.vague_strength > 0) & ~_missing(forms, "rs_x") & ~forms.misplaced


def _causes(forms: Forms) -> dict[str, Mask]:
    """Return the (size,) rows where each cause of `vocabulary.CAUSES` holds."""
    no_employer, no_number = _missing(forms, "rs_x"), _missing(forms, "numvoi_x")
    no_department = _missing(forms, "dlt_x")
    no_town = _missing(forms, "clt_x") & ~forms.town_with_employer
    vague = _vague(forms)
    unknown = forms.unknown & ~vague & ~no_employer
    known = ~vague & ~unknown & ~no_employer
    address = ~no_town & ~no_number
    shared_name = forms.lists.towns.shared.to_numpy()[forms.town]
    variable, home, private = (forms.fields["vardompart_x"] == place for place in vocabulary.WORKPLACES)
    return {
        "employer missing": no_employer,
        "employer unknown": unknown,
        "employer in another field": forms.misplaced,
        "employer misspelt": forms.misspelt["rs_x"],
        "town missing": no_town,
        "town and department missing, employer everywhere": no_town & no_department & known & forms.everywhere,
        "town of a common name, department missing": ~no_town & no_department & shared_name,
        "town misspelt": forms.misspelt["clt_x"],
        "works at home": home,
        "works in several places": variable,
        "works in private homes": private,
        "independent": forms.independent,
        "other status": forms.other_status,
        "home job": forms.home_job,
        "activity missing": _missing(forms, "actet_x"),
        "text cut": forms.cut,
        "abroad": forms.abroad,
        "address complete": address,
        "vague employer, address complete": vague & address,
        "vague employer, home job": vague & forms.home_job,
        "employer unknown, no address": unknown & no_town & no_number,
        "public employer in a known town": forms.public & known & ~no_town,
    }


def _frame(forms: Forms, non_codable: Mask) -> pd.DataFrame:
    """Draw who found the employer of each codable form, number the forms, and return them."""
    by_matcher = ~non_codable & forms.chance(0.6)
    by_clerk = ~non_codable & (~by_matcher | forms.chance(0.1))
    columns = forms.fields | {
        "cabbi": _form_ids(forms),
        "siretm": blank(_sirets(forms), ~by_matcher),
        "siretc": blank(_sirets(forms), ~by_clerk),
    }
    return pd.DataFrame({column: pd.Series(columns[column], dtype="str") for column in COLUMNS})


def _form_ids(forms: Forms) -> Texts:
    """Return (size,) unique ids: BI and 9 digits."""
    # Steps of a number prime to 10^9 visit each of its residues once: unique, and no trace of the order.
    numbers = (forms.rng.integers(10**9) + np.arange(forms.size) * 387_420_489) % 10**9
    return _digits(numbers, 9, "BI")


def _sirets(forms: Forms) -> Texts:
    """Return (size,) texts of 14 random digits whose check sum is wrong, so that none is a real SIRET."""
    digits = forms.rng.integers(0, 10, (forms.size, 14))
    doubled = 2 * digits[:, ::2]
    check_sum = (doubled - 9 * (doubled > 9)).sum(axis=1) + digits[:, 1::2].sum(axis=1)
    digits[:, 13] = (digits[:, 13] + (check_sum % 10 == 0)) % 10
    return _digits(digits @ 10 ** np.arange(13, -1, -1), 14)


def _digits(numbers: Integers, width: int, prefix: str = "") -> Texts:
    return (prefix + pd.Series(numbers).astype(str).str.zfill(width)).to_numpy(dtype=object)
