"""The report of a sweep: what the page shows."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from helpers.sweep_folders import draw, write_sweep
from libelle.reports.sweep_report import write_report
from libelle.tuning.importance import importances
from libelle.tuning.sweep import Sweep


class Page(HTMLParser):
    """The texts, tags and attributes of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.figures: list[str] = []
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.figures += [value or "" for name, value in attrs if name == "aria-label"]

    def handle_data(self, data: str) -> None:
        self.text += data


def report(folder: Path, trials: list[dict[str, Any]], **header: Any) -> Page:
    return Page(write_report(write_sweep(folder, trials, **header)))


def test_a_report_needs_no_other_file(tmp_path: Path) -> None:
    page = report(tmp_path / "s", draw(30))
    assert len(page.figures) == 8
    assert "http" not in page.source
    assert not {"script", "link", "img", "iframe", "object", "image"} & set(page.tags)
    references = [value or "" for name, value in page.attributes if name in ("src", "href", "xlink:href")]
    assert references
    assert all(value.startswith("#") for value in references)
    assert "@import" not in page.source
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", page.source))
    ids = [value for name, value in page.attributes if name == "id"]
    assert {value[1:] for value in references} <= set(ids)
    assert len(ids) == len(set(ids))
    assert [path.name for path in (tmp_path / "s").iterdir() if "report" in path.name] == ["report.html"]


def test_a_large_sweep_is_a_light_page(tmp_path: Path) -> None:
    page = report(tmp_path / "s", [trial | {"curve": [1.0, 0.5, 0.2]} for trial in draw(1000)])
    assert len(page.source) < 1_000_000


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_best_trials_come_first_with_their_runs(tmp_path: Path, direction: str) -> None:
    trials = draw(25)
    folder = write_sweep(tmp_path / "s", trials, direction=direction, objective="validation.brier")
    sign = 1 if direction == "minimize" else -1
    expected = sorted(range(25), key=lambda number: sign * trials[number]["value"])
    sweep = Sweep.read(folder)
    assert [trial.number for trial in sweep.ranked] == expected
    assert sweep.best is not None
    assert sweep.best.settings == {key: str(value) for key, value in trials[expected[0]]["overrides"].items()}
    page = Page(write_report(folder, runs={expected[0] + 10: "2026-11-25_7"}))
    assert "2026-11-25_7" in page.text
    numbers = re.findall(r'<td class="number">(\d+)</td>', page.source[page.source.index("<td>trial</td>") :])
    assert numbers[:6] == [str(number) for number in expected[:6]]
    values = re.findall(r'<th class="number">([^<]*)</th>', page.source)
    assert values == [f"{trials[number]['value']:.6g}" for number in expected[:6]]


def test_the_metric_is_named_by_the_sweep_or_the_caller(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", draw(3), direction="maximize")
    assert "Maximize the value that each job returns" in Page(write_report(folder)).text
    page = Page(write_report(folder, objective="validation.f1"))
    assert "Maximize validation.f1" in page.text
    named = write_sweep(tmp_path / "named", draw(3), objective="loss")
    assert "Minimize loss" in Page(write_report(named, objective="validation.f1")).text


def test_a_conditional_parameter_of_few_trials_is_left_open(tmp_path: Path) -> None:
    trials = [t for t in draw(60) if t["overrides"]["model"] == "small"] + [
        t for t in draw(60) if t["overrides"]["model"] == "big"
    ][:5]
    found = importances(Sweep.read(write_sweep(tmp_path / "s", trials)))
    assert {item.parameter.key: item.value is None for item in found.parameters} == {
        "lr": False,
        "noise": False,
        "model": False,
        "model.blocks": True,
    }
    assert "too few trials to say (5)" in Page(write_report(tmp_path / "s")).text


def test_a_sweep_of_one_trial(tmp_path: Path) -> None:
    page = report(tmp_path / "s", draw(1))
    assert "Too few trials to say" in page.text
    assert "<b>1</b><span>trial</span>" in page.source


def test_a_sweep_of_failures_alone(tmp_path: Path) -> None:
    errors = ["ValueError: no", "OSError: disk", "ValueError: no"]
    failed = [trial | {"status": "failed", "value": None, "error": e} for trial, e in zip(draw(3), errors, strict=True)]
    page = report(tmp_path / "s", failed)
    assert "No trial has a value" in page.text
    assert page.figures == []
    assert page.text.index("ValueError: no") < page.text.index("OSError: disk")
    assert "0, 2" in page.text


def test_many_reasons_stay_readable(tmp_path: Path) -> None:
    failed = [t | {"status": "failed", "value": None, "error": f"{n} {'x' * 5000}"} for n, t in enumerate(draw(40))]
    page = report(tmp_path / "s", failed)
    assert "10 more reasons are not shown" in page.text
    assert len(page.text) < 40_000


def test_every_status_is_counted(tmp_path: Path) -> None:
    trials = draw(12)
    ends = [("pruned", None), ("nan", "the job returned nan"), ("timeout", "TimeoutError: slow"), ("running", None)]
    for trial, (status, error) in zip(trials, ends, strict=False):
        trial.update(status=status, value=None, error=error, curve=[0.3, None, 0.2])
    page = report(tmp_path / "s", trials)
    facts = re.findall(r"<li><b>(\d+)</b><span>([^<]*)</span></li>", page.source)
    counts = {"trials": 12, "completed": 8, "pruned": 1, "no finite value": 1, "timed out": 1, "unfinished": 1}
    assert {name: int(count) for count, name in facts} == counts
    assert "What the trials reported on their way" in page.figures
    assert "the job returned nan" in page.text


def test_texts_are_shown_as_they_are(tmp_path: Path) -> None:
    nasty = "'é \"<b>&amp;</b>\" $x$ ${y}'"
    trials = draw(12)
    for number, trial in enumerate(trials):
        trial["overrides"]["model"] = nasty if number % 2 else "small"
    trials[0] |= {"status": "failed", "value": None, "error": "<script>alert('à')</script>"}
    folder = write_sweep(tmp_path / "s", trials, fixed=["data.path=<i>é</i>"])
    page = Page(write_report(folder, models=["<b>l'été</b>"], data=["x"], runs={11: "<u>"}))
    assert not {"script", "b>", "i", "u"} & set(page.tags)
    for text in ("<b>l'été</b>", "<script>alert('à')</script>", "data.path=<i>é</i>", nasty):
        assert text in page.text
