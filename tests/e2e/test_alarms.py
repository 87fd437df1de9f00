"""The cause of every alarm, made to happen; and what its metric is made of, looked at with the alarm's own names.

Our own metrics are read from the lines they are made of. AWS makes the others: of durations and throttles, which the
local stack counts as AWS does, and of answers, executions and queues, which are looked at themselves.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from local.stack import ROOT
from promptmill.clock import new_id, now_ms, random_hex, timestamp
from promptmill.events.names import EventName
from promptmill.events.user_events import user_deleted_event
from promptmill.events.webhooks.deliveries.gateway import delivery_queue
from promptmill.events.webhooks.deliveries.store import DeliveryStore
from promptmill.events.webhooks.delivery import Dispatch
from promptmill.events.webhooks.endpoints.store import EndpointStore
from promptmill.jobs.store import JobStore
from tests.support.alarm_causes import (
    PROVOKED,
    GoneReceiver,
    depth,
    dimension,
    executions,
    found,
    function_changed,
    is_of_the_api,
    nobody_reading,
    one_watched,
    points,
    provokes,
    publish,
    release_without_time,
    soon_visible,
    store_that_hangs,
    taken,
    url_of,
)
from tests.support.alarms import Watched, alarms, physical_id, reported_values, watched_on
from tests.support.api import Api, eventually, new_address
from tests.support.deliveries import a_delivery
from tests.support.in_process import api_event, in_process
from tests.support.inbox import parked_inbox, subscriber_inbox
from tests.support.interactions import an_interaction
from tests.support.jobs import a_job, state_of
from tests.support.sweeper import LONG_AGO_MS
from tests.support.traces import log_events
from tests.support.webhooks import added, an_owner
from tests.unit.analytics.fakes import a_message, an_outcome
from tests.workflows.machines import GENERATION, Machines, missing

if TYPE_CHECKING:
    from local.stack import Stack
    from tests.support.stand_ins import StandIns

# A queue with a dead-letter queue, and the alarm on that.
POISONED = {
    "SubscriberQueue": "SubscriberDeadLettersAlarm",
    "WebhookEventsQueue": "WebhookEventsDeadLettersAlarm",
    "DeliveriesQueue": "DeliveriesDeadLettersAlarm",
    "AnalyticsQueue": "AnalyticsDeadLettersAlarm",
}
WAITING = ("WebhookEventsWaitAlarm", "DeliveriesWaitAlarm", "AnalyticsWaitAlarm")
SLOW = {
    "JobRoutesNearTimeoutAlarm": "cancel_job",
    "AccountRoutesNearTimeoutAlarm": "serve_me",
    "StepsNearTimeoutAlarm": "assemble_prompt",
}


def test_every_alarm_has_a_test_that_provokes_it() -> None:
    assert alarms().keys() == PROVOKED


def test_alarms_and_dashboard_are_deployed_with_the_names_of_the_stacks_resources(stack: Stack) -> None:
    cloudwatch = stack.client("cloudwatch")
    deployed = {alarm["AlarmDescription"]: alarm for alarm in cloudwatch.describe_alarms()["MetricAlarms"]}
    # The local stack has no alarms on an expression.
    for name, properties in alarms().items():
        if "MetricName" in properties:
            found = deployed[properties["AlarmDescription"]]
            dimensions = frozenset((one["Name"], one["Value"]) for one in found["Dimensions"])
            assert Watched(found["Namespace"], found["MetricName"], dimensions) == one_watched(stack, name)
    body = cloudwatch.get_dashboard(DashboardName="promptmill-local")["DashboardBody"]
    assert "${" not in body
    assert json.loads(body)["widgets"]


@provokes(*SLOW)
@pytest.mark.parametrize(("alarm", "folder"), SLOW.items())
def test_a_function_whose_store_hangs_comes_near_its_timeout(stack: Stack, alarm: str, folder: str) -> None:
    with store_that_hangs() as address, ExitStack() as changed:
        hangs = {"AWS_ENDPOINT_URL_DYNAMODB": address}
        name = changed.enter_context(function_changed(stack, folder, Timeout=1, variables=hangs))
        event = {"assemble_prompt": state_of(a_job())}.get(folder) or api_event(
            "POST" if folder == "cancel_job" else "GET",
            f"/v1/jobs/{a_job().id}/cancel" if folder == "cancel_job" else "/v1/me",
            address=new_address(),
        )
        stack.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    (metric,) = [one for one in watched_on(stack, alarm).values() if dimension(one, "FunctionName") == name]
    longest_ms = max(point["ExtendedStatistics"]["p99"] for point in points(stack, metric, ExtendedStatistics=["p99"]))
    assert longest_ms >= 10 * alarms()[alarm]["Threshold"], "percent of the one second it had"


@provokes("ThrottlesAlarm", "ApiFaultsAlarm")
def test_a_function_that_may_not_run_is_throttled_and_one_without_its_store_answers_503(stack: Stack, api: Api) -> None:
    name = physical_id(stack, "ReadLimitsFunction")
    functions = stack.client("lambda")
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        assert api.http.get("/v1/me/limits").is_error
    finally:
        functions.delete_function_concurrency(FunctionName=name)
    throttles = one_watched(stack, "ThrottlesAlarm")
    # AWS sums it over all functions when asked without a name, the local stack only by name.
    by_name = replace(throttles, dimensions=frozenset({("FunctionName", name)}))
    assert sum(point["Sum"] for point in points(stack, by_name, Statistics=["Sum"])) >= 1

    with function_changed(stack, "read_limits", variables={"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9"}):
        assert api.http.get("/v1/me/limits").status_code == 503
    faults = one_watched(stack, "ApiFaultsAlarm")
    assert (faults.namespace, faults.name) == ("AWS/ApiGateway", "5XXError")
    assert is_of_the_api(stack, faults)


@provokes("ApiLatencyAlarm")
def test_a_caller_who_waits_for_a_slow_model_waits_as_long_at_the_gateway(
    stack: Stack, api: Api, stand_ins: StandIns
) -> None:
    prompt = f"Explain patience to the number {random_hex(4)}."
    stand_ins.script("chat", [{"delay_ms": 1500}], match=prompt)
    began = time.monotonic()
    answer = api.http.post("/v1/jobs", json={"kind": "enhance", "prompt": prompt}, headers={"Prefer": "wait=10"})
    assert answer.status_code == 200
    assert time.monotonic() - began >= 1.5
    latency = one_watched(stack, "ApiLatencyAlarm")
    assert (latency.namespace, latency.name) == ("AWS/ApiGateway", "Latency")
    assert is_of_the_api(stack, latency)


@provokes("WorkflowFailuresAlarm", "ProviderErrorsAlarm")
def test_a_request_the_provider_refuses_fails_an_execution_and_is_a_providers_error(
    stack: Stack, api: Api, stand_ins: StandIns
) -> None:
    metrics = watched_on(stack, "ProviderErrorsAlarm")

    def counted(what: str) -> int:
        return len(reported_values(log_events(stack)[stack.function_log_group], metrics[what]))

    before = {what: counted(what) for what in metrics}
    prompt = f"Explain refusal to the number {random_hex(4)}."
    stand_ins.script("chat", [{"status": 400}], match=prompt)
    job = api.run(kind="enhance", prompt=prompt)
    assert job["status"] == "failed"

    def failed() -> bool | None:
        return job["id"] in executions(stack, "WorkflowFailuresAlarm", "ExecutionsFailed", "FAILED") or None

    assert eventually(failed)
    assert {what: counted(what) for what in metrics} == {what: count + 1 for what, count in before.items()}


@provokes("DeletionFailuresAlarm")
def test_a_deletion_whose_function_lacks_a_setting_fails(stack: Stack) -> None:
    user_id, trace = f"usr_{random_hex(16)}", f"00-{random_hex(16)}-{random_hex(8)}-01"
    event = user_deleted_event(user_id, at_ms=now_ms(), correlation_id="req-1", traceparent=trace)
    states = stack.client("stepfunctions")
    with function_changed(stack, "erase_user", variables={"PROMPTMILL_LIBRARY_TABLE": ""}):
        started = states.start_execution(
            stateMachineArn=stack.deletion_workflow_arn, name=user_id,
            input=json.dumps({"user_id": user_id, "event": event}),
        )  # fmt: skip
        assert eventually(
            lambda: user_id in executions(stack, "DeletionFailuresAlarm", "ExecutionsFailed", "FAILED") or None
        )
    assert states.describe_execution(executionArn=started["executionArn"])["error"] == "BrokenContractError"


@provokes("InteractionFailuresAlarm", "InteractionsDeadLettersAlarm")
def test_an_interaction_that_names_no_prompt_fails_and_is_parked(stack: Stack) -> None:
    event = an_interaction(EventName.PROMPT_STARRED, new_id("prm", now_ms()))
    event["detail"]["data"] = {}
    before = executions(stack, "InteractionFailuresAlarm", "ExecutionsFailed", "FAILED")
    publish(stack, event["source"], event["detail-type"], event["detail"])
    assert eventually(
        lambda: executions(stack, "InteractionFailuresAlarm", "ExecutionsFailed", "FAILED") - before or None
    )
    taken(stack, "InteractionsDeadLettersAlarm", event["detail"]["metadata"]["id"])


@provokes("ParkedEventsAlarm")
def test_an_event_the_bus_does_not_take_is_parked(stack: Stack) -> None:
    job = a_job()
    JobStore(stack.jobs_table, stack.client("dynamodb")).add(job)
    stack.client("stepfunctions").start_execution(
        stateMachineArn=Machines(stack, GENERATION).arn(missing("EventBusName", "AnnounceAccepted")),
        name=job.id, input=json.dumps(state_of(job)),
    )  # fmt: skip
    assert eventually(lambda: depth(stack, url_of(stack, "ParkedEventsAlarm")) or None)
    (parked,) = parked_inbox(stack).of(job.id)
    assert parked["DetailType"] == "job.accepted"


@provokes("DeadLettersAlarm")
def test_what_a_rule_could_not_deliver_is_in_the_queue_that_is_watched(stack: Stack) -> None:
    """The local stack's EventBridge has no dead letters of targets, so the test is EventBridge."""
    token = random_hex(8)
    stack.client("sqs").send_message(QueueUrl=url_of(stack, "DeadLettersAlarm"), MessageBody=token)
    assert taken(stack, "DeadLettersAlarm", token)


