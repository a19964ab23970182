"""The OpenAPI 3.1 document, generated from the route table and its models: nothing is described by hand twice."""

import importlib.metadata
from typing import Any

import pydantic
from pydantic.json_schema import models_json_schema

from appliance import errors
from appliance.web import problems, tables
from appliance.web.api import models, routes

REF = "#/components/schemas/{model}"

PROBLEM_HEADERS = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}, "required": True}},
    405: {"Allow": {"schema": {"type": "string"}, "required": True}},
}


def document() -> dict[str, Any]:
    """The whole document, JSON-able."""
    paths: dict[str, dict] = {}
    for route in routes.ROUTES:
        paths.setdefault(routes.PREFIX + route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Image Upload Appliance",
            "version": importlib.metadata.version("image-appliance"),
            "summary": "Upload images to the storage of KVM hosts, and download them.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"cookie": [], "csrf": []}],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "An API token: `image-appliance token add --user NAME`."},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "__Host-image-appliance"},
                "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token", "description": "From GET /me; on unsafe methods."},
            },
        },
    }


def _schemas() -> dict[str, Any]:
    used: list[tuple[type[pydantic.BaseModel], Any]] = [(models.Problem, "serialization")]
    used += [(route.answer, "serialization") for route in routes.ROUTES if route.answer]
    used += [(route.body, "validation") for route in routes.ROUTES if route.wants_body]
    _, definitions = models_json_schema(list(dict.fromkeys(used)), ref_template=REF)
    return definitions["$defs"]


def _operation(route: routes.Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{route.handler.__module__.rsplit('.')[-1]}_{route.handler.__name__}_{route.method.lower()}",
        "summary": route.summary,
        "description": "For everybody." if route.public else "For the roles " + ", ".join(route.roles) + ".",
        "tags": [route.path.split("/")[1]],
        "parameters": [*_path_parameters(route), *_query_parameters(route), *_header_parameters(route)],
        "responses": _responses(route),
    }
    if route.public:
        operation["security"] = []
    if route.wants_body:
        schema = {"$ref": REF.format(model=route.body.__name__)}
        operation["requestBody"] = {"required": not route.body_optional, "content": {"application/json": {"schema": schema}}}
    return operation


def _path_parameters(route: routes.Route) -> list[dict]:
    schema = {"type": "string", "pattern": f"^{tables.PARAMETER}$"}
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in route.parameters]


def _query_parameters(route: routes.Route) -> list[dict]:
    schema = route.query.model_json_schema()
    found = []
    for name, facts in schema.get("properties", {}).items():
        # "Not given" has no spelling in a query string: the parameter is left out, so null is no choice.
        facts = next((choice | {k: v for k, v in facts.items() if k == "description"} for choice in facts.get("anyOf", ())), facts)
        facts = {key: value for key, value in facts.items() if key not in ("title",) and not (key == "default" and value is None)}
        found.append({"name": name, "in": "query", "required": False, "schema": facts})
    return found


def _header_parameters(route: routes.Route) -> list[dict]:
    if not route.streams:
        return []
    return [{"name": "Range", "in": "header", "required": False, "schema": {"type": "string", "examples": ["bytes=0-1023"]}}]


def _responses(route: routes.Route) -> dict[str, dict]:
    found: dict[str, dict] = {}
    if route.streams:
        content = {} if route.method == "HEAD" else {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
        found["200"] = {"description": "All the bytes.", **({"content": content} if content else {})}
        found["206"] = {"description": "The range that was asked for.", **({"content": content} if content else {})}
        found["304"] = {"description": "You have it already (If-None-Match)."}
    elif route.answer:
        schema = {"$ref": REF.format(model=route.answer.__name__)}
        found[str(route.status)] = {"description": "Done.", "content": {"application/json": {"schema": schema}}}
        if route.method == "GET":
            found["304"] = {"description": "You have it already (If-None-Match)."}
    else:
        found[str(route.status)] = {"description": "Done."}
    by_status: dict[int, list[type[errors.ApplianceError]]] = {}
    for error in route.possible:
        by_status.setdefault(error.status, []).append(error)
    for status, kinds in sorted(by_status.items()):
        codes = ", ".join(sorted({f"`{kind.code}`" for kind in kinds}))
        problem = {"description": codes, "headers": PROBLEM_HEADERS.get(status, {})}
        if route.method != "HEAD":
            problem["content"] = {problems.TYPE: {"schema": {"$ref": REF.format(model="Problem")}}}
        found[str(status)] = problem
    return found
