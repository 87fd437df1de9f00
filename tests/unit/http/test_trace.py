"""W3C Trace Context: passed on, taken from X-Ray, or begun."""

from __future__ import annotations

import re

import pytest

from promptmill.http.trace import trace_of

VALID = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
XRAY = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
# The grammar of version 00, https://www.w3.org/TR/trace-context/#traceparent-header.
FORM = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def traceparent(**headers: str) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    made = trace_of(named, "req-1").traceparent
    assert FORM.fullmatch(made)
    return made


@pytest.mark.parametrize("given", [VALID, VALID[:-2] + "00", VALID[:-2] + "ff"])
def test_a_callers_traceparent_is_passed_on_as_it_is(given: str) -> None:
    assert traceparent(traceparent=given) == given
    assert traceparent(traceparent=given, x_amzn_trace_id=XRAY) == given


@pytest.mark.parametrize(
    "given",
    [
        "",
        "nonsense",
        VALID.upper(),
        VALID + "-extra",
        VALID + "\n",
        " " + VALID,
        "01" + VALID[2:],
        "ff" + VALID[2:],
        VALID.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32),
        VALID.replace("b7ad6b7169203331", "0" * 16),
        VALID.replace("0af7", "0ag7"),
        VALID[:-3],
    ],
)
def test_what_is_no_traceparent_is_replaced(given: str) -> None:
    made = traceparent(traceparent=given)
    assert made != given
    assert traceparent(traceparent=given, x_amzn_trace_id=XRAY).startswith("00-5759e988bd862e3fe1be46a994272793-")


def test_without_one_the_trace_is_x_rays_with_a_span_of_its_own() -> None:
    first, second = traceparent(x_amzn_trace_id=XRAY), traceparent(x_amzn_trace_id=XRAY)
    assert first.split("-")[1] == second.split("-")[1] == "5759e988bd862e3fe1be46a994272793"
    assert first.split("-")[2] != second.split("-")[2]


@pytest.mark.parametrize(
    "given", ["", "Self=1-67891234-12456789abcdef012345678", "Root=2-5759e988-bd862e3fe1be46a994272793", "Root=1-5759"]
)
def test_an_x_ray_header_without_a_root_is_none(given: str) -> None:
    assert traceparent(x_amzn_trace_id=given) != traceparent(x_amzn_trace_id=given)


def test_a_root_of_noughts_does_not_make_an_invalid_trace() -> None:
    made = traceparent(x_amzn_trace_id="Root=1-00000000-000000000000000000000000")
    assert set(made.split("-")[1]) != {"0"}


def test_without_any_header_every_request_is_a_trace_of_its_own() -> None:
    made = {traceparent().split("-")[1] for _ in range(100)}
    assert len(made) == 100


def test_the_request_id_ties_log_and_events_together() -> None:
    assert trace_of({"traceparent": VALID}, "req-7").correlation_id == "req-7"