@provokes(*POISONED.values())
def test_a_message_that_nobody_can_handle_ends_in_the_dead_letter_queue_that_is_watched(stack: Stack) -> None:
    sqs, token = stack.client("sqs"), random_hex(8)
    # What other tests published is kept for them, and not counted as received here.
    subscriber_inbox(stack).of("nobody")
    with ExitStack() as hurried:
        urls = {queue: hurried.enter_context(soon_visible(stack, queue)) for queue in POISONED}
        for queue_url in urls.values():
            sqs.send_message(QueueUrl=queue_url, MessageBody=f"not an event {token}")
        for queue, alarm in POISONED.items():

            def dead(queue: str = queue, alarm: str = alarm) -> dict[str, Any] | None:
                sqs.receive_message(QueueUrl=urls[queue], MaxNumberOfMessages=10, VisibilityTimeout=0)
                return found(stack, alarm, token)

            assert eventually(dead)


@provokes(*WAITING)
@pytest.mark.parametrize("alarm", WAITING)
def test_an_event_whose_function_does_not_run_grows_old_in_its_queue(stack: Stack, alarm: str) -> None:
    event = json.loads((ROOT / "events" / "published" / "job.succeeded.example.json").read_text(encoding="utf-8"))
    event["metadata"] |= {"id": new_id("evt", now_ms()), "owner": an_owner()}
    endpoints = EndpointStore(stack.webhooks_table, stack.client("dynamodb"))
    webhook = added(endpoints, owner=event["metadata"]["owner"], url="https://localhost:9/")
    with nobody_reading(stack, url_of(stack, alarm)):
        publish(stack, "promptmill.jobs", "job.succeeded", event)
        message = taken(stack, alarm, event["metadata"]["id"])
    endpoints.delete(webhook.id)
    assert 0 <= now_ms() - int(message["Attributes"]["SentTimestamp"]) < 30_000


