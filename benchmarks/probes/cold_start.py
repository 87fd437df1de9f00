"""Run in a fresh process by benchmarks.cold_start, with the path and the variables a Lambda has.

``sys.argv[1]`` is ``floor`` or a function's folder name. Prints one JSON line: milliseconds until the imports are done
and until the function could answer, and the peak resident memory in KiB then. Imports only what it measures until then.
"""

import importlib
import sys
import time
from typing import Any


def floor() -> None:
    import boto3

    boto3.client("dynamodb")


def authorize_caller() -> None:
    from promptmill.identity.default import default_authorizer
    from promptmill.identity.key_set import read_keys

    default_authorizer()
    # What a first token brings in. Its issuer's keys would come over the network; this one is the curve's own point.
    read_keys(
        b'{"keys":[{"kid":"k","kty":"EC","crv":"P-256","x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",'
        b'"y":"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}]}'
    )


def submit_job() -> None:
    from promptmill.http import submit_routes

    submit_routes.submit_api()
    submit_routes.default_intake()


def read_jobs() -> None:
    from promptmill.artifacts.store import artifact_store
    from promptmill.http.read_routes import read_api
    from promptmill.jobs.store import job_store

    read_api()
    job_store()
    artifact_store()


def assemble_prompt() -> None:
    from promptmill.jobs.store import job_store

    job_store()


def invoke_bedrock() -> None:
    app = importlib.import_module("app")
    from promptmill.gateway import aws_client

    assemble_prompt()
    app.bedrock_provider()
    aws_client("bedrock-runtime", read_timeout_seconds=60, attempts=1)


def invoke_flux() -> None:
    app = importlib.import_module("app")
    from promptmill.artifacts.store import artifact_store
    from promptmill.gateway import aws_client

    assemble_prompt()
    artifact_store()
    app.flux_provider()
    aws_client("secretsmanager")


def enhance_by_rules() -> None:
    from promptmill.providers.rules import RulesProvider

    assemble_prompt()
    RulesProvider()


def replay_recorded() -> None:
    from promptmill.artifacts.store import artifact_store

    assemble_prompt()
    artifact_store()


def cancel_job() -> None:
    from promptmill.http import cancel_routes

    cancel_routes.cancel_api()
    cancel_routes.default_settlement()


def sweep_jobs() -> None:
    from promptmill.events.publish import event_bus
    from promptmill.jobs.gateway import generation_workflow
    from promptmill.jobs.settling.store import settling_store

    settling_store()
    generation_workflow()
    event_bus()


def fan_out_event() -> None:
    from promptmill.events.webhooks.deliveries.gateway import delivery_queue
    from promptmill.events.webhooks.deliveries.store import delivery_store
    from promptmill.events.webhooks.endpoints.store import endpoint_store

    endpoint_store()
    delivery_store()
    delivery_queue()


def deliver_webhook() -> None:
    from promptmill.events.webhooks.gateway import webhook_sender

    fan_out_event()
    webhook_sender()


def record_analytics() -> None:
    from promptmill.analytics.store import rollup_store

    rollup_store()


def read_analytics() -> None:
    from promptmill.http.analytics_routes import analytics_api

    analytics_api()
    record_analytics()


READY: dict[str, Any] = {
    ready.__name__: ready
    for ready in (
        floor,
        authorize_caller,
        submit_job,
        read_jobs,
        assemble_prompt,
        invoke_bedrock,
        invoke_flux,
        enhance_by_rules,
        replay_recorded,
        cancel_job,
        sweep_jobs,
        fan_out_event,
        deliver_webhook,
        record_analytics,
        read_analytics,
    )
}


def peak_kib() -> int:
    # Not getrusage where it can be avoided: its maximum counts the process this one was forked from.
    with contextlib.suppress(FileNotFoundError), pathlib.Path("/proc/self/status").open(encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


name = sys.argv[1]
began = time.perf_counter()
if name == "floor":
    import boto3  # noqa: F401
else:
    importlib.import_module("app")
imported_ms = (time.perf_counter() - began) * 1000
READY[name]()
ready_ms = (time.perf_counter() - began) * 1000

import contextlib  # noqa: E402
import json  # noqa: E402
import pathlib  # noqa: E402
import resource  # noqa: E402

print(json.dumps({"imported_ms": imported_ms, "ready_ms": ready_ms, "peak_kib": peak_kib()}))
