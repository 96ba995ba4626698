"""What is asked and answered, as OpenAPI shows it, and how a body is read."""

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from libelle.language import N_
from libelle.language import gettext as _
from libelle.service.records import Sent
from libelle.service.refusal import RefusalError

B = TypeVar("B", bound=BaseModel)

#: A census form, as the Insee's is.
FORM: dict[str, Any] = {
    "cabbi": "9350082027",
    "rs_x": "STE DUPONT ET FILS",
    "clt_x": "LYON",
    "profs_x": "MAÇON",
    "actet_x": "BATIMENT GROS OEUVRE",
    "dlt_x": "69",
}
_ASKED = (
    "An object: field → text. Each is judged by itself: one that cannot be scored is answered with `status: error`."
)

#: What pydantic finds, by its name for it, in our words.
_SENTENCES = {
    "model_type": N_("{key} does not fit: input should be an object."),
    "extra_forbidden": N_("{key!r} is not a key of the request; leave it out."),
    "missing": N_("The body has no {key!r}; add it."),
    "list_type": N_("{key} does not fit: input should be a valid array."),
    "int_type": N_("{key} does not fit: input should be a valid integer."),
    "bool_type": N_("{key} does not fit: input should be a valid boolean."),
    "greater_than_equal": N_("{key} does not fit: input should be greater than or equal to 1."),
}


def _whole(value: Any) -> Any:
    """To JSON, 2.0 is as whole as 2."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Asked(BaseModel):
    """What is sent to `/models/{name}/predict`."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"records": [FORM], "top": 2}]})

    records: Annotated[list[Any], Field(description=_ASKED)]
    top: Annotated[
        int | None, Field(ge=1, description="How many of the best labels are listed."), BeforeValidator(_whole)
    ] = None
    explain: Annotated[bool, Field(description="Say what each field and word adds to the score.")] = False


class AskedDocuments(BaseModel):
    """What is sent to `/noncodable`, as to the predecessor's service."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [{"documents": [FORM]}]})

    documents: Annotated[list[Any], Field(description=_ASKED)]


class Best(BaseModel):
    """One of the best labels."""

    label: str
    title: str | None = None
    score: float


class WordEffect(BaseModel):
    """A word, and the score with it less the score without it."""

    word: str
    change: float


class FieldEffect(BaseModel):
    """A field, and the score with it less the score without it; the same for its words."""

    field: str
    change: float
    words: list[WordEffect]


class Result(BaseModel):
    """The answer for one record.

    Only `id` and `status` are always there; `error` where it is `error`, the others where it is `ok`.
    """

    id: str | int
    status: Literal["ok", "error"]
    error: str | None = None
    label: str | None = None
    title: str | None = None
    score: float | None = None
    top: list[Best] | None = None
    threshold: float | None = None
    automatic: bool | None = None
    explanation: list[FieldEffect] | None = None


class Answered(BaseModel):
    """What `/models/{name}/predict` answers: a result for each record, in order, all by one version of the model."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "forms",
                    "version": 3,
                    "run_id": "2026-11-23_4",
                    "results": [
                        {"id": "9350082027", "status": "ok", "label": "0", "score": 0.0812, "threshold": 0.57},
                        {"id": "(row 2)", "status": "error", "error": "The model has no field 'rsx'; its fields are …"},
                    ],
                }
            ]
        }
    )

    model: str
    version: int
    run_id: str
    results: list[Result]


class Document(BaseModel):
    """The answer for one document, as the predecessor's service gave it."""

    cabbi: str | int
    status: Literal["ok", "error"]
    non_codable: bool | None = None
    predictions: list[float] | None = None
    error: str | None = None


class AnsweredDocuments(BaseModel):
    """What `/noncodable` answers."""

    noncodable: list[Document]


class Label(BaseModel):
    """A label that a model can decide for."""

    label: str
    title: str | None = None
    threshold: float | None = None


class ModelAbout(BaseModel):
    """A model that is served."""

    reference: Annotated[str, Field(description="What to ask for it by: `name`, or `name@version` where it stays.")]
    name: str
    version: int
    run_id: str
    published: str
    model: str | None
    data: str | None
    data_fingerprint: str | None
    fields: list[str]
    text_field: str
    id_field: str | None
    positive: Annotated[str | None, Field(description="Binary: the label whose probability is the score.")]
    threshold: float | None
    labels: list[Label]
    shadow: str | None = None


class ModelList(BaseModel):
    """The models that are served."""

    models: list[ModelAbout]


class Problem(BaseModel):
    """Why there is no answer."""

    error: str


def read(model: type[B], body: bytes) -> tuple[B, Sent]:
    """Read a body, checked.

    Args:
        model: what it should be.
        body: JSON, in UTF-8.

    Raises:
        RefusalError: says what is wrong, without any value that was sent.
    """
    value, halves = _parse(body)
    try:
        return model.model_validate(value, strict=True), Sent(len(body), halves)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    raise RefusalError(422, _sentence(first))


def _parse(body: bytes) -> tuple[Any, bool]:
    """What a body says, and whether its texts may hold half of a character."""
    try:
        return from_json(body), False
    except ValueError as error:
        reason = str(error)
    # The quick parser refuses half a character anywhere; Python's does not, and then one record is refused alone.
    try:
        return json.loads(body.decode("utf-8", "surrogatepass")), True
    except (ValueError, RecursionError):
        # The parser's own words for the place are English in all languages.
        sentence = _("The body is not JSON that can be read ({reason}); send an object in UTF-8.")
        raise RefusalError(422, sentence.format(reason=reason)) from None


def _sentence(first: Any) -> str:
    place = ".".join(map(str, first["loc"]))[:100] or _("The body")
    sentence = _SENTENCES.get(first["type"])
    if sentence is None:
        reason = f"{first['msg'][0].lower()}{first['msg'][1:]}"
        return _("{key} does not fit: {reason}.").format(key=place, reason=reason)
    return _(sentence).format(key=place)
