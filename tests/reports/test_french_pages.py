"""Pages in French: no sentence, label of a figure or number is left in English; the terminal stays English."""

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from babel.messages.pofile import read_po

from helpers.comparing import runs_in
from helpers.page_texts import texts_of
from helpers.run_pages import page_of
from helpers.scripts import call
from helpers.sweep_folders import draw, write_sweep
from helpers.tiny import make_forms, reopened, tiny_plan
from libelle.evaluation import threshold
from libelle.evaluation.calibration import Isotonic
from libelle.evaluation.threshold_request import ThresholdRequest
from libelle.language import LOCALES
from libelle.reports.run_report import make_report
from libelle.reports.sweep_report import write_report
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.stores.local import LocalStore
from libelle.training.run_evidence import read_evidence
from libelle.training.workflow import full

#: Whole commands, one after the other.
pytestmark = pytest.mark.slow


def patterns() -> list[re.Pattern[str]]:
    """What each sentence looks like in English, where its French differs."""
    with (LOCALES / "fr" / "LC_MESSAGES" / "libelle.po").open("rb") as file:
        catalogue = read_po(file, locale="fr")
    found = []
    for message in catalogue:
        said = zip(
            *(([entry] if isinstance(entry, str) else list(entry)) for entry in (message.id, message.string)),
            strict=True,
        )
        for english, french in said if message.id else ():
            if english != french:
                parts = re.split(r"%\(\w+\)s|\{\w+[^}]*\}|<[^>]+>", english.replace("%%", "%"))
                if sum(map(len, parts)) > 3:
                    found.append(re.compile(".+".join(map(re.escape, parts))))
    return found


def assert_french(page: str) -> None:
    assert '<html lang="fr">' in page
    # Names of metrics stand below their French ones, in code; keys and values of the config are what was typed.
    said = [text for text in texts_of(page) if not re.fullmatch(r"[a-z_.]+(, )?|[\w-]+\.[a-z_]+", text)]
    said = [re.sub(r"(?<= par )\w+=[\d.]+|(?<=confidence=)[\d.]+", "", text) for text in said]
    english = [text for text in said for pattern in patterns() if pattern.fullmatch(text)]
    assert english == []
    assert [
        text for text in said if re.search(r"(?<![\w.-])\d+\.\d+(?![\w.-]*\d\.)", text) and "Python" not in text
    ] == []
    assert [text for text in said if re.search(r"\d %", text)] == []


@pytest.mark.parametrize("classes", [2, 3])
def test_the_report_of_a_run_is_french_throughout(tmp_path: Path, classes: int) -> None:
    forms = make_forms(400)
    if classes == 3:
        forms["label"] = np.where(forms["job"].isin(["infirmière", "médecin"]), "2", forms["label"])
    forms.to_csv(tmp_path / "forms.csv", index=False)
    plan = tiny_plan(tmp_path, language="fr", calibration=Isotonic())
    plan.source.name = "bulletins"
    page = page_of(Run.open(plan.store, RunId.parse(full(plan).run_id)))
    assert_french(re.sub(r"<details>.*?</details>", "", page, flags=re.DOTALL))
    assert "Seuil et charge de travail" in page or classes == 3
    assert "apprentissage" in page


def odd_forms(classes: int) -> pd.DataFrame:
    """Forms of columns that are not text, and of things that the check finds."""
    forms = make_forms(400).assign(age=[str(20 + row % 50) for row in range(400)], weight="2", part="nord")
    forms["zone"] = ["urbaine", "rurale"] * 200
    if classes == 3:
        forms["label"] = np.where(forms["job"].isin(["infirmière", "médecin"]), "2", forms["label"])
    return forms


