"""Holds the API to what its operations declare of who may call them; ``python -m local.access_check``.

A build begins with it: an operation that declares nothing, or stands behind another authorizer in the template than it
declares, is not built.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from local.rendering import ROOT, read_template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptmill.identity.access import Access

METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
NOBODY_LOOKS = "NONE"

Route = tuple[str, str]
"""A method in capitals and a path, such as ``("GET", "/v1/jobs/{job_id}")``."""


def template_gates(template: Mapping[str, Any]) -> dict[Route, str]:
    """The name of the authorizer before each route of the template."""
    api = template["Resources"]["Api"]["Properties"]
    return {
        (properties["Method"].upper(), properties["Path"]): properties.get("Auth", {}).get(
            "Authorizer", api["Auth"]["DefaultAuthorizer"]
        )
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
        for event in resource["Properties"].get("Events", {}).values()
        if event["Type"] == "Api"
        for properties in [event["Properties"]]
    }


def document_operations(document: Mapping[str, Any]) -> dict[Route, str]:
    """The id of the operation behind each route of the OpenAPI document."""
    return {
        (method.upper(), path): operation["operationId"]
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method.upper() in METHODS
    }


def access_gaps(gates: Mapping[Route, str], operations: Mapping[Route, str], routes: Mapping[str, Access]) -> list[str]:
    """What stands between the template, the operations and what those declare, a sentence each."""
    gaps = [f"{name} declares no access" for name in sorted(set(operations.values()) - routes.keys())]
    gaps += [f"{name} declares access and is no operation" for name in sorted(routes.keys() - set(operations.values()))]
    for route, name in sorted(operations.items()):
        if name in routes and gates.get(route) != routes[name].gate:
            declared, stands = routes[name].gate, gates.get(route, "nothing")
            gaps.append(f"{' '.join(route)} declares {declared}, and in the template stands behind {stands}")
    # Preflights carry no token, and what nobody answers needs none.
    for route in sorted(gates.keys() - operations.keys()):
        if gates[route] != NOBODY_LOOKS:
            gaps.append(f"{' '.join(route)} is no operation, and stands behind {gates[route]}")
        if route[0] != "OPTIONS" and not route[1].endswith("{proxy+}"):
            gaps.append(f"{' '.join(route)} is in the template, and no operation")
    return gaps


def main() -> int:
    """The status of the process: 1 when there are gaps, which it prints."""
    sys.path.append(str(ROOT / "layers" / "core"))
    from promptmill.http.openapi import openapi_document
    from promptmill.identity.access import ROUTES

    # Making the document builds every resolver, which refuses a route that declares nothing.
    gaps = access_gaps(template_gates(read_template()), document_operations(openapi_document()), ROUTES)
    print(*gaps, sep="\n", end="\n" if gaps else "")
    return 1 if gaps else 0


if __name__ == "__main__":
    sys.exit(main())
