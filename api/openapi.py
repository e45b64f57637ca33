"""OpenAPI 3.1 from the route table and the pydantic schemas. Pure."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.routing import Answer, Parameter, Route
from api.schemas import Problem

_REASONS = {
    200: "Done",
    201: "Made",
    202: "Queued",
    204: "Done, nothing to say",
    206: "A part of the bytes",
    400: "The request is wrong",
    401: "Sign in first",
    403: "Say what you look for first",
    404: "Nothing here that you may see",
    409: "Something else is in the way",
    410: "Over",
    412: "Another tus version",
    413: "Too large",
    415: "Another body type is needed",
    416: "No such bytes",
    422: "The bytes are not those that were measured",
    423: "Somebody else is sending",
    460: "Checksum mismatch",
    503: "A part of the server is not answering",
    507: "No space",
}


def document(routes: Iterable[Route], version: str) -> dict[str, Any]:
    """The OpenAPI document of the described routes."""
    described = [route for route in routes if route.described]
    models: set[type[BaseModel]] = {Problem}
    for route in described:
        if isinstance(route.body, type):
            models.add(route.body)
        models |= {answer.model for answer in route.answers.values() if answer.model is not None}
    _, definitions = models_json_schema(
        [(model, "validation") for model in sorted(models, key=lambda model: model.__name__)],
        ref_template="#/components/schemas/{model}",
    )
    paths: dict[str, dict[str, Any]] = {}
    for route in described:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Custos", "version": version, "description": "Evidence that anyone can check."},
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    name = f"{route.method.lower()}{re.sub(r'[^a-z0-9]+', '-', route.path.lower())}".strip("-")
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": (inspect.getdoc(route.handler) or name).splitlines()[0],
        "tags": [route.tag],
        "parameters": [*_path_parameters(route.path), *map(_parameter, route.parameters)],
        "responses": {str(status): _response(status, answer) for status, answer in route.answers.items()},
    }
    problems = {*route.errors, 503} | ({401, 404} if route.signed_in else {401} if route.body else set())
    for status in sorted(problems):
        operation["responses"][str(status)] = _problem(status)
    if route.signed_in:
        operation["security"] = [{"token": []}]
    if isinstance(route.body, str):
        binary = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {"content": {route.body: binary}, "required": route.method == "PATCH"}
    elif route.body is not None:
        operation["requestBody"] = {
            "content": {"application/json": {"schema": _ref(route.body)}},
            "required": True,
        }
    return operation


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"{(\w+)", path)
    ]


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if parameter.pattern is not None:
        schema["pattern"] = parameter.pattern
    return {"name": parameter.name, "in": parameter.place, "required": parameter.required, "schema": schema}


def _response(status: int, answer: Answer) -> dict[str, Any]:
    response: dict[str, Any] = {"description": _REASONS[status]}
    if answer.model is not None:
        response["content"] = {"application/json": {"schema": _ref(answer.model)}}
    elif answer.media_type is not None:
        # Whatever a rendition is: a description of JSON inside would be one of the rendition's format.
        schema = {} if answer.media_type == "*/*" else {"type": "string"}
        response["content"] = {answer.media_type: {"schema": schema}}
    return response


def _problem(status: int) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": _ref(Problem)}}
    return {"description": _REASONS[status], "content": content}
