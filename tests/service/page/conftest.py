import re
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

import libelle
from helpers.browser import browser
from helpers.many import many_records, write_titles
from helpers.on_page import AT_ONCE, TOKEN
from helpers.scripts import start
from helpers.tiny import tiny_plan
from libelle.publication import publish
from libelle.runs.ids import RunId
from libelle.runs.run import Run
from libelle.training.workflow import full


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """A running service that wants a token: its address, and the pipeline of `forms`."""
    folder = tmp_path_factory.mktemp("served")
    plan = tiny_plan(folder)
    forms = full(plan).run_id
    about = {"model": "naive_bayes", "overrides": ["data.id=line", f"data.titles={write_titles(folder)}"]}
    codes = libelle.fit(many_records(), target="code", columns=["nature", "shop"], store=plan.store, **about)
    for name, run_id, threshold in (("forms", forms, 0.5), ("codes", codes.name, None)):
        publish(plan.store, Run.open(plan.store, RunId.parse(run_id)), name, threshold)
    wishes = ["port=0", "workers=1", "access_log=false", f"max_records={AT_ONCE}"]
    process = start("serve.py", *wishes, cwd=folder, LIBELLE_TOKEN=TOKEN)
    try:
        for line in process.stderr:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                break
        else:
            pytest.fail("the service did not start")
        yield SimpleNamespace(address=found[0], forms=libelle.load_published("forms", plan.store))
    finally:
        process.terminate()
        process.communicate()


# For a module: while playwright runs, no other test can run an event loop.
@pytest.fixture(scope="module")
def chromium():
    with browser() as opened:
        yield opened


@pytest.fixture
def visit(served, chromium):
    """Open the page; nothing may go wrong in it that its tests do not ask for."""

    @contextmanager
    def opened(model="forms", token=TOKEN, locale="en-GB", width=1280):
        context = chromium.new_context(viewport={"width": width, "height": 844}, locale=locale, accept_downloads=True)
        page = context.new_page()
        wrong = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if "Failed to load" not in message.text else None)
        page.goto(served.address)
        if token:
            page.locator("#token").fill(token)
            page.keyboard.press("Enter")
            page.locator("#model").select_option(model)
        yield page
        assert wrong == []
        # Nothing that was typed or answered is kept, or in an address.
        assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
        assert page.url.partition("?")[2] in ("", "language=en", "language=fr")
        context.close()

    return opened
