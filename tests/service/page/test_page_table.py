"""The page for people in a real browser: a whole table, pasted or as a file."""

import csv
import io

import pytest

from helpers.on_page import AT_ONCE, TOKEN, fill, score_table
from helpers.tiny import make_forms

pytestmark = pytest.mark.slow


def cells(table, delimiter="\t"):
    """A table as a spreadsheet gives it."""
    rows = [list(table.columns), *table.fillna("").values.tolist()]
    return "\n".join(delimiter.join(row) for row in rows)


def test_cells_are_pasted_from_a_spreadsheet_and_scored_in_batches(visit, served):
    table = make_forms(40, seed=3)
    expected = served.forms.predict(table)
    with visit() as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.evaluate("text => navigator.clipboard.writeText(text)", cells(table))
        asked = []
        page.on(
            "request", lambda request: asked.append(request.post_data_json["records"]) if request.post_data else None
        )
        page.locator("#pasted").focus()
        page.keyboard.press("Control+V")
        page.locator("#start:enabled").wait_for()
        found = page.locator("#found").inner_text()
        assert "40 rows, with the fields employer, job, town." in found
        assert "Columns that the model does not use: label." in found
        page.locator("#start").click()
        page.locator("#result").wait_for()
        assert [len(records) for records in asked] == [AT_ONCE] * 5 + [5]
        # Columns that are no fields stay here.
        assert {name for records in asked for record in records for name in record} == {
            "form",
            "employer",
            "job",
            "town",
        }
        assert "40 rows were scored, by forms@1." in page.locator("#counted").inner_text()
        rows = [row.split("\t") for row in page.locator(".scored tbody tr").all_inner_texts()]
        assert [row[0] for row in rows] == table["form"].tolist()
        assert [row[2] for row in rows] == [f"Label {label}" for label in expected["label"]]


def test_a_file_comes_back_with_answers_for_excel_in_french(visit, served):
    table = make_forms(10, seed=4)
    table.loc[0, "employer"] = '=1+1; "Été"'
    with visit(locale="fr-FR") as page:
        data = table.to_csv(index=False, sep=";").encode("cp1252")
        page.locator("#file").set_input_files({"name": "forms été.csv", "mimeType": "text/csv", "buffer": data})
        page.get_by_role("button", name="Traiter le tableau").click()
        with page.expect_download() as waiting:
            page.get_by_role("button", name="Télécharger").click()
        assert waiting.value.suggested_filename == "forms été-reponses.csv"
        raw = waiting.value.path().read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig")), delimiter=";"))
    assert list(rows[0]) == [
        "form",
        "employer",
        "job",
        "town",
        "input_label",
        "label",
        "score",
        "threshold",
        "model",
        "error",
    ]
    assert rows[0]["employer"] == '\'=1+1; "Été"'
    expected = served.forms.predict(table)
    assert [row["label"] for row in rows] == expected["label"].tolist()
    assert [row["input_label"] for row in rows] == table["label"].tolist()
    scores = [float(row["score"].replace(",", ".")) for row in rows]
    assert scores == pytest.approx(expected["score"].tolist(), abs=1e-6)
    assert {(row["threshold"], row["model"], row["error"]) for row in rows} == {("0,5", "forms@1", "")}


def test_rows_that_cannot_be_scored_are_shown_with_their_sentences(visit):
    rows = ["F1\tmaçon\tLyon", "F2\tmaçon", "F3\t" + "x" * 10_001 + "\tLyon", '"F""4"\t"a\tb"\tBrest']
    with visit() as page:
        score_table(page, "form\tjob\ttown\n" + "\n".join(rows))
        counted = page.locator("#counted").inner_text()
        assert "2 rows were scored" in counted
        assert "2 rows could not be scored." in counted
        page.get_by_label("Only rows that were not scored").check()
        bad = page.locator(".scored tbody tr").all_inner_texts()
        assert [row.split("\t")[0] for row in bad] == ["F2", "F3"]
        assert "The row has 2 cells, and the first row 3." in bad[0]
        assert "The text of 'job' has 10,001 characters" in bad[1]
        with page.expect_download() as waiting:
            page.get_by_role("button", name="Download").click()
        kept = list(csv.DictReader(io.StringIO(waiting.value.path().read_text(encoding="utf-8"))))
        assert [bool(row["error"]) for row in kept] == [False, True, True, False]
        assert (kept[3]["form"], kept[3]["job"]) == ('F"4', "a\tb")


