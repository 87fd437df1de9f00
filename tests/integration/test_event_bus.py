"""Publishing an event: what EventBridge may answer, and what it means."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from botocore.stub import Stubber

from promptmill import errors
from promptmill.events.envelope import outcome_event
from promptmill.events.names import EventName
from promptmill.events.publish import MAX_ENTRIES, MAX_REQUEST_BYTES, PAUSES_SECONDS, EventBus
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
    EventBus("bus", events).publish(EventName.JOB_CANCELED, DETAIL)
    stub.assert_no_pending_responses()
    assert "\U0001f98a" in text


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalException", "NotAuthorizedForSourceException"])
def test_an_event_the_bus_did_not_take_is_said_within_a_200(events: Any, stub: Stubber, code: str) -> None:
    stub.add_response("put_events", {"FailedEntryCount": 1, "Entries": [{"ErrorCode": code, "ErrorMessage": "no"}]})
    with pytest.raises(errors.BusUnavailable, match=code) as caught:
        EventBus("bus", events).publish(EventName.JOB_CANCELED, DETAIL)
    (entry,) = caught.value.unpublished
    assert (entry["DetailType"], json.loads(entry["Detail"])) == ("job.canceled", DETAIL)


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
        EventBus("bus", events).publish(EventName.JOB_CANCELED, DETAIL)
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
        EventBus("bus", Unreachable(error)).publish(EventName.JOB_CANCELED, DETAIL)


class Bus:
    """A client of a bus that takes only what it is told to, and says so as EventBridge does."""

    def __init__(self, *, takes: Callable[[int, str], bool] = lambda _time, _event: True) -> None:
        """``takes`` is asked with how often the event was sent before, and what it says."""
        self._takes = takes
        self.requests: list[list[dict[str, str]]] = []
        self.taken: list[str] = []
        self._times: Counter[str] = Counter()

    def put_events(self, *, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803 # AWS's name
        self.requests.append(Entries)
        results = [self._result(entry["Detail"]) for entry in Entries]
        return {"FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}

    def _result(self, detail: str) -> dict[str, str]:
        time, self._times[detail] = self._times[detail], self._times[detail] + 1
        if self._takes(time, detail):
            self.taken.append(detail)
            return {"EventId": "1"}
        return {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}


class Refusing:
    """A client that fails as told, request by request, before it gets to the bus."""

    def __init__(self, bus: Bus, failures: list[Exception]) -> None:
        self._bus = bus
        self._failures = iter(failures)

    def put_events(self, **arguments: Any) -> dict[str, Any]:
        for failure in self._failures:
            raise failure
        return self._bus.put_events(**arguments)


class Pauses(list[float]):
    """Remembers how long it was to pause, and does not."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def some_events(count: int, *, size_bytes: int = 0) -> list[tuple[EventName, dict[str, Any]]]:
    return [(EventName.JOB_CANCELED, {"number": number, "filler": "é" * (size_bytes // 2)}) for number in range(count)]


def numbers(details: Iterable[str]) -> list[int]:
    return [json.loads(detail)["number"] for detail in details]


def test_events_go_out_ten_to_a_request_in_their_order() -> None:
    bus, pauses = Bus(), Pauses()
    EventBus("bus", bus).publish_all(some_events(25), pause=pauses)
    assert [len(request) for request in bus.requests] == [10, 10, 5]
    assert numbers(bus.taken) == list(range(25))
    assert pauses == [0]


def test_a_request_is_no_larger_than_the_bus_takes_and_no_smaller_than_it_must_be() -> None:
    bus = Bus()
    EventBus("bus", bus).publish_all(some_events(7, size_bytes=MAX_REQUEST_BYTES // 3 - 100), pause=Pauses())
    assert [len(request) for request in bus.requests] == [3, 3, 1]
    EventBus("bus", bus).publish_all(some_events(7, size_bytes=MAX_REQUEST_BYTES // 3), pause=Pauses())
    assert [len(request) for request in bus.requests[3:]] == [2, 2, 2, 1]


def test_an_event_that_is_too_large_for_any_request_is_sent_alone_and_holds_up_no_other() -> None:
    large, small = (EventName.JOB_FAILED, {"number": 0, "filler": "é" * MAX_REQUEST_BYTES}), some_events(3)[1:]
    bus = Bus(takes=lambda _, event: len(event) < MAX_REQUEST_BYTES)
    with pytest.raises(errors.BusUnavailable) as caught:
        EventBus("bus", bus).publish_all([large, *small], pause=Pauses())
    assert [len(request) for request in bus.requests[:2]] == [1, 2]
    assert numbers(bus.taken) == [1, 2]
    assert numbers(entry["Detail"] for entry in caught.value.unpublished) == [0]


def test_each_source_is_the_one_of_the_event() -> None:
    bus = Bus()
    EventBus("bus", bus).publish_all([(name, {}) for name in EventName], pause=Pauses())
    sent = [entry for request in bus.requests for entry in request]
    assert [(entry["DetailType"], entry["Source"]) for entry in sent] == [(name, name.source) for name in EventName]
    assert {entry["EventBusName"] for entry in sent} == {"bus"}


def test_only_what_the_bus_did_not_take_is_sent_again() -> None:
    bus, pauses = Bus(takes=lambda time, event: time >= json.loads(event)["number"] % 3), Pauses()
    EventBus("bus", bus).publish_all(some_events(20), pause=pauses)
    assert sorted(numbers(bus.taken)) == list(range(20))
    again = [numbers(entry["Detail"] for entry in request) for request in bus.requests[2:]]
    assert again == [[1, 2, 4, 5, 7, 8, 10, 11, 13, 14], [16, 17, 19], [2, 5, 8, 11, 14, 17]]
    assert pauses == list(PAUSES_SECONDS[:3])


def test_what_the_bus_will_not_take_is_said_entry_by_entry_and_can_be_parked() -> None:
    bus, pauses = Bus(takes=lambda _, event: json.loads(event)["number"] not in {3, 17}), Pauses()
    with pytest.raises(errors.BusUnavailable, match="2 events") as caught:
        EventBus("bus", bus).publish_all(some_events(20), pause=pauses)
    assert numbers(bus.taken) == [number for number in range(20) if number not in {3, 17}]
    assert list(caught.value.unpublished) == bus.requests[-1]
    assert numbers(entry["Detail"] for entry in caught.value.unpublished) == [3, 17]
    assert pauses == list(PAUSES_SECONDS)


def test_a_request_that_was_not_answered_is_sent_again_whole() -> None:
    bus = Bus()
    unreachable = ReadTimeoutError(endpoint_url="https://events.eu-west-1.amazonaws.com")
    throttled = ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "PutEvents")
    EventBus("bus", Refusing(bus, [unreachable, throttled])).publish_all(some_events(15), pause=Pauses())
    assert sorted(numbers(bus.taken)) == list(range(15))
    assert [len(request) for request in bus.requests] == [MAX_ENTRIES, 5]


def test_what_only_a_person_can_mend_is_not_tried_again() -> None:
    bus, pauses = Bus(), Pauses()
    denied = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "PutEvents")
    with pytest.raises(errors.BrokenContractError, match="AccessDeniedException"):
        EventBus("bus", Refusing(bus, [denied])).publish_all(some_events(15), pause=pauses)
    assert (bus.requests, pauses) == ([], [0])


def test_no_events_are_no_request() -> None:
    bus = Bus()
    EventBus("bus", bus).publish_all([], pause=Pauses())
    assert bus.requests == []
