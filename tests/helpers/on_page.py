"""What tests do on the page of the prediction service."""

#: What the service wants to be sent.
TOKEN = "0123456789abcdef"
#: Records that it takes at once: fewer than the tables of the tests have.
AT_ONCE = 7


def fill(page, **texts):
    for field, text in texts.items():
        page.get_by_label(field, exact=True).fill(text)


def score_table(page, text):
    page.locator("#pasted").fill(text)
    page.locator("#start:enabled").click()
    page.locator("#result").wait_for()
