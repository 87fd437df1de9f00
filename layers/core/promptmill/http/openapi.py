"""Makes the OpenAPI document from the routes. Run ``python -m promptmill.http.openapi`` to print it."""

from __future__ import annotations

import json
from typing import Any

DESCRIPTION = """Promptmill turns a request into a durable job: one POST, one execution, one result, one event.

Post a job, then read it at its `Location` until its status is terminal. Errors are RFC 9457 problem documents.

Another owner's job answers 404, exactly like one that does not exist."""
SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT or API key",
        "description": "A token of one of the issuers this stage knows, or an API key, which begins with `pm_live_`.",
    }
}


def openapi_document() -> dict[str, Any]:
    """The document of all API functions together, with the schemas their answers refer to."""
    from pydantic.json_schema import models_json_schema

    from promptmill.http.admin_routes import admin_api
    from promptmill.http.admin_schemas import ADMIN_ANSWERS
    from promptmill.http.analytics_routes import analytics_api
    from promptmill.http.analytics_schemas import ANALYTICS_ANSWERS, report_parameters
    from promptmill.http.cancel_routes import cancel_api
    from promptmill.http.deletion_routes import deletion_api
    from promptmill.http.documents import HEADER_PARAMETERS, OPTIONAL_BODIES, QUERY_PARAMETERS, gateway_response
    from promptmill.http.limits_routes import limits_api
    from promptmill.http.list_parameters import list_parameters, page_parameters
    from promptmill.http.me_routes import me_api
    from promptmill.http.read_routes import read_api
    from promptmill.http.redrive_routes import redrive_api
    from promptmill.http.schemas import ANSWERS
    from promptmill.http.submit_routes import submit_api
    from promptmill.http.user_schemas import USER_ANSWERS

    _, definitions = models_json_schema(
        [(model, "serialization") for model in (*ANSWERS, *USER_ANSWERS, *ADMIN_ANSWERS, *ANALYTICS_ANSWERS)],
        ref_template="#/components/schemas/{model}",
    )
    document: dict[str, Any] = {}
    apis = (submit_api, read_api, cancel_api, redrive_api, me_api, deletion_api, limits_api, analytics_api, admin_api)
    for api in (make() for make in apis):
        part = json.loads(
            api.get_openapi_json_schema(
                title="Promptmill",
                version="1",
                description=DESCRIPTION,
                tags=["Jobs", "Users", "Limits", "Analytics", "Administration", "Service"],
                security_schemes={},
            )
        )
        if not document:
            document = part
            continue
        for path, operations in part["paths"].items():
            document["paths"].setdefault(path, {}).update(operations)
        document["components"]["schemas"] |= part.get("components", {}).get("schemas", {})
    queries = {
        **QUERY_PARAMETERS,
        "listJobs": list_parameters(),
        "listApiKeys": page_parameters(),
        "readAnalytics": report_parameters(),
    }
    for operations in document["paths"].values():
        for operation in operations.values():
            _drop_generated_answers(operation)
            _add_access(operation)
            operation["responses"]["default"] = gateway_response()
            name = operation["operationId"]
            more = [*queries.get(name, []), *HEADER_PARAMETERS.get(name, [])]
            if name in OPTIONAL_BODIES:
                operation["requestBody"]["required"] = False
            if more:
                operation["parameters"] = [*operation.get("parameters", []), *more]
    schemas = document["components"]["schemas"] | definitions["$defs"]
    generated = {"HTTPValidationError", "ResponseValidationError", "ValidationError"}
    document["components"]["schemas"] = {name: schemas[name] for name in sorted(schemas.keys() - generated)}
    document["components"]["securitySchemes"] = SECURITY_SCHEMES
    return document


def _add_access(operation: dict[str, Any]) -> None:
    """Says of an operation what it declares of who may call it."""
    from promptmill.http.documents import refusals
    from promptmill.identity.access import Gate, access_to

    access = access_to(operation["operationId"])
    bearer: list[dict[str, list[str]]] = [{"bearer": []}]
    operation["security"] = {Gate.NONE: [], Gate.ANYONE: [{}, *bearer], Gate.SIGNED_IN: bearer}[access.gate]
    operation["responses"] |= refusals(operation["operationId"])
    for name, needed in (("role", access.role), ("scope", access.scope)):
        if needed is not None:
            operation[f"x-required-{name}"] = needed.value


def _drop_generated_answers(operation: dict[str, Any]) -> None:
    """Powertools documents a 200 and its own validation error for every route, and a body for every answer.

    Ours says what really comes back.
    """
    for status in ("204", "304"):
        operation["responses"].get(status, {}).pop("content", None)
    for status in list(operation["responses"]):
        described = json.dumps(operation["responses"][status])
        if (
            "HTTPValidationError" in described
            or operation["responses"][status].get("description") == "Successful Response"
        ):
            del operation["responses"][status]


def openapi_text() -> str:
    return json.dumps(openapi_document(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    print(openapi_text(), end="")