@pytest.mark.parametrize(("classes", "target"), [(2, {"workload": 0.4}), (3, {"precision": 0.5})])
def test_what_was_found_and_chosen_and_the_values_of_fields_are_french(
    tmp_path: Path, classes: int, target: dict[str, float]
) -> None:
    odd_forms(classes).to_csv(tmp_path / "forms.csv", index=False)
    (tmp_path / "titres.csv").write_text("code;libellé\n1;santé\n0;bâtiment\n", encoding="utf-8")
    plan = tiny_plan(tmp_path)
    source = replace(
        plan.source,
        name="bulletins",
        columns="employer,job,town,part",
        numeric="age",
        categorical="zone",
        weight="weight",
        titles=str(tmp_path / "titres.csv"),
    )
    run = Run.open(plan.store, RunId.parse(full(replace(plan, source=source)).run_id))
    threshold.save(reopened(run), threshold.decide(run, ThresholdRequest(**target)))
    evidence = read_evidence(reopened(run))
    assert evidence is not None
    page = make_report(replace(evidence, language="fr"))
    assert_french(re.sub(r"<details>.*?</details>", "", page, flags=re.DOTALL))
    assert "1 (santé)" in page or classes == 3
    for words in (
        "(catégories)",
        "(nombres)",
        "pondérées par les poids",
        "été choisi",
        "le champ « part » est le même dans toutes les lignes",
        "400 lignes",
        "ont les mêmes textes qu’un enregistrement d’apprentissage",
        f"{date.today():%d/%m/%Y}",
    ):
        assert words.lower() in page.lower().replace("\u00a0", " ").replace("\u202f", " ")
    odd_forms(classes).assign(age="99.5").to_csv(tmp_path / "nouveaux.csv", index=False)
    options = [f"run_id={run.id}", f"store.root={plan.store.root}", "report=true", "language=fr"]
    answer = call("runtime.py", "input=nouveaux.csv", "output=scores.csv", *options, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "The values of age are distributed differently than in training" in answer.stderr
    page = (tmp_path / "scores.csv.report.html").read_text(encoding="utf-8")
    assert_french(page)
    for words in ("La répartition des valeurs du champ age", "toute autre", "valeur manquante", "et plus", "moins de"):
        assert words in page


def test_the_page_of_a_scored_file_is_french_and_the_terminal_english(
    trained: tuple[LocalStore, str], tmp_path: Path
) -> None:
    store, run_id = trained
    forms = make_forms(200, seed=7)
    forms["employer"] = "zythologie quantique"
    forms.to_csv(tmp_path / "formulaires.csv", index=False)
    options = [f"run_id={run_id}", f"store.root={store.root}", "report=true", "language=fr"]
    answer = call("runtime.py", "input=formulaires.csv", "output=scores.csv", *options, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "100 % of the words of employer are new or rare, 0 % in training." in answer.stderr
    page = (tmp_path / "scores.csv.report.html").read_text(encoding="utf-8")
    assert "100\u202f% des mots du champ employer sont nouveaux ou rares, 0\u202f% à l’apprentissage." in page
    assert_french(page)


def test_the_comparison_of_runs_is_french_and_the_terminal_english(compared: Path, tmp_path: Path) -> None:
    ids = [str(run.id) for run in runs_in(compared)]
    store = f"store.root={compared / 'store'}"
    answer = call("runs.py", "compare", *ids, "language=fr", store, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "corrected for 2 comparisons" in answer.stdout
    page = (tmp_path / "comparison.html").read_text(encoding="utf-8")
    assert "après correction pour 2 comparaisons" in page
    refused = call("runs.py", "compare", *ids, "language=de", store, cwd=tmp_path)
    assert refused.returncode == 2
    assert "language=de is not a language of the pages" in refused.stderr
    assert (tmp_path / "comparison.html").read_text(encoding="utf-8") == page
    assert_french(re.sub(r"<details>.*?</details>", "", page, flags=re.DOTALL))


def test_the_report_of_a_sweep_is_french_but_for_what_was_typed(tmp_path: Path) -> None:
    trials = [trial | {"curve": [1.0, 0.5]} for trial in draw(40)]
    for trial, status in zip(trials, ("failed", "pruned", "nan", "timeout", "running"), strict=False):
        trial.update(status=status, value=None, error="OSError: disk")
    folder = write_sweep(tmp_path / "s", trials)
    path = write_report(folder, models=["mlp"], data=["bulletins"], runs={10: "2026-11-25_7"}, language="fr")
    page = path.read_text(encoding="utf-8")
    assert "Recherche s\u00a0: mlp sur bulletins" in page
    values = r'<td class="value">.*?</td>'
    assert_french(re.sub(values, "", page))


def test_a_language_without_a_page_is_refused(tmp_path: Path) -> None:
    answer = call("runtime.py", "input=forms.csv", "language=fr", cwd=tmp_path)
    assert answer.returncode == 2
    assert answer.stderr == "language=fr is that of the page; ask for one with report=true, or leave it out.\n"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("train.py", ["report.language=de"]),
        ("runtime.py", ["text=pain", "language=de"]),
    ],
)
def test_another_language_is_refused_before_any_work(tmp_path: Path, script: str, words: list[str]) -> None:
    answer = call(script, *words, cwd=tmp_path)
    assert answer.returncode == 2
    assert "language" in answer.stderr
    assert "en" in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
