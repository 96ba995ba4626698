"""`pipeline.json`: what a saved pipeline says of itself, checked before anything is built from it."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NotRequired

from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from libelle.components import Positive, Share, describe
from libelle.data.targets import Target
from libelle.files import read_json, write_json
from libelle.stores.formats import PIPELINE, check_format

if TYPE_CHECKING:
    from libelle.pipeline import Pipeline

#: Its name in the folder of a pipeline.
_FILE = "pipeline.json"
#: A node of the config, as `libelle.components.describe` makes it.
Node = dict[str, Any]


class About(TypedDict):
    """The values of `pipeline.json`; those that were added later need not be there."""

    fields: Annotated[list[str], Field(min_length=1)]
    text: str
    id: str | None
    target: Target
    weight: NotRequired[str | None]
    labels: Annotated[list[str], Field(min_length=1)]
    titles: NotRequired[dict[str, str]]
    threshold: Share | None
    label_thresholds: dict[str, Share | None] | None
    cleaners: dict[str, Node]
    process: Node
    model: Node
    calibration: Node | None
    reading: NotRequired[dict[str, str]]
    min_records: NotRequired[Positive | None]


_ABOUT = TypeAdapter(About)


def write_about(folder: Path, pipeline: "Pipeline") -> None:
    """Write `pipeline.json`."""
    rule = pipeline.rule
    about = {
        "format": PIPELINE,
        "fields": pipeline.fields,
        "text": pipeline.text,
        "id": pipeline.id,
        "target": asdict(pipeline.target),
        **({} if pipeline.weight is None else {"weight": pipeline.weight}),
        "labels": list(pipeline.labels),
        "titles": dict(pipeline.titles),
        "threshold": rule.threshold,
        "label_thresholds": None if rule.label_thresholds is None else dict(rule.label_thresholds),
        "cleaners": {name: describe(cleaner) for name, cleaner in pipeline.cleaners.items()},
        "process": describe(pipeline.process),
        "model": describe(pipeline.model),
        "calibration": None if pipeline.calibration is None else pipeline.calibration.to_json(),
        "reading": dict(pipeline.reading),
        "min_records": pipeline.min_records,
    }
    write_json(folder / _FILE, about)


def read_about(folder: Path) -> About:
    """Read `pipeline.json`.

    Raises:
        UserError: when it is in another format.
        ValueError: when it is damaged.
    """
    stored = read_json(folder / _FILE)
    check_format(stored, PIPELINE, f"The pipeline in {folder}", "train again")
    about = _ABOUT.validate_python(stored)
    for key in ("fields", "labels"):
        if len(set(about[key])) < len(about[key]):
            raise ValueError(f"one of the {key} comes twice")
    if about["text"] not in about["fields"]:
        raise ValueError(f"text: {about['text']!r} is not one of the fields")
    return about
