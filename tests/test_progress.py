"""What long work says while it lasts."""

import io
import logging
import re
from threading import Condition, Event

import pytest
from rich.console import Console

from libelle import logs, progress
from libelle.errors import shortened


class Heard(logging.Handler):
    """Keeps lines, and can be asked to wait for one."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._new = Condition()

    def emit(self, record: logging.LogRecord) -> None:
        with self._new:
            self.lines.append(record.getMessage())
            self._new.notify_all()

    def line(self, words: str, times: int = 1) -> str:
        """A line that has these words, as soon as there are so many."""
        with self._new:
            assert self._new.wait_for(lambda: sum(words in line for line in self.lines) >= times, 60), self.lines
            return next(line for line in self.lines if words in line)


@pytest.fixture
def heard() -> Heard:
    handler = Heard()
    logger = logging.getLogger("libelle.progress")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def test_long_work_says_again_and_again_how_far_it_is(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY", 0.001)
    with progress.stage("reading forms.csv", total=5000) as advance:
        advance(1000)
        advance(500)
        assert heard.line("1,500", times=2).startswith("reading forms.csv: 1,500 of 5,000, ")


def test_how_fast_it_goes_and_how_long_it_takes_is_said_of_what_is_done_now(heard: Heard, monkeypatch) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY", 0.001)
    with progress.stage("scoring forms", total=5000, unit="rows", begun=4000) as advance:
        advance(500)
        line = heard.line("4,500 of 5,000")
    assert re.search(r"^scoring forms: 4,500 of 5,000, [\d,]+ rows/s, \d+ s left, \d+ s$", line)


@pytest.mark.parametrize(("seconds", "said"), [(5, "5 s"), (100, "2 min"), (4000, "67 min"), (7300, "2 h 02 min")])
def test_a_long_time_is_said_roughly(seconds: float, said: str) -> None:
    assert progress._duration(seconds) == said


def test_work_without_a_loop_is_not_silent_either(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY", 0.001)
    with progress.stage("writing the report"):
        assert heard.line("writing", times=2) == "writing the report, 0 s"


def test_short_work_says_nothing(heard: Heard) -> None:
    with progress.stage("writing the report"):
        pass
    assert heard.lines == []


def test_an_error_ends_the_stage(heard: Heard) -> None:
    with pytest.raises(ValueError, match="broken"), progress.stage("reading"):
        raise ValueError("broken")
    assert heard.lines == []


def test_a_terminal_shows_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, seen = io.StringIO(), Event()

    class Screen(Console):
        def print(self, *args: object, **kwargs: object) -> None:
            super().print(*args, **kwargs)
            if "1000/5000" in drawn.getvalue():
                seen.set()

    monkeypatch.setattr(progress, "BAR_AFTER", 0.0)
    monkeypatch.setattr(progress, "BAR_EVERY", 0.001)
    screen = Screen(file=drawn, force_terminal=True, width=100)
    monkeypatch.setattr(logs, "terminal", lambda: screen)
    with progress.stage("reading forms[/b].csv", total=5000) as advance:
        advance(1000)
        assert seen.wait(60)
    assert "reading forms[/b].csv" in drawn.getvalue()


def test_a_long_text_is_cut_in_its_middle_to_what_fits() -> None:
    what = "reading /home/somebody/folder/census_forms_of_2026.csv"
    cut = shortened(what, 30)
    assert len(cut) == 30
    assert cut.startswith("reading")
    assert cut.endswith("_2026.csv")
    assert shortened(what, 60) == what
