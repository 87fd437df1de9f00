"""Every way into the API stands behind the authorizer its operation declares, and nothing is built otherwise."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from local.access_check import access_gaps, document_operations, template_gates
from local.rendering import ROOT, read_template, render_template
from promptmill.identity.access import ROUTES, Access, Gate, Role

# Called without a token by browsers before a request, and by whoever mistypes a path.
OPEN_METHODS = {"options"}
OPEN_PATHS = {"/v1/{proxy+}"}


@pytest.fixture(scope="module")
def operations() -> dict[tuple[str, str], str]:
    return document_operations(json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def gates() -> dict[tuple[str, str], str]:
    return template_gates(read_template())


def test_every_operation_stands_behind_the_authorizer_it_declares(
    gates: dict[tuple[str, str], str], operations: dict[tuple[str, str], str]
) -> None:
    assert set(operations.values()) == ROUTES.keys()
    assert access_gaps(gates, operations, ROUTES) == []


def test_what_is_no_operation_is_a_preflight_or_an_unknown_path_and_stands_behind_nothing(
    gates: dict[tuple[str, str], str], operations: dict[tuple[str, str], str]
) -> None:
    others = {route: gate for route, gate in gates.items() if route not in operations}
    assert set(others.values()) == {"NONE"}
    assert {path for method, path in others if method != "OPTIONS"} == OPEN_PATHS
    assert {path for method, path in others if method == "OPTIONS"} == {path for _, path in operations} - PUBLIC_PATHS


# Read without a token and with no header of ours, which a browser does unasked.
PUBLIC_PATHS = {"/v1/health", "/v1/models", "/v1/openapi.json"}


def test_the_api_that_is_deployed_asks_its_authorizer_at_every_other_method(
    operations: dict[tuple[str, str], str],
) -> None:
    rendered = render_template()["Resources"]
    (api,) = (r["Properties"] for r in rendered.values() if r["Type"] == "AWS::ApiGateway::RestApi")
    assert api["Body"]["components"]["securitySchemes"].keys() == {"SignedIn", "Anyone"}
    asking = set()
    for path, item in api["Body"]["paths"].items():
        for method, described in item.items():
            required = [name for scheme in described.get("security", []) for name in scheme if name != "NONE"]
            if method in OPEN_METHODS or path in OPEN_PATHS:
                assert required == [], f"{method} {path}"
                continue
            gate = ROUTES[operations[method.upper(), path]].gate
            assert required == ([] if gate is Gate.NONE else [gate]), f"{method} {path}"
            asking |= set(required)
    assert asking == {"SignedIn", "Anyone"}


SELL, LIST = ("POST", "/v1/sale"), ("GET", "/v1/sale")
ACCESS = {"sell": Access(Gate.SIGNED_IN, Role.USER), "list": Access(Gate.NONE)}
GATES: dict[tuple[str, str], str] = {SELL: "SignedIn", LIST: "NONE", ("OPTIONS", "/v1/sale"): "NONE"}
OPERATIONS = {SELL: "sell", LIST: "list"}


@pytest.mark.parametrize(
    ("gates", "operations", "routes", "gap"),
    [
        (GATES, OPERATIONS, {"sell": ACCESS["sell"]}, "list declares no access"),
        (GATES, {SELL: "sell"}, ACCESS, "list declares access and is no operation"),
        (GATES | {SELL: "Anyone"}, OPERATIONS, ACCESS, "POST /v1/sale declares SignedIn, and in the template stands"),
        (GATES | {SELL: "NONE"}, OPERATIONS, ACCESS, "stands behind NONE"),
        ({LIST: "NONE"}, OPERATIONS, ACCESS, "stands behind nothing"),
        (GATES | {("OPTIONS", "/v1/sale"): "SignedIn"}, OPERATIONS, ACCESS, "OPTIONS /v1/sale is no operation"),
        (
            GATES | {("GET", "/v1/more"): "NONE"},
            OPERATIONS,
            ACCESS,
            "GET /v1/more is in the template, and no operation",
        ),
    ],
)
def test_every_kind_of_gap_is_said(gates: Any, operations: Any, routes: Any, gap: str) -> None:
    assert access_gaps(GATES, OPERATIONS, ACCESS) == []
    assert gap in "\n".join(access_gaps(gates, operations, routes))


def test_the_check_that_a_build_begins_with_passes() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "local.access_check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
