"""A pipeline of many labels with titles, trained in a second."""

import pandas as pd

import libelle

CODES = [f"{number:02}" for number in range(25)]


def many_records(copies: int = 8) -> pd.DataFrame:
    """Records whose words give the label away, the rarest labels apart."""
    rows = [(f"produit{code} rayon{int(code) % 5}", code) for code in CODES for _ in range(copies)]
    table = pd.DataFrame(rows, columns=["nature", "code"], dtype="str")
    table.insert(0, "line", [f"L{number:03}" for number in range(len(table))])
    table["shop"] = [f"magasin {number % 7}" for number in range(len(table))]
    return table


def write_titles(folder) -> str:
    """`codes.csv`, with a title of each code but the last."""
    path = folder / "codes.csv"
    path.write_text("code;title\n" + "".join(f"{code};Titre {code}, oui\n" for code in CODES[:-1]), encoding="utf-8")
    return str(path)


def fit_many(folder, **arguments):
    """A pipeline that knows 25 labels, 24 of them by their titles."""
    overrides = ["data.id=line", f"data.titles={write_titles(folder)}"]
    return libelle.fit(
        many_records(),
        target="code",
        columns=["nature", "shop"],
        model="naive_bayes",
        overrides=overrides,
        **arguments,
    )
