"""The synthetic census forms: reproducible, shaped and filled like real ones, hard for reasons that are in the text."""

import hashlib
import shutil

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from libelle.data.census.sample import COLUMNS, generate, generate_with_probability
from libelle.data.census.vocabulary import NULL_LOOKALIKES, WORKPLACES
from libelle.errors import UserError
from libelle.installation import DATA

SIZE = 20_000


@pytest.fixture(scope="module")
def sample():
    return generate_with_probability(SIZE, seed=1)


@pytest.fixture(scope="module")
def forms(sample):
    return sample[0]


@pytest.fixture(scope="module")
def non_codable(forms):
    return forms.siretm.isna() & forms.siretc.isna()


def digest(forms: pd.DataFrame) -> str:
    return hashlib.sha256(forms.to_csv(index=False, na_rep="\0").encode()).hexdigest()


def test_same_size_and_seed_give_the_same_forms_everywhere():
    assert digest(generate(2_000, seed=7)) == "a3181a47954f1e026e5d876b9b5f4e22021d966130b437e9048b134257857749"


def test_another_seed_gives_other_forms(forms):
    other = generate(SIZE, seed=2)
    assert (forms.cabbi == other.cabbi).mean() < 0.01
    assert (forms.actet_x == other.actet_x).mean() < 0.05


def test_columns_and_dtypes(forms):
    assert tuple(forms.columns) == COLUMNS
    assert len(forms) == SIZE
    assert set(forms.dtypes.astype(str)) == {"str"}


def test_ids_are_unique_and_well_formed(forms):
    assert forms.cabbi.is_unique
    assert forms.cabbi.str.fullmatch(r"BI\d{9}").all()


@pytest.mark.parametrize(
    ("field", "low", "high"),
    [
        ("cabbi", 0, 0),
        ("rs_x", 0.01, 0.03),
        ("clt_x", 0.35, 0.37),
        ("profs_x", 0.15, 0.17),
        ("profi_x", 0.90, 0.95),
        ("profa_x", 0.90, 0.95),
        ("numvoi_x", 0.60, 0.67),
        ("typevoi_x", 0.60, 0.67),
        ("actet_x", 0.06, 0.08),
        ("dlt_x", 0.43, 0.45),
        ("plt_x", 0.998, 1),
        ("vardompart_x", 0.88, 0.90),
    ],
)
def test_missing_rates(forms, field, low, high):
    assert low <= forms[field].isna().mean() <= high


def test_a_missing_field_is_never_a_text(forms):
    for field in COLUMNS:
        texts = forms[field].dropna()
        assert (texts.str.strip() == texts).all(), field
        assert not texts.isin(["", "nan", "NaN", "NAN", "None", "<NA>"]).any(), field
        if field != "rs_x":
            assert not texts.isin(NULL_LOOKALIKES).any(), field


def test_some_employers_are_called_na_or_none(forms):
    assert {"NA", "NONE", "NULL"} <= set(forms.rs_x.dropna())


def test_most_texts_are_in_capitals_without_accents_and_some_are_not(forms):
    texts = forms.profs_x.dropna()
    assert 0.90 < texts.str.fullmatch(r"[A-Z0-9 ]+").mean() < 0.97
    assert texts.str.contains("[éèêç]").any()


@pytest.mark.parametrize(
    ("field", "texts"),
    [
        ("rs_x", ["STE ", "ETS ", "MAIRIE DE "]),
        ("profs_x", ["TECH ", "RESP "]),
        ("actet_x", ["TX "]),
    ],
)
def test_abbreviations(forms, field, texts):
    for text in texts:
        assert forms[field].str.startswith(text, na=False).any(), text


def test_street_types_and_workplaces(forms):
    assert {"R", "AV", "BD", "PL", "QU", "D"} <= set(forms.typevoi_x.dropna())
    assert set(forms.vardompart_x.dropna()) == set(WORKPLACES)


