"""Publishing an event: what EventBridge may answer, and what it means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from botocore.stub import Stubber

from promptmill import errors
from promptmill.events.envelope import outcome_event
from promptmill.events.publish import EventBus
from tests.integration.tables import client
from tests.support.builders import a_job

DETAIL = outcome_event(a_job("canceled", metadata={"é": "\U0001f98a"}))


@pytest.fixture(scope="module")
def events() -> Any:
    return client("events", config=Config(retries={"total_max_attempts": 1}))


@pytest.fixture
def stub(events: Any) -> Iterator[Stubber]:
    with Stubber(events) as stubber:
        yield stubber


def test_an_event_is_one_entry_of_compact_json(events: Any, stub: Stubber) -> None:
    text = json.dumps(DETAIL, ensure_ascii=False, separators=(",", ":"))
    entry = {"EventBusName": "bus", "Source": "promptmill.jobs", "DetailType": "job.canceled", "Detail": text}
    stub.add_response("put_events", {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}, {"Entries": [entry]})
    EventBus("bus", events).publish("job.canceled", DETAIL)
    stub.assert_no_pending_responses()
    assert "\U0001f98a" in text


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalException", "NotAuthorizedForSourceException"])
def test_an_event_the_bus_did_not_take_is_said_within_a_200(events: Any, stub: Stubber, code: str) -> None:
    stub.add_response("put_events", {"FailedEntryCount": 1, "Entries": [{"ErrorCode": code, "ErrorMessage": "no"}]})
    with pytest.raises(errors.BusUnavailable, match=code):
        EventBus("bus", events).publish("job.canceled", DETAIL)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ThrottlingException", errors.BusUnavailable),
        ("InternalException", errors.BusUnavailable),
        ("a code of tomorrow", errors.BusUnavailable),
        ("AccessDeniedException", errors.BrokenContractError),
        ("ResourceNotFoundException", errors.BrokenContractError),
    ],
)
def test_a_refusal_is_one_that_may_go_away_or_one_for_a_person(
    events: Any, stub: Stubber, code: str, kind: type[errors.PromptmillError]
) -> None:
    stub.add_client_error("put_events", code)
    with pytest.raises(kind) as caught:
        EventBus("bus", events).publish("job.canceled", DETAIL)
    assert type(caught.value) is kind
    assert code in str(caught.value)


class Unreachable:
    """A client whose every call fails before an answer."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def put_events(self, **_: Any) -> None:
        raise self._error


@pytest.mark.parametrize("kind", [ReadTimeoutError, ConnectTimeoutError, EndpointConnectionError])
def test_no_answer_at_all_may_be_tried_again(kind: Any) -> None:
    error = kind(endpoint_url="https://events.eu-west-1.amazonaws.com")
    with pytest.raises(errors.BusUnavailable, match=kind.__name__):
        EventBus("bus", Unreachable(error)).publish("job.canceled", DETAIL)
