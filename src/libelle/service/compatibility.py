"""`/noncodable`, as the predecessor's service answered it.

A body `{"documents": [{"cabbi": …, "rs_x": …, …}]}` gives `{"noncodable": [{"cabbi", "status", "non_codable",
"predictions": [score of codable, score of non-codable]}]}`. Fields that the model does not know are left out: its
clients send sixteen.
"""

from typing import Any

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from libelle.language import gettext as _
from libelle.service.bodies import AskedDocuments
from libelle.service.context import Context, Facts
from libelle.service.models_served import Served
from libelle.service.predicting import predict, receive
from libelle.service.refusal import RefusalError


def model_of(context: Context) -> Served:
    """The model that answers.

    Raises:
        RefusalError: when there is none.
    """
    name = context.settings.noncodable
    served = context.catalogue.served
    if name is not None:
        found = context.catalogue.find(name)
    elif len(served) == 1:
        (found,) = served
    else:
        raise RefusalError(
            404, _("Several models are served, and none is named for this route; start with noncodable=<name>.")
        )
    if not found.pipeline.rule.is_binary:
        sentence = _("The model {name!r} does not decide between two labels, as this route does.")
        raise RefusalError(404, sentence.format(name=found.reference))
    return found


async def noncodable(context: Context, request: Request, facts: Facts) -> Response:
    """Answer a request."""
    served = model_of(context)
    asked, sent = await receive(context, request, AskedDocuments)
    answered, scores = await predict(context, served, asked.documents, sent, facts, ignore_unknown=True)
    documents: list[dict[str, Any]] = []
    both = iter(scores.tolist())
    for result in answered:
        if result["status"] == "error":
            documents.append({"cabbi": result["id"], "status": "error", "error": result["error"]})
            continue
        positive = result["label"] == served.pipeline.rule.positive
        documents.append({"cabbi": result["id"], "status": "ok", "non_codable": positive, "predictions": next(both)})
    return Response(to_json({"noncodable": documents}), media_type="application/json")
