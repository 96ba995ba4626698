"""The routes."""

from collections.abc import Callable, Coroutine
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from fastapi.routing import APIRoute
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from libelle.service.about import about, facts, health
from libelle.service.bodies import (
    Answered,
    AnsweredDocuments,
    Asked,
    AskedDocuments,
    ModelAbout,
    ModelList,
    Problem,
)
from libelle.service.compatibility import noncodable
from libelle.service.context import Context, Facts
from libelle.service.door import Door, as_refusal
from libelle.service.page.routes import add_page
from libelle.service.predicting import predict, receive
from libelle.service.refusal import RefusalError

_SUMMARY = "Classifies records of short texts by published models."
_REFUSALS = {
    401: "No token, or a wrong one",
    404: "No such model",
    408: "The body came too slowly",
    413: "Too large",
    422: "Not what it should be",
    429: "Too much waits already",
    503: "No answer in time",
}


_NAME = {
    "name": "name",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
    "description": "The model: `forms`, or `forms@3` where the answer has to be that version's.",
    "example": "forms",
}
_LANGUAGE = {
    "name": "Accept-Language",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "The language of the sentences in `error`, as browsers ask for it: `en`, the default, or `fr`.",
    "example": "fr",
}
#: Of a route that needs no token.
_OPEN: dict[str, Any] = {"security": []}
#: What others collect would hold addresses, which may hold anything.
_NO_TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False}


class _Plain(APIRoute):
    """A route that FastAPI documents, and whose function reads its request itself: checking twice costs time."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The function, as it is."""
        return self.endpoint


def create_app(context: Context) -> ASGIApp:
    """The ASGI application of a worker."""
    app = FastAPI(
        title="libelle",
        description=_SUMMARY,
        version=version("libelle"),
        docs_url=None,  # pages that take their scripts from elsewhere
        redoc_url=None,
        telemetry=_NO_TELEMETRY,
    )
    app.router.route_class = _Plain
    app.add_exception_handler(RefusalError, _refused)
    app.add_exception_handler(HTTPException, _refused)
    app.state.context = context
    _add_routes(app, context)
    add_page(app, context.settings)
    app.openapi_schema = _openapi(app, context)
    if not context.settings.allowed_origins:
        return Door(app, context)
    return CORSMiddleware(
        Door(app, context),
        allow_origins=context.settings.allowed_origins,
        allow_methods=["GET", "POST"],
        allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
    )


def _openapi(app: FastAPI, context: Context) -> dict[str, Any]:
    schema = app.openapi()
    if context.tokens.required:
        schema["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        schema["security"] = [{"token": []}]
    return schema


def _add_routes(app: FastAPI, context: Context) -> None:
    @app.post("/models/{name}/predict", **_documented(Asked, Answered, named=True))
    async def predict_records(request: Request) -> Response:
        """Score and decide records."""
        served = context.catalogue.find(request.path_params["name"])
        asked, sent = await receive(context, request, Asked)
        facts = _facts(request)
        answered, _ = await predict(context, served, asked.records, sent, facts, top=asked.top, explain=asked.explain)
        model = served.publication
        return _json({"model": model.name, "version": model.version, "run_id": model.run_id, "results": answered})

    @app.post("/noncodable", **_documented(AskedDocuments, AnsweredDocuments))
    async def noncodable_documents(request: Request) -> Response:
        """Say which census forms are non-codable, as the predecessor's service did."""
        return await noncodable(context, request, _facts(request))

    @app.get("/models", response_model=ModelList, responses=_problems(401))
    async def list_models(_: Request) -> Response:
        """List what is served."""
        return _json({"models": [about(served) for served in context.catalogue.served]})

    @app.get(
        "/models/{name}",
        response_model=ModelAbout,
        responses=_problems(401, 404),
        openapi_extra={"parameters": [_NAME, _LANGUAGE]},
    )
    async def show_model(request: Request) -> Response:
        """Show a model: its fields, labels, threshold and data."""
        return _json(about(context.catalogue.find(request.path_params["name"])))

    @app.get("/health/live", openapi_extra=_OPEN)
    async def live(_: Request) -> Response:
        """Say that the process answers."""
        return _json({"status": "alive"})

    @app.get("/health", openapi_extra=_OPEN)
    @app.get("/health/ready", openapi_extra=_OPEN)
    async def ready(request: Request) -> Response:
        """Say which versions are served, and what could not be."""
        details = not context.tokens.required or _facts(request).caller is not None
        return _json(health(context, details), 503 if context.ending else 200)

    @app.get("/metrics", response_class=PlainTextResponse, responses=_problems(401))
    async def metrics(_: Request) -> Response:
        """Counts for Prometheus, of all workers."""
        return Response(context.metrics.page(facts(context)), media_type="text/plain; version=0.0.4; charset=utf-8")


def _facts(request: Request) -> Facts:
    found: Facts = request.scope["libelle"]
    return found


def _json(value: Any, status: int = 200) -> Response:
    return Response(to_json(value), status, media_type="application/json")


async def _refused(_: Request, error: Exception) -> Response:
    refusal = as_refusal(error)
    answer = _json({"error": refusal.sentence}, refusal.status)
    answer.headers.update(refusal.headers)
    return answer


def _documented(asked: type[Any], answered: type[Any], named: bool = False) -> dict[str, Any]:
    """What OpenAPI says of a route that reads its body itself."""
    schema = asked.model_json_schema()
    return {
        "response_model": answered,
        "responses": _problems(*_REFUSALS),
        "openapi_extra": {
            "parameters": [_NAME, _LANGUAGE] if named else [_LANGUAGE],
            "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        },
    }


def _problems(*statuses: int) -> dict[int | str, Any]:
    return {status: {"model": Problem, "description": _REFUSALS[status]} for status in statuses}
