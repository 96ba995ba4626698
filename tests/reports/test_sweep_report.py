"""The report of a sweep: what it reads, what it computes, what it shows."""

import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from libelle.errors import UserError
from libelle.reports.sweep_report import write_report
from libelle.reports.sweep_scales import limits, ticks, working_time
from libelle.tuning.importance import importances
from libelle.tuning.sweep import Parameter, Sweep, Trial

SPACE = {
    "lr": "tag(log, interval(1e-05, 0.1))",
    "noise": "interval(0.0, 1.0)",
    "model": "choice(small, big, 'l''été')",
    "model.blocks [model=big]": "range(1, 6, 1)",
}


def write_sweep(folder: Path, trials: list[dict[str, Any]], space: dict[str, str] = SPACE, **header: Any) -> Path:
    """A sweep folder with a trial for each of `trials`: its overrides and what its `finished` line says."""
    results = folder / "trials"
    results.mkdir(parents=True)
    first = {"space": space, "fixed": [], "direction": "minimize", "objective": None, "seed": 1}
    lines: list[dict[str, Any]] = [{"event": "sweep", **first, **header}]
    for number, trial in enumerate(trials):
        overrides = [f"{key}={value}" for key, value in trial["overrides"].items()]
        ids = {"trial": number, "job": number + 10}
        lines.append({"event": "launched", **ids, "parameters": {}, "overrides": overrides})
        if trial.get("status") != "running":
            result = {"status": "completed", "value": None, "error": None, "seconds": 2.0}
            result |= {key: trial[key] for key in result if key in trial}
            lines.append({"event": "finished", **ids, **result})
            started = {"started": 1000.0 + 2 * number, "traceback": None}
            (results / f"{number + 10}.json").write_text(json.dumps(result | started), encoding="utf-8")
        for step, value in enumerate(trial.get("curve", [])):
            with (results / f"{number + 10}.curve.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": step, "value": value}) + "\n")
    (folder / "trials.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return folder


def draw(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Trials whose loss is decided by the learning rate, a little by the model, and not by `noise`."""
    generator = np.random.default_rng(seed)
    trials = []
    for _ in range(count):
        log_lr = generator.uniform(-5, -1)
        model = str(generator.choice(["small", "big"]))
        overrides = {"lr": 10**log_lr, "noise": generator.random(), "model": model}
        if model == "big":
            overrides["model.blocks"] = int(generator.integers(1, 6))
        trials.append({"overrides": overrides, "value": (log_lr + 3) ** 2 + (model == "big") * 0.5})
    return trials


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
    return Page(write_report(write_sweep(folder, trials, **header), title="A sweep"))


def test_a_report_needs_no_other_file(tmp_path: Path) -> None:
    page = report(tmp_path / "s", draw(30))
    assert len(page.figures) == 4
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
    assert sweep.best.overrides == {key: str(value) for key, value in trials[expected[0]]["overrides"].items()}
    page = Page(write_report(folder, title="t", runs={expected[0] + 10: "2026-11-25_7"}))
    assert "2026-11-25_7" in page.text
    numbers = re.findall(r'<td class="number">(\d+)</td>', page.source[page.source.index("<td>trial</td>") :])
    assert numbers[:6] == [str(number) for number in expected[:6]]
    values = re.findall(r'<th class="number">([^<]*)</th>', page.source)
    assert values == [f"{trials[number]['value']:.6g}" for number in expected[:6]]


def test_the_metric_is_named_by_the_sweep_or_by_who_writes_the_page(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", draw(3), direction="maximize")
    assert "Maximize the value that each job returns" in Page(write_report(folder, title="t")).text
    page = Page(write_report(folder, title="t", objective="validation.f1"))
    assert "Maximize validation.f1" in page.text
    named = write_sweep(tmp_path / "named", draw(3), objective="loss")
    assert "Minimize loss" in Page(write_report(named, title="t", objective="validation.f1")).text


def test_importance_finds_the_parameter_that_matters(tmp_path: Path) -> None:
    sweep = Sweep.read(write_sweep(tmp_path / "s", draw(80)))
    found = importances(sweep)
    values = {item.parameter.key: item.value or 0 for item in found.parameters}
    assert [item.parameter.key for item in found.parameters][:2] == ["lr", "model"]
    assert values["lr"] > 0.5
    assert values["lr"] > 5 * values["model"] > 0
    assert abs(values["noise"]) < 0.05
    # It is there where the model is big, and does nothing: its presence is not taken for an effect.
    assert abs(values["model.blocks"]) < 0.05
    assert importances(sweep) == found


def test_the_loss_of_explained_variance_is_that_of_the_function(tmp_path: Path) -> None:
    # Two independent parameters: shuffling one of them costs twice its share of the variance.
    generator = np.random.default_rng(3)
    points = generator.random((400, 2))
    trials = [{"overrides": {"a": a, "b": b}, "value": 2 * a + b} for a, b in points]
    space = {"a": "interval(0.0, 1.0)", "b": "interval(0.0, 1.0)"}
    found = importances(Sweep.read(write_sweep(tmp_path / "s", trials, space)))
    ranks = np.argsort(np.argsort(2 * points[:, 0] + points[:, 1]))
    shares = [np.corrcoef(points[:, column], ranks)[0, 1] ** 2 for column in (0, 1)]
    assert found.explained is not None
    assert found.explained > 0.95
    assert [item.value for item in found.parameters] == pytest.approx([2 * share for share in shares], abs=0.12)


def test_nothing_is_said_of_noise_or_of_few_trials(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    noise = [trial | {"value": generator.random()} for trial in draw(40)]
    few = importances(Sweep.read(write_sweep(tmp_path / "few", draw(9))))
    none = importances(Sweep.read(write_sweep(tmp_path / "noise", noise)))
    assert "Too few" in few.reason
    assert "do not let" in none.reason
    assert all(item.value is None for item in [*few.parameters, *none.parameters])
    equal = [trial | {"value": 1.0} for trial in draw(40)]
    assert importances(Sweep.read(write_sweep(tmp_path / "equal", equal))).reason


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
    assert "too few trials to say (5)" in Page(write_report(tmp_path / "s", title="t")).text


def test_a_sweep_of_one_trial(tmp_path: Path) -> None:
    page = report(tmp_path / "s", draw(1))
    assert "Too few trials to say" in page.text
    assert "<b>1</b><span>trials</span>" in page.source


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
    page = Page(write_report(folder, title="<b>l'été</b>", runs={11: "<u>"}))
    assert not {"script", "b>", "i", "u"} & set(page.tags)
    for text in ("<b>l'été</b>", "<script>alert('à')</script>", "data.path=<i>é</i>", nasty):
        assert text in page.text


def test_a_folder_without_a_sweep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no sweep"):
        Sweep.read(tmp_path)
    (tmp_path / "trials.jsonl").write_text("{]\n", encoding="utf-8")
    with pytest.raises(UserError, match="damaged"):
        Sweep.read(tmp_path)


def test_a_killed_sweep_is_read_as_far_as_it_came(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", draw(3))
    again = {"event": "launched", "trial": 2, "job": 13, "parameters": {}, "overrides": ["lr=1"]}
    path = folder / "trials.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()[:-1]
    path.write_text("\n".join([*lines, json.dumps(again), '{"event": "fin']), encoding="utf-8")
    trial = Sweep.read(folder).trials[2]
    assert (trial.status, trial.jobs, trial.value) == ("running", [12, 13], None)


def test_positions(tmp_path: Path) -> None:
    trials = draw(40)
    lr, noise, model, blocks = Sweep.read(write_sweep(tmp_path / "s", trials)).parameters
    trial = Trial(0, ["lr=0.001", "noise=0.25", "model=big"], {})
    assert [p.position(trial) for p in (lr, noise, model)] == pytest.approx([-3, 0.25, 1])
    assert math.isnan(blocks.position(trial))
    assert model.categories == ["small", "big"]
    assert [p.whole for p in (lr, noise, model, blocks)] == [False, False, False, True]
    assert blocks.spaces == {"model=big": "range(1, 6, 1)"}


@pytest.mark.parametrize(
    ("text", "values", "log", "categories"),
    [
        ("choice(64, 16, 128)", ["64", "16", "128"], False, ["16", "64", "128"]),
        ("choice(low, mid, [1,2])", ["[1,2]", "mid", "low"], False, ["low", "mid", "[1,2]"]),
        ("int(hp.qloguniform(0, 5, 1))", ["1", "7"], True, []),
        ("hp.qloguniform(0, 5, 1)", ["0.0", "7.0"], False, []),
        ("hp.pchoice((0.2, true), (0.8, false))", ["true", "false"], False, ["true", "false"]),
    ],
)
def test_kinds_of_parameters(tmp_path: Path, text: str, values: list[str], log: bool, categories: list[str]) -> None:
    trials = [{"overrides": {"p": value}, "value": float(at)} for at, value in enumerate(values)]
    (parameter,) = Sweep.read(write_sweep(tmp_path / "s", trials, {"p": text})).parameters
    assert (parameter.log, parameter.categories) == (log, categories)
    write_report(tmp_path / "s", title="t")


def test_ticks_are_round() -> None:
    lr = Parameter("lr", {}, [], log=True)
    assert ticks(lr, -5, -1) == [(-5, "1e-05"), (-4, "0.0001"), (-3, "0.001"), (-2, "0.01"), (-1, "0.1")]
    assert [label for _, label in ticks(lr, math.log10(30), math.log10(600))] == ["50", "100", "200", "500"]
    assert [label for _, label in ticks(Parameter("x", {}, []), 0.0, 1.0)] == "0 0.2 0.4 0.6 0.8 1".split()
    assert [label for _, label in ticks(Parameter("n", {}, [], whole=True), 2.0, 4.0)] == ["2", "3", "4"]


def test_one_diverged_trial_does_not_flatten_the_others() -> None:
    values = [0.1, 0.2, 0.3, 0.4, 1e9]
    assert limits(values, "minimize") == pytest.approx((0.1, 0.4 + 3 * 0.2))
    assert limits([-value for value in values], "maximize") == pytest.approx((-1.0, -0.1))
    assert limits([1.0, 1.0], "minimize") == (1.0, 1.0)


def test_pauses_of_a_sweep_do_not_count() -> None:
    times = [(100.0, 10.0), (105.0, 10.0), (1000.0, 5.0), (2000.0, 1.0)]
    trials = [Trial(n, [], {}, started=started, seconds=seconds) for n, (started, seconds) in enumerate(times)]
    assert working_time([*trials, Trial(4, [], {})]) == {0: 10.0, 1: 15.0, 2: 20.0, 3: 21.0}
