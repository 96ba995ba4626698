"""How a synthetic census form is filled in: work, employer, address, blanks, and the hand that writes it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from libelle.data.census import vocabulary
from libelle.data.census.lists import Groups, Integers, Lists
from libelle.data.census.noise import Mask, Texts, abbreviate, blank, cut, fold, misspell, on_rows
from libelle.features import Doubles

PROFESSION_FIELDS = ("profs_x", "profi_x", "profa_x")
WRITTEN_FIELDS = ("rs_x", "clt_x", *PROFESSION_FIELDS, "actet_x")


class Forms:
    """`size` forms, filled in one step after the other, all at once.

    Attributes:
        fields: field name → (size,) object array of str, None where missing.
        town: (size,) positions in `lists.towns`. The other attributes are (size,) masks and floats that say of each
            form what its texts may hide: who works there, and what happened to the texts.
    """

    def __init__(self, lists: Lists, size: int, rng: np.random.Generator) -> None:
        self.lists = lists
        self.size = size
        self.rng = rng
        self.fields: dict[str, Texts] = {}
        self.misspelt: dict[str, Mask] = {}
        self._draw_work()
        self._draw_employer()
        self._draw_address()
        self._leave_blanks()
        self._write_in_wrong_field()
        self._write_badly()

    def chance(self, share: float | Doubles) -> Mask:
        """Return (size,) rows, each chosen with probability `share`."""
        return self.rng.random(self.size) < share

    def _skewed(self, sizes: int | Integers) -> Integers:
        """Return (size,) ranks below `sizes`, the first ones often: rank r about as often as 1 / sqrt(r).

        A square alone, where a logarithm or a power would differ in its last bit from machine to machine.
        """
        u = self.rng.random(self.size)
        return np.asarray(sizes * (u * u), dtype=np.int64)

    def _weighted(self, weights: Doubles) -> Integers:
        """Return (size,) positions in `weights`, each as often as its weight."""
        cumulated = np.cumsum(weights)
        positions = np.searchsorted(cumulated, self.rng.random(self.size) * cumulated[-1], side="right")
        return np.asarray(np.minimum(positions, len(weights) - 1), dtype=np.int64)

    def _item(self, groups: Groups, group: Integers) -> Texts:
        """Return (size,) items, each of its `group`."""
        items: Texts = groups.items[groups.starts[group] + self._skewed(groups.sizes[group])]
        return items

    def _choice(self, wordings: tuple[str, ...] | list[str]) -> Texts:
        """Return (size,) `wordings`, the first ones often."""
        return np.array(wordings, dtype=object)[self._skewed(len(wordings))]

    def _draw_work(self) -> None:
        """Draw job, activity, town and status."""
        lists = self.lists
        pair = self._weighted(lists.pair_weights)
        job, activity = lists.pair_jobs[pair], lists.pair_activities[pair]
        self.activity: Integers = activity
        self.home_job: Mask = np.isin(lists.rome_codes, vocabulary.HOME_JOBS)[job]
        profession = self._item(lists.professions, job)
        self.fields |= dict.fromkeys(PROFESSION_FIELDS, profession)  # the blanks leave it under one status
        self.fields["actet_x"] = self._item(lists.activities, activity)
        # Zipf-Mandelbrot: rank r as often as 1 / (r + 4).
        self.town = self._weighted(1.0 / (np.arange(len(lists.towns), dtype=np.float64) + 4.0))
        self.fields["clt_x"] = lists.towns.name.to_numpy(dtype=object)[self.town]
        self.fields["dlt_x"] = lists.towns.department.to_numpy(dtype=object)[self.town]
        status = self.rng.random(self.size)
        self.independent: Mask = status < 0.065
        self.other_status: Mask = (status >= 0.065) & (status < 0.13)

    def _draw_employer(self) -> None:
        """Draw the employer: one of the activity, one that nobody knows, or a wording that names nobody."""
        self.unknown = self.chance(0.22)
        everyone = np.zeros(self.size, dtype=np.int64)
        template = np.where(
            self.unknown,
            self._item(self.lists.unknown_employers, everyone),
            self._item(self.lists.employers, self.activity),
        )
        employer = self._fill(template)
        looks_null = self.chance(vocabulary.NULL_LOOKALIKE_SHARE)
        employer = np.where(looks_null, self._choice(vocabulary.NULL_LOOKALIKES), employer)
        self.unknown |= looks_null
        # The same name is found in many towns: without the town it says little.
        self.everywhere = ~self.unknown & ~np.array(["{town}" in text for text in template], dtype=bool)
        self.public = self._in_divisions(vocabulary.PUBLIC_ACTIVITIES)
        self._make_vague(employer)

    def _fill(self, templates: Texts) -> Texts:
        """Fill the placeholder of each template."""
        codes, distinct = pd.factorize(templates)
        result = templates
        for placeholder, values in (
            ("{town}", self.fields["clt_x"]),
            ("{place}", self._choice(vocabulary.PLACES)),
            ("{name}", self._invented_names()),
        ):
            parts = [str(text).partition(placeholder) for text in distinct]
            rows = np.array([bool(found) for _, found, _ in parts])[codes]
            before = np.array([before for before, _, _ in parts], dtype=object)[codes]
            after = np.array([after for _, _, after in parts], dtype=object)[codes]
            result = np.where(rows, before + values + after, result)
        return result

    def _invented_names(self) -> Texts:
        """Return (size,) trade names of three syllables, a few of them often."""
        first, second, third = (np.array(syllables, dtype=object) for syllables in vocabulary.SYLLABLES)
        names = len(first) * len(second) * len(third)
        # The stride, a prime, keeps neighbours in rank from sharing their first syllables.
        one, rest = np.divmod(self._skewed(names) * 7919 % names, len(second) * len(third))
        two, three = np.divmod(rest, len(third))
        invented: Texts = first[one] + second[two] + third[three]
        return invented

    def _in_divisions(self, divisions: tuple[str, ...]) -> Mask:
        """Return (size,) rows whose activity is in one of the NAF `divisions`."""
        return np.array([code[:2] in divisions for code in self.lists.naf_codes])[self.activity]

    def _make_vague(self, employer: Texts) -> None:
        """Replace some employers by a wording that names nobody, and keep how strongly each hides, 0 elsewhere."""
        self.vague_strength: Doubles = np.zeros(self.size)
        met = {
            "home": self.home_job,
            "interim": self._in_divisions(vocabulary.INTERIM_ACTIVITIES),
            "public": self.public,
            "self": self.independent,
            "any": np.ones(self.size, dtype=bool),
        }
        for group, share in vocabulary.VAGUE_SHARES.items():
            wordings = self.lists.vague[self.lists.vague.group == group]
            rows = met[group] & self.chance(share)
            rank = self._skewed(len(wordings))
            employer = np.where(rows, wordings.name.to_numpy(dtype=object)[rank], employer)
            self.vague_strength = np.where(rows, wordings.strength.to_numpy()[rank], self.vague_strength)
        self.fields["rs_x"] = employer

    def _draw_address(self) -> None:
        """Draw street number and type, country and kind of workplace."""
        number = (1 + self._skewed(250)).astype(str).astype(object)
        self.fields["numvoi_x"] = np.where(self.chance(0.04), number + " BIS", number)
        self.fields["typevoi_x"] = self._choice(vocabulary.STREET_TYPES)
        self.fields["plt_x"] = self._choice(vocabulary.COUNTRIES)
        home, private = self.chance(0.35), self.home_job & self.chance(0.7)
        self.fields["vardompart_x"] = np.array(vocabulary.WORKPLACES, dtype=object)[np.where(private, 2, home)]

    def _leave_blanks(self) -> None:
        """Empty what people leave empty; those who leave a part of the address empty leave others too."""
        town_blank = self.chance(0.353)
        number_blank = self.chance(np.where(town_blank, 0.85, 0.51))
        type_blank = self.chance(np.where(number_blank, 0.95, 0.08))
        department_blank = self.chance(np.where(town_blank, 0.70, 0.294))
        self.abroad = self.chance(0.001)
        moves = self.chance(np.where(self.home_job, 0.32, np.where(self.independent, 0.28, 0.083)))
        salaried = ~self.independent & ~self.other_status
        blanks = {
            "rs_x": self.chance(0.02),
            "clt_x": town_blank,
            "profs_x": ~(salaried & self.chance(0.96)) & ~self.chance(0.01),
            "profi_x": ~self.independent & ~self.chance(0.005),
            "profa_x": ~self.other_status & ~self.chance(0.005),
            "numvoi_x": number_blank,
            "typevoi_x": type_blank,
            "actet_x": self.chance(0.069),
            "dlt_x": department_blank | self.abroad,
            "plt_x": ~self.abroad,
            "vardompart_x": ~moves,
        }
        self.fields |= {field: blank(self.fields[field], rows) for field, rows in blanks.items()}

    def _write_in_wrong_field(self) -> None:
        """Write some texts where another belongs, where the form has both."""
        employer, town, profession, activity = (self.fields[field] for field in ("rs_x", "clt_x", "profs_x", "actet_x"))
        has_employer, has_town, has_profession, has_activity = (
            np.asarray(pd.notna(texts)) for texts in (employer, town, profession, activity)
        )
        kind = self.rng.random(self.size)
        profession_as_employer = has_profession & has_employer & (kind < 0.012)
        swapped = has_employer & has_activity & (kind >= 0.012) & (kind < 0.022)
        profession_as_activity = has_profession & has_activity & (kind >= 0.022) & (kind < 0.037)
        self.town_with_employer: Mask = has_employer & has_town & (kind >= 0.037) & (kind < 0.047)
        self.misplaced: Mask = profession_as_employer | swapped
        joined = employer.copy()
        both = self.town_with_employer
        joined[both] = employer[both] + " " + town[both]
        self.fields["rs_x"] = np.select([profession_as_employer, swapped], [profession, activity], joined)
        self.fields["actet_x"] = np.select([swapped, profession_as_activity], [employer, profession], activity)
        self.fields["clt_x"] = blank(town, both)

    def _write_badly(self) -> None:
        """Write the texts as people do: in capitals mostly, shortened, misspelt, cut."""
        mixed_case = self.chance(0.06)
        shortens = self.chance(0.25) & ~mixed_case
        # Some hands are harder to read than others, in all their fields.
        misspelling_share = np.where(self.chance(0.1), 0.15, 0.05)
        self.cut: Mask = np.zeros(self.size, dtype=bool)
        for field in WRITTEN_FIELDS:
            texts = on_rows(self.fields[field], ~mixed_case, fold)
            texts = on_rows(texts, mixed_case, _in_mixed_case)
            texts = abbreviate(texts, shortens, self.lists.abbreviations)
            texts, self.misspelt[field] = misspell(texts, misspelling_share, self.rng)
            self.fields[field], shortened = cut(texts, 0.02, self.rng)
            self.cut |= shortened


def _in_mixed_case(text: str) -> str:
    # Short names in capitals are acronyms; what has small letters already comes from a label with its accents.
    return text.title() if text.isupper() and len(text) > 4 else text