def test_a_table_without_a_row_that_can_be_sent_says_why(visit):
    with visit() as page:
        page.locator("#pasted").fill("job\ttown\nmaçon\ncouvreur\n")
        page.locator("#counted").filter(has_text="2 rows could not be scored.").wait_for()
        assert page.locator("#start").is_disabled()
        assert "The row has 1 cell, and the first row 2." in page.locator(".scored").inner_text()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "a\tb\n1\t2",
            "No column has the name of a field. The first row has to name some of these: employer, job, town.",
        ),
        ("job\tjob\n1\t2", "There are two columns called job; rename one of them."),
        ("job\n", "There is a row of names, and none of records below it."),
    ],
)
def test_a_table_that_does_not_fit_is_one_sentence(visit, text, sentence):
    with visit() as page:
        page.locator("#pasted").fill(text)
        page.locator("#found .problem").filter(has_text=sentence).wait_for()
        assert page.locator("#start").is_disabled()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a,b\r\n1,2\r\n", [["1", "2"]]),
        ("\ufeffa;b\n1,5;\n", [["1,5", ""]]),
        ("a\tb\n1\t2\t\t\n", [["1", "2"]]),
        ('a,b\n"x, ""y""\nz",2', [['x, "y"\nz', "2"]]),
        ('a\tb\n"CHEZ LEA\t2\n"LE PARC" BAR\t3', [['"CHEZ LEA', "2"], ['"LE PARC" BAR', "3"]]),
        ("a\nx, y; z\n\n  \n", [["x, y; z"]]),
        ("a,b\n1\n1,2,3", [["1"], ["1", "2", "3"]]),
        ("", []),
    ],
)
def test_tables_are_read_as_spreadsheets_and_csv_files_write_them(visit, text, rows):
    with visit() as page:
        read = page.evaluate("async text => (await import('/page/delimited.js')).read(text).rows", text)
    assert [row["cells"] for row in read] == rows


def test_a_file_is_dropped_anywhere_on_the_page(visit):
    make = "text => { const data = new DataTransfer(); data.items.add(new File([text], 'a.csv')); return data; }"
    with visit() as page:
        dropped = page.evaluate_handle(make, 'job,town\n"maçon, chef",Lyon\n\n')
        page.dispatch_event("h1", "drop", {"dataTransfer": dropped})
        page.locator("#start:enabled").click()
        page.locator("#counted").filter(has_text="1 row was scored").wait_for()
        assert "maçon, chef" in page.locator(".scored tbody").inner_text()
        assert "a.csv" in page.locator("#found").inner_text()


def test_a_workbook_is_refused_with_what_to_do(visit):
    with visit() as page:
        page.locator("#file").set_input_files({"name": "a.xlsx", "mimeType": "", "buffer": b"PK\x03\x04\x00\x00"})
        page.get_by_role("alert").filter(has_text="The file is not text. Save it as CSV").wait_for()


def test_a_table_is_stopped_and_goes_on_where_it_was(visit):
    asked = []

    def answer_all_but_the_second(route):
        asked.append(route)
        if len(asked) != 2:
            route.continue_()

    table = make_forms(20, seed=5)
    with visit() as page:
        page.route("**/predict", answer_all_but_the_second)
        page.locator("#pasted").fill(cells(table))
        page.locator("#start:enabled").click()
        page.locator("#progressed").filter(has_text="7 of 20 rows").wait_for()
        page.get_by_role("button", name="Stop").click()
        assert "13 rows are left." in page.locator("#counted").inner_text()
        page.get_by_role("button", name="Score the rest").click()
        page.locator("#counted").filter(has_text="20 rows were scored").wait_for()
        assert "left" not in page.locator("#counted").inner_text()


def test_a_token_that_no_longer_counts_is_asked_for_and_the_table_goes_on(visit):
    asked = []

    def refuse_the_second(route):
        asked.append(route)
        if len(asked) == 2:
            route.fulfill(status=401, json={"error": "A token is needed."})
        else:
            route.continue_()

    with visit() as page:
        page.route("**/predict", refuse_the_second)
        page.locator("#pasted").fill(cells(make_forms(20, seed=7)))
        page.locator("#start:enabled").click()
        page.locator("#token").wait_for()
        assert "7 rows were scored" in page.locator("#counted").inner_text()
        page.locator("#token").fill(TOKEN)
        page.keyboard.press("Enter")
        page.locator("#token").wait_for(state="hidden")
        page.get_by_role("button", name="Score the rest").click()
        page.locator("#counted").filter(has_text="20 rows were scored").wait_for()
        assert page.locator("#table-problem").is_hidden()


def test_a_busy_service_is_asked_again_and_one_that_is_gone_is_said(visit):
    answers = [429, 503, None]

    def answer(route):
        status = answers.pop(0) if answers else "gone"
        if status == "gone":
            route.abort()
        elif status is None:
            route.continue_()
        else:
            route.fulfill(status=status, headers={"Retry-After": "0.01"}, json={"error": "Ask again."})

    with visit() as page:
        page.route("**/predict", answer)
        page.locator("#pasted").fill(cells(make_forms(10, seed=6)))
        page.locator("#start:enabled").click()
        page.get_by_role("alert").filter(has_text="The service cannot be reached").wait_for()
        assert "7 rows were scored" in page.locator("#counted").inner_text()
        fill(page, job="maçon")
        page.keyboard.press("Enter")
        page.locator("#record-problem").filter(has_text="The service cannot be reached").wait_for()
        page.unroute("**/predict")
        page.route("**/predict", lambda route: route.fulfill(status=413, json={"error": "The request is too large."}))
        page.keyboard.press("Enter")
        page.locator("#record-problem").filter(has_text="The request is too large.").wait_for()
        page.get_by_role("link", name="Français").click()
        said = page.locator("#record-problem").inner_text()
        assert said.startswith("C’est plus que ce que le service accepte en une fois")
