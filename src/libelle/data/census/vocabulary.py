"""Short tables of the synthetic census forms: wordings, shares, and what makes a form non-codable.

The long tables (employers, towns, vague employers, abbreviations) are CSV files in the repository's `data/`.
Names are in capitals without accents, as most forms hold them, and the commonest comes first. No name of a
person.
"""

from typing import Final

#: Wordings around an invented trade name, for small employers and for activities without names of their own.
UNKNOWN_EMPLOYERS: Final = (
    "{name}",
    "STE {name}",
    "SARL {name}",
    "ETS {name}",
    "{name} FRANCE",
    "SOCIETE {name}",
    "{name} SA",
    "ENTREPRISE {name}",
    "GROUPE {name}",
    "{name} SERVICES",
)

#: Small places that employers are named after: BOULANGERIE DU CENTRE.
PLACES: Final = [
    "DU CENTRE",
    "DE LA GARE",
    "DU MARCHE",
    "DES HALLES",
    "DE LA PLACE",
    "DE L EGLISE",
    "DU PONT",
    "DU PARC",
    "DE LA MAIRIE",
    "DU PORT",
    "DES LILAS",
    "DE LA FONTAINE",
    "DU MOULIN",
    "DE L EUROPE",
    "DU CHATEAU",
    "DES TILLEULS",
    "DU STADE",
    "DE LA POSTE",
    "DU SOLEIL",
    "DES ROSES",
    "DE LA VALLEE",
    "DU VIEUX PORT",
    "DU LAC",
    "DE LA PLAGE",
    "DES REMPARTS",
    "DU VIADUC",
    "DES CAPUCINS",
    "DES GLYCINES",
    "DU BOIS JOLI",
    "DE BELLEVUE",
    "DE LA CROIX BLANCHE",
    "DU CHEVAL BLANC",
]

#: Three syllables, one of each line, make an invented trade name: SOGELOR.
SYLLABLES: Final = (
    [
        "SO",
        "CO",
        "TRANS",
        "EURO",
        "TECH",
        "BATI",
        "AGRI",
        "SER",
        "LOGI",
        "MECA",
        "ELEC",
        "OMNI",
        "POLY",
        "DI",
        "FRA",
        "AQUI",
        "NOR",
        "CELTI",
        "ALPI",
        "OCCI",
        "MEDI",
        "GRA",
        "VAL",
    ],
    [
        "GE",
        "FI",
        "DI",
        "TRA",
        "MA",
        "LO",
        "RE",
        "NE",
        "VI",
        "SA",
        "BO",
        "CA",
        "TE",
        "PRO",
        "LI",
        "MO",
        "DA",
        "RO",
    ],
    [
        "LOR",
        "MET",
        "BAT",
        "TEL",
        "PLUS",
        "CO",
        "SUD",
        "EST",
        "NOR",
        "TEC",
        "SYS",
        "LUX",
        "VIA",
        "GEST",
        "LIS",
        "TRON",
        "MAT",
        "REX",
        "FOR",
        "NET",
        "DIS",
        "CLIM",
        "VERT",
        "PAC",
    ],
)

#: Share of forms with a vague employer among those of the group's jobs, activities or status ("any": all).
VAGUE_SHARES: Final = {"home": 0.40, "interim": 0.25, "public": 0.13, "self": 0.35, "any": 0.03}

#: Real employers whose names look like missing values to careless readers.
NULL_LOOKALIKES: Final = ("NA", "NONE", "NULL", "N A", "NONE SARL")
NULL_LOOKALIKE_SHARE: Final = 0.002

HOME_JOBS: Final = ("K1302", "K1303", "K1304")  # ROME: help to adults, help to children, domestic service
INTERIM_ACTIVITIES: Final = ("78",)  # NAF divisions
PUBLIC_ACTIVITIES: Final = ("84", "85", "86")

STREET_TYPES: Final = [
    "R",
    "RUE",
    "AV",
    "BD",
    "AVENUE",
    "PL",
    "RTE",
    "ZI",
    "CHE",
    "IMP",
    "ALL",
    "ZA",
    "QU",
    "BOULEVARD",
    "LD",
    "CRS",
    "D",
    "SQ",
    "PLACE",
    "ROUTE",
]
COUNTRIES: Final = ("LUXEMBOURG", "SUISSE", "ALLEMAGNE", "BELGIQUE", "MONACO")
WORKPLACES: Final = ("VARIABLE", "DOMICILE", "PARTICULIERS")

#: The key to the right of each letter on a French keyboard.
NEIGHBOUR_KEYS: Final = dict(zip("AZERTYUIOPQSDFGHJKLMWXCVBN", "ZERTYUIOPOSDFGHJKLMLXCVBNB", strict=True))

#: Effect of each cause on the logit of the true probability of being non-codable; a vague employer adds its own
#: `strength`. `libelle.data.census.sample` says where each holds.
BIAS: Final = -4.22
CAUSES: Final = {
    "employer missing": 4.2,
    "employer unknown": 1.7,
    "employer in another field": 2.6,
    "employer misspelt": 1.2,
    "town missing": 0.7,
    "town and department missing, employer everywhere": 1.7,
    "town of a common name, department missing": 1.3,
    "town misspelt": 0.7,
    "works at home": 1.7,
    "works in several places": 0.9,
    "works in private homes": 2.1,
    "independent": 1.7,
    "other status": 0.7,
    "home job": 1.2,
    "activity missing": 0.7,
    "text cut": 0.8,
    "abroad": 5.2,
    "address complete": -1.0,
    "vague employer, address complete": -1.9,
    "vague employer, home job": 0.9,
    "employer unknown, no address": 1.0,
    "public employer in a known town": -1.7,
}
