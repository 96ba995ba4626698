"""What the check found is kept so that a page can say it in its own language."""

import json

import numpy as np
import pandas as pd
import pytest

from helpers.tiny import make_forms
from libelle.data.check.findings import sentences, summary
from libelle.data.check.look import look_at
from libelle.data.frame_source import FrameSource
from libelle.data.split import SplitConfig
from libelle.language import speaking


def kept(table, **keys):
    """The look at a table, as it comes back from a run's files."""
    source = FrameSource(frame=table, target=keys.pop("target", "label"), **keys)
    return json.loads(json.dumps(look_at(source, source.read()).kept))


def forms(rows=400, **columns):
    return make_forms(rows)[["employer", "job", "town", "label"]].assign(**columns)


def rare(rows, *labels):
    """Three frequent labels and others of few rows."""
    values = [*(["a", "b", "c"] * rows)[: rows - len(labels)], *labels]
    return pd.DataFrame(
        {"text": [f"texte numéro {row} d’un essai" for row in range(rows)], "label": values}, dtype="str"
    )


ODD = {
    "label alone in a split": (
        rare(300, "une"),
        {},
        ["la modalité une a 1 ligne : il n’en reste aucune pour validation et test"],
    ),
    "labels alone in a split": (
        rare(1500, "une", "deux", "deux "),
        {},
        ["3 modalités sur 6", "« deux  » (1 ligne)", "« deux » (1) et « deux  » (1)"],
    ),
    "label with few rows": (rare(300, *["cinq"] * 5), {}, ["Moins de 10 lignes ont la modalité cinq (5 lignes)"]),
    "label without training rows": (
        rare(30, *["z"] * 12).assign(part=["train"] * 9 + ["dev"] * 3 + ["test"] * 18),
        {"split": SplitConfig(column="part")},
        ["la modalité z n’a aucune ligne d’apprentissage"],
    ),
    "free text as target": (
        rare(1500).assign(
            label=[f"libellé {row} écrit en toutes lettres" for row in range(1500)], part=["train", "dev", "test"] * 500
        ),
        {"split": SplitConfig(column="part")},
        ["contient 1 500 valeurs différentes dans 1 500 lignes"],
    ),
    "values alike to the one looked for": (
        forms(label=["oui", "Oui", "non"] * 133 + ["non"]),
        {"target_rule": "equals", "target_value": "oui"},
        ["data.target_value=oui", "« Oui » (133)"],
    ),
    "fields that say nothing": (
        forms(constant="x", vide=None, part=["train", "dev"] * 200, number=[f"N{row}" for row in range(400)]),
        {},
        [
            "« constant » est le même",
            "« vide » est vide",
            "data.split.column=part",
            "data.id=number",
            "ci-dessus : data",
        ],
    ),
    "id among the fields": (
        forms(number=[f"N{row}" for row in range(400)]),
        {"id": "number", "columns": "job,number"},
        ["aussi la colonne de data.id"],
    ),
    "characters of a wrong encoding": (
        forms(job="Ã©lectricien").rename(columns={"town": "localitÃ©"}),
        {},
        ["L’en-tête contient", "Le champ « job » contient"],
    ),
    "rows without text": (
        forms().where(pd.Series(np.arange(400) != 6), other=None).assign(label=["0", "1"] * 200),
        {},
        ["la ligne 7"],
    ),
    "records in two splits": (pd.concat([forms(200)] * 2), {}, ["exactement les textes"]),
}


@pytest.mark.parametrize(("table", "keys", "words"), ODD.values(), ids=ODD)
def test_findings_are_french_in_french_and_english_otherwise(table, keys, words):
    found = kept(table, **keys)
    english = sentences(found)
    with speaking("fr"):
        french = sentences(found)
    text = " ".join(french).replace("\u00a0", " ").replace("\u202f", " ")
    assert [word for word in words if word not in text] == []
    assert not set(english) & set(french)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (lambda label: "C" + label, "presque toutes les lignes"),
        (lambda label: label, "contient la modalité elle-même"),
        (lambda label: label.where(label == "1"), "rempli ou vide"),
    ],
)
def test_a_field_that_gives_the_label_away_is_said_in_french(code, words):
    table = forms()
    found = kept(table.assign(code=code(table["label"])))
    with speaking("fr"):
        assert words in sentences(found)[0]


def test_the_summary_is_french_with_french_numbers():
    table = forms(4000, note="x")
    table.loc[[1, 5], "label"] = None
    found = kept(table, unlabelled="skip", columns="employer,job")
    with speaking("fr"):
        said = summary(found)
    assert said[0] == "le DataFrame\u00a0: 3\u202f998 lignes, 2 modalités"
    assert "  champs\u00a0: employer, job" in said
    assert "  non utilisées\u00a0: town, note" in said
    assert any(line.startswith("  répartition\u00a0: 2\u202f79") for line in said)
    assert said[-1] == "  lignes laissées de côté, sans modalité\u00a0: 2"
    assert summary(found)[0] == "the DataFrame: 3,998 rows, 2 labels"


def test_a_summary_that_was_kept_as_sentences_is_still_shown():
    lines = ["forms.csv: 400 rows, 2 labels", "  fields: job"]
    with speaking("fr"):
        assert summary({"summary": lines}) == lines