@provokes("SweeperAlarm", "FaultyJobsAlarm")
def test_a_job_the_sweeper_cannot_finish_is_counted_and_each_run_reports(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    def faulty() -> float | None:
        """How many jobs a run could not finish; the stack's own sweeper may be there before it, and finish them."""
        past = timestamp(now_ms() - LONG_AGO_MS)
        job = replace(a_job(), created_at=past, deadline_at=past, due_at=past)
        JobStore(stack.jobs_table, stack.client("dynamodb")).add(job)
        with in_process(stack, "sweep_jobs", AWS_ENDPOINT_URL_SFN="http://127.0.0.1:9") as sweep:
            sweep({})
        lines = capsys.readouterr().out
        assert len(reported_values(lines, one_watched(stack, "SweeperAlarm"))) == 1
        return sum(reported_values(lines, one_watched(stack, "FaultyJobsAlarm"))) or None

    assert eventually(faulty) >= 1


@provokes("ReleaseDeliveriesAlarm", "ReleasesCutShortAlarm")
def test_each_run_of_what_releases_deliveries_reports(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    release_without_time(stack)
    lines = capsys.readouterr().out
    assert len(reported_values(lines, one_watched(stack, "ReleaseDeliveriesAlarm"))) == 1
    assert reported_values(lines, one_watched(stack, "ReleasesCutShortAlarm")) == [1.0]


@provokes("WebhooksDisabledAlarm")
def test_a_webhook_whose_receiver_is_gone_is_counted_as_disabled(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoints = EndpointStore(stack.webhooks_table, stack.client("dynamodb"))
    deliveries = DeliveryStore(stack.webhooks_table, stack.client("dynamodb"))
    webhook = added(endpoints, owner=an_owner())
    delivery = a_delivery(webhook.id, at_ms=now_ms())
    deliveries.add(delivery, at_ms=now_ms())
    message = {"messageId": "m-1", "body": json.dumps({"webhook_id": webhook.id, "delivery_id": delivery.id})}
    with in_process(stack, "deliver_webhook") as deliver:
        dispatch = Dispatch(endpoints, deliveries, delivery_queue(), GoneReceiver())  # type: ignore[arg-type]
        assert deliver({"Records": [message]}, dispatch=dispatch) == {"batchItemFailures": []}
    assert reported_values(capsys.readouterr().out, one_watched(stack, "WebhooksDisabledAlarm")) == [1.0]


@provokes("DailySpendAlarm")
def test_what_a_job_cost_is_counted_with_the_days_spending(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    event = an_outcome(owner=an_owner(), at="2026-01-02T00:00:00.000Z")  # which no rebuild misses in the archive
    with in_process(stack, "record_analytics") as record:
        assert record({"Records": [a_message(event)]}) == {"batchItemFailures": []}
    (spent,) = reported_values(capsys.readouterr().out, one_watched(stack, "DailySpendAlarm"))
    assert spent == float(event["data"]["cost"]["model_usd"]) > 0
