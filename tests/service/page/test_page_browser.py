"""The page for people in a real browser: a record, the keyboard, a phone, languages and tokens."""

import re

import pytest

from helpers.on_page import TOKEN, fill, score_table

pytestmark = pytest.mark.slow

WRONG = "The service does not accept this token; check it, and enter it again."


def test_a_record_is_typed_and_decided(visit, served):
    record = {"employer": "Clinique du Parc", "job": "aide soignante"}
    expected = served.forms.predict([record]).iloc[0]
    with visit() as page:
        fill(page, **record)
        page.get_by_role("button", name="Decide").click()
        page.locator(".decision").wait_for()
        assert page.locator(".decision").inner_text() == f"Label {expected['label']}"
        reached = "reaches" if expected["label"] == "1" else "stays below"
        said = page.get_by_role("status").filter(has_text="Decision").inner_text()
        assert f"The score of label 1 is {expected['score']:.3f}: it {reached} the threshold, 0.5." in said
        scale = page.get_by_role("img", name=f"Score {expected['score']:.3f} on a scale from 0 to 1")
        assert "threshold at 0.5" in scale.get_attribute("aria-label")
        moved = page.locator(".moved").inner_text()
        assert "job" in moved
        assert "soignante" in moved
        assert "Answered by forms@1." in page.locator("#answer").inner_text()
        fill(page, job="maçon")
        assert "have changed since" in page.locator("#answer").inner_text()


def test_the_best_labels_are_listed_with_their_titles(visit):
    with visit("codes") as page:
        fill(page, nature="produit07 rayon2")
        page.keyboard.press("Enter")
        page.locator(".decision").wait_for()
        assert page.locator(".decision").inner_text() == "07 – Titre 07, oui"
        rows = page.locator(".best tbody tr").all_inner_texts()
        assert len(rows) == 5
        assert rows[0].startswith("07 – Titre 07, oui")
        assert "No threshold was chosen for this model." in page.locator("#verdict").inner_text()


def test_all_is_done_with_the_keyboard(visit):
    with visit() as page:
        page.locator("#model").focus()
        page.keyboard.press("Tab")
        while page.evaluate("document.activeElement.dataset.field") != "employer":
            page.keyboard.press("Tab")
        page.keyboard.type("Clinique du Parc")
        page.keyboard.press("Tab")
        page.keyboard.type("médecin")
        page.keyboard.press("Enter")
        page.locator(".decision").wait_for()
        assert page.evaluate("document.activeElement.dataset.field") == "job"
        for _ in range(4):
            page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "pasted"
        page.keyboard.insert_text("job\temployer\nmaçon\tBTP SERVICES\n")
        page.locator("#start:enabled").wait_for()
        for _ in range(2):
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.locator("#result").wait_for()
        assert page.evaluate("document.activeElement.id") == "download"
        with page.expect_download():
            page.keyboard.press("Enter")


def test_the_page_is_french_where_the_browser_is_and_changes_without_losing_anything(visit):
    with visit("codes", locale="fr-FR") as page:
        assert page.title() == "Classer des enregistrements"
        fill(page, nature="produit07 rayon2")
        page.get_by_role("button", name="Décider").click()
        page.locator(".decision").wait_for()
        assert re.search(r"Le score est \d,\d{3}\.", page.locator("#verdict").inner_text())
        page.get_by_role("link", name="English").click()
        assert re.search(r"The score is \d\.\d{3}\.", page.locator("#verdict").inner_text())
        assert page.get_by_label("nature", exact=True).input_value() == "produit07 rayon2"
        page.reload()
        assert page.title() == "Classify records"


def test_what_the_service_says_is_in_the_language_of_the_page(visit):
    long = "a" * 10_001
    with visit(locale="fr-FR") as page:
        fill(page, job=long)
        page.get_by_role("button", name="Décider").click()
        said = page.locator("#record-problem span")
        said.wait_for()
        assert said.inner_text().startswith("Le texte de «\u00a0job\u00a0» compte 10\u202f001 caractères")
        assert said.get_attribute("lang") == "fr"
        score_table(page, f"job\tnature\n{long}\tx\n")
        assert "raccourcissez-le" in page.locator("#rows .bad span").inner_text()
        # What was said before stays in its language, and says so.
        page.get_by_role("link", name="English").click()
        assert [said.get_attribute("lang"), page.locator("#rows .bad span").get_attribute("lang")] == ["fr", "fr"]
        page.get_by_role("button", name="Decide").click()
        page.locator("#record-problem span[lang=en]").filter(has_text="has 10,001 characters").wait_for()


def test_a_phone_needs_no_scrolling_to_the_side(visit):
    with visit("codes", width=390) as page:
        fill(page, nature="produit07 rayon2")
        page.keyboard.press("Enter")
        page.locator(".decision").wait_for()
        score_table(page, "line\tnature\tshop\nL1\tproduit07 rayon2 " + "x" * 200 + "\tmagasin 1\nL2\tproduit08\n")
        assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_wrong_token_is_one_sentence_and_the_right_one_opens_the_page(visit):
    with visit(token=None) as page:
        assert page.locator("#token").is_visible()
        assert not page.locator("#work").is_visible()
        for token in ("not-the-right-one", "clé"):
            page.locator("#token").fill(token)
            page.get_by_role("button", name="Use this token").click()
            page.get_by_role("alert").filter(has_text=WRONG).wait_for()
            assert page.evaluate("document.activeElement.id") == "token"
        page.locator("#token").fill(TOKEN)
        page.get_by_role("button", name="Use this token").click()
        page.locator("#work").wait_for()
        assert not page.locator("#token").is_visible()
        assert page.evaluate("document.activeElement.id") == "model"


def test_a_service_that_is_away_is_tried_again(visit):
    with visit() as page:
        page.route("**/models", lambda route: route.abort())
        page.reload()
        page.locator("#token-form").wait_for(state="hidden")
        page.get_by_role("alert").filter(has_text="The service cannot be reached").wait_for()
        page.unroute("**/models")
        page.get_by_role("button", name="Try again").click()
        page.locator("#token").wait_for()


def test_another_version_is_shown_once_it_has_answered(visit):
    def moved(route):
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace('"version":1', '"version":2'))

    with visit() as page:
        assert page.locator("#facts b").first.inner_text() == "1"
        page.route("**/models", moved)
        page.route("**/predict", moved)
        fill(page, job="maçon")
        page.keyboard.press("Enter")
        page.locator("#facts b").first.filter(has_text="2").wait_for()
        assert "Answered by forms@2." in page.locator("#answer").inner_text()
