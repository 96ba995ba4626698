"""What the page says. Its modules ask for a sentence by its key, and fill the holes."""

from gettext import NullTranslations

from libelle.language import catalogue

#: A sentence, or its singular and its plural.
Sentence = str | list[str]


def sentences(language: str) -> dict[str, Sentence]:
    """All that the page says in a language, by key."""
    spoken = catalogue(language)
    return {**_page(spoken), **_answer(spoken), **_table(spoken), **_results(spoken)}


def _page(spoken: NullTranslations) -> dict[str, Sentence]:
    _ = spoken.gettext
    return {
        "title": _("Classify records"),
        "lead": _(
            "Type a record, or give a whole table: a published model decides on a label, and shows why. "
            "Nothing of it is kept."
        ),
        "needs_script": _("This page needs JavaScript; allow it in the browser."),
        "token": _("Token"),
        "token_hint": _("This service answers those who have a token; those who run it give them out."),
        "token_use": _("Use this token"),
        "token_change": _("Use another token"),
        "token_needed": _("A token is needed; enter it at the top of the page."),
        "token_wrong": _("The service does not accept this token; check it, and enter it again."),
        "again": _("Try again"),
        "model": _("Model"),
        "fact_version": _("version"),
        "fact_published": _("published"),
        "fact_threshold": _("threshold"),
        "fact_labels": _("labels"),
        "own_thresholds": _("one for each label"),
        "without_threshold": _("none"),
        "gone": _("The service cannot be reached; check the connection, and try again."),
        "model_gone": _("The service no longer has this model; load the page again."),
        "too_much": _("This is more than the service takes at once; give it less."),
        "busy": _("The service is busy; try again in a moment."),
        "slow": _("The service did not answer in time; try again in a moment."),
        "failed": _("The service could not answer (status {status})."),
    }


def _answer(spoken: NullTranslations) -> dict[str, Sentence]:
    _ = spoken.gettext
    return {
        "one_title": _("One record"),
        "score": _("Decide"),
        "clear": _("Clear"),
        "no_answer": _("Fill in the fields that you have; the decision will be shown here."),
        "nothing_typed": _("All fields are empty; fill in at least one."),
        "outdated": _("The fields have changed since this answer."),
        "not_scored": _("Not scored."),
        "decision": _("Decision"),
        "label": _("Label {label}"),
        "reaches": _("The score of label {label} is {score}: it reaches the threshold, {threshold}."),
        "stays_below": _("The score of label {label} is {score}: it stays below the threshold, {threshold}."),
        "automatic": _("The score is {score} and reaches the threshold, {threshold}: no clerk needs to look at it."),
        "for_a_clerk": _("The score is {score} and stays below the threshold, {threshold}: a clerk should look at it."),
        "never_automatic": _("The score is {score}. A clerk always looks at records of this label."),
        "no_threshold": _("The score is {score}. No threshold was chosen for this model."),
        "reaches_shortly": _("reaches the threshold"),
        "stays_below_shortly": _("stays below the threshold"),
        "automatic_shortly": _("no clerk needed"),
        "for_a_clerk_shortly": _("for a clerk"),
        "never_automatic_shortly": _("for a clerk"),
        "bar": _("Score {score} on a scale from 0 to 1, with the threshold at {threshold}"),
        "bar_alone": _("Score {score} on a scale from 0 to 1"),
        "threshold_at": _("threshold {threshold}"),
        "best": _("The most probable labels"),
        "moved": _("What moved the score"),
        "moved_hint": _(
            "Each field, then each word, was left out and the record scored again: with + it raised the score, "
            "with − it lowered it."
        ),
        "moved_nothing": _("No field and no word moves the score by itself."),
        "moved_empty": _("No field holds a text."),
        "answered_by": _("Answered by {model}."),
        "column_label": _("label"),
        "column_score": _("score"),
        "column_field": _("field"),
        "column_change": _("change"),
        "column_words": _("words"),
        "column_row": _("row"),
        "column_text": _("text"),
        "column_outcome": _("outcome"),
    }


def _table(spoken: NullTranslations) -> dict[str, Sentence]:
    _, ngettext = spoken.gettext, spoken.ngettext
    return {
        "table_title": _("A whole table"),
        "table_hint": _(
            "Copy cells from a spreadsheet and paste them here, or choose a CSV file, or drop one on this page. "
            "The first row has to hold the names of the fields."
        ),
        "pasted": _("Pasted cells"),
        "file": _("CSV file"),
        "score_table": _("Score the table"),
        "go_on": _("Score the rest"),
        "stop": _("Stop"),
        "progress": _("{done} of {all} rows"),
        "rows_found": [
            ngettext("{n} row, with the fields {columns}.", "{n} rows, with the fields {columns}.", number)
            for number in (1, 2)
        ],
        "columns_missing": _("Fields that are not there count as empty: {columns}."),
        "columns_unused": _("Columns that the model does not use: {columns}."),
        "no_columns": _("No column has the name of a field. The first row has to name some of these: {fields}."),
        "column_twice": _("There are two columns called {column}; rename one of them."),
        "no_rows": _("There is a row of names, and none of records below it."),
        "rows_many": _(
            "There are {n} rows, and this page takes {most}; ask those who run the service to score larger tables."
        ),
        "file_large": _(
            "The file is larger than {most} MB; give a part of it, or ask those who run the service to score it."
        ),
        "file_unread": _("The file cannot be read; choose it again."),
        "file_kind": _(
            "The file is not text. Save it as CSV in the spreadsheet, or copy its cells and paste them here."
        ),
    }


def _results(spoken: NullTranslations) -> dict[str, Sentence]:
    _, ngettext = spoken.gettext, spoken.ngettext
    return {
        "scored": [
            ngettext("{n} row was scored, by {versions}.", "{n} rows were scored, by {versions}.", number)
            for number in (1, 2)
        ],
        "of_label": _("{label}: {n}"),
        "other_labels": [ngettext("{n} other label", "{n} other labels", number) for number in (1, 2)],
        "coded": [ngettext("{n} row needs no clerk.", "{n} rows need no clerk.", number) for number in (1, 2)],
        "rows_bad": [
            ngettext("{n} row could not be scored.", "{n} rows could not be scored.", number) for number in (1, 2)
        ],
        "rows_left": [ngettext("{n} row is left.", "{n} rows are left.", number) for number in (1, 2)],
        "row_waits": _("It was not sent yet."),
        "row_width": [
            ngettext(
                "The row has {n} cell, and the first row {all}.",
                "The row has {n} cells, and the first row {all}.",
                number,
            )
            for number in (1, 2)
        ],
        "only_errors": _("Only rows that were not scored"),
        "first_rows": _("The first {n} of {all} rows; the file has all."),
        "format": _("Format of the file"),
        "format_plain": _("CSV with decimal points"),
        "format_fr": _("CSV for Excel in French"),
        "download": _("Download the scored table"),
        "file_name": _("table"),
        "file_scored": _("scored"),
    }