def test_large_towns_and_employers_come_back_and_many_come_once(forms):
    for field, commonest in (("clt_x", 0.015), ("rs_x", 0.005)):
        counts = forms[field].value_counts()
        assert counts.iloc[0] > commonest * SIZE * 0.6
        assert (counts == 1).sum() > 0.3 * len(counts)
    assert forms.clt_x.value_counts().index[0] == "PARIS"


def test_department_is_that_of_the_town(forms):
    departments = forms[forms.clt_x.isin(["PARIS", "TOULOUSE", "STRASBOURG"])].groupby("clt_x").dlt_x
    assert departments.agg(lambda d: d.dropna().unique().tolist()).to_dict() == {
        "PARIS": ["75"],
        "TOULOUSE": ["31"],
        "STRASBOURG": ["67"],
    }


def test_share_of_non_codable_forms(non_codable):
    assert 0.145 <= non_codable.mean() <= 0.165


def test_probability_is_calibrated_and_no_oracle(sample, non_codable):
    probability = sample[1]
    assert probability.between(0, 1).all()
    for _, rows in non_codable.groupby(pd.qcut(probability, 10, duplicates="drop")):
        assert abs(rows.mean() - probability[rows.index].mean()) < 0.04
    assert 0.55 <= average_precision_score(non_codable, probability) <= 0.75
    assert roc_auc_score(non_codable, probability) > 0.85


def test_the_reasons_are_in_the_text(forms, non_codable):
    rate = non_codable.mean()
    vague = forms.rs_x.isin(["PARTICULIER", "INTERIM", "ETAT", "PLUSIEURS EMPLOYEURS"])
    assert non_codable[vague].mean() > 3 * rate
    assert non_codable[forms.rs_x.isna()].mean() > 2 * rate
    assert non_codable[forms.profi_x.notna()].mean() > 1.5 * rate
    assert non_codable[forms.vardompart_x.notna()].mean() > 1.5 * rate
    assert non_codable[forms.clt_x.isna()].mean() > 1.2 * rate
    assert non_codable[forms.profs_x.str.contains("AIDE MENAGER", na=False)].mean() > 1.5 * rate
    assert non_codable[forms.rs_x.str.startswith("MAIRIE DE", na=False)].mean() < 0.5 * rate


def test_identifiers_say_nothing_about_the_form(forms, non_codable):
    late = np.arange(SIZE) >= SIZE // 2
    assert abs(non_codable[late].mean() - non_codable[~late].mean()) < 0.02
    digits = forms.cabbi.str[2:].astype(int)
    assert abs(roc_auc_score(non_codable, digits) - 0.5) < 0.03
    matched = forms.siretm.dropna()
    employers = forms.rs_x[matched.index]
    assert matched.is_unique  # drawn form by form: the same employer never has the same one
    assert abs(np.corrcoef(matched.astype(int), employers.str.len().fillna(0))[0, 1]) < 0.03


def test_no_siret_is_that_of_a_real_establishment(forms):
    sirets = pd.concat([forms.siretm, forms.siretc]).dropna()
    assert sirets.str.fullmatch(r"\d{14}").all()
    digits = np.array([list(siret) for siret in sirets]).astype(int)
    digits[:, ::2] *= 2
    assert (np.where(digits > 9, digits - 9, digits).sum(axis=1) % 10 != 0).all()


def test_one_form_is_enough():
    assert len(generate(1, seed=0)) == 1


@pytest.mark.parametrize(("size", "seed"), [(0, 1), (-5, 1), (10, -1)])
def test_size_and_seed_out_of_range(size, seed):
    with pytest.raises(UserError, match="synthetic sample"):
        generate(size, seed)


def test_a_missing_list_is_named(tmp_path):
    folder = shutil.copytree(DATA, tmp_path / "data")
    (folder / "towns.parquet").unlink()
    with pytest.raises(UserError, match=r"towns\.parquet"):
        generate(10, seed=1, lists=folder)


def test_lists_hold_no_titles_of_persons():
    names = pd.read_parquet(DATA / "companies.parquet").name
    assert not names.str.contains(r"\b(?:M|MR|MME|MLLE|MONSIEUR|MADAME|DR|DOCTEUR|MAITRE|VEUVE|SCI)\b").any()
