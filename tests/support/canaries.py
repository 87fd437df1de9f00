"""Everything a caller can send, with a marker in each kind of text, sent through every operation and every ending."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.stack import ROOT
from promptmill.clock import random_hex
from tests.support.api import Api, new_address, token_of
from tests.support.credentials import owner_of, plant_user
from tests.support.stand_ins import Fault, Provider, StandIns

if TYPE_CHECKING:
    import httpx

    from local.stack import Stack

DOCUMENT = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
OPERATIONS = [(method.upper(), path) for path, operations in DOCUMENT["paths"].items() for method in operations]
# Answered by the function that has every other path, and by the gateway.
# After it there would be nothing left to search.
LEAVING = ("DELETE", "/v1/me")
UNKNOWN = [("GET", "/v1/{nothing}"), ("PUT", "/v1/jobs"), ("DELETE", "/v1/{nothing}")]
CANARIES = {
    name: f"{name}-canary-{random_hex(8)}"
    for name in (
        *("prompt", "image", "style", "negative", "metadata", "field", "broken-body"),
        *("path", "query", "header", "cookie", "idempotency-key", "event-id", "entity-tag", "subject", "webhook-url"),
    )
}
EMAIL = f"email-canary-{random_hex(8)}@example.com"
API_KEY = f"pm_live_{random_hex(24)}"
QUERY = {CANARIES["query"]: "1", "with": CANARIES["query"]}
HEADERS = {
    "content-type": "application/json",
    "idempotency-key": CANARIES["idempotency-key"],
    "cookie": f"session={CANARIES['cookie']}",
    "x-note": CANARIES["header"],
    "user-agent": CANARIES["header"],
    "prefer": f"wait={CANARIES['header']}",
    "traceparent": CANARIES["header"],
    "last-event-id": CANARIES["event-id"],
    "if-none-match": f'"{CANARIES["entity-tag"]}"',
}
UNUSABLE_BODIES = (
    json.dumps({"kind": CANARIES["field"], "prompt": CANARIES["prompt"] * 100, "model": CANARIES["field"]}),
    json.dumps({"kind": "image", "prompt": 1, "metadata": {"k": [CANARIES["metadata"]]}}),
    '{"broken": "' + CANARIES["broken-body"],
)


@dataclass(frozen=True)
class Ending:
    """A job, the faults its provider is told to have, and the status it must come to."""

    name: str
    status: str
    provider: Provider = "chat"
    faults: tuple[Fault, ...] = ()
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def prompt(self) -> str:
        canary = CANARIES["image" if self.provider == "flux" else "prompt"]
        return f"Tell {canary} how a job can end when it {self.name}."

    @property
    def body(self) -> dict[str, Any]:
        own: dict[str, Any] = {"kind": "enhance"}
        if self.provider == "flux":
            own = {"kind": "image", "width": 256, "height": 256, "style": CANARIES["style"]}
            own["negative_prompt"] = CANARIES["negative"]
        return {**own, "prompt": self.prompt, "metadata": {"tag": CANARIES["metadata"]}, **self.more}


QUOTED = json.dumps({"error": f"cannot draw {CANARIES['image']} without {CANARIES['negative']}"})
# A job, a prompt to wait for, a replay: each is one of some operation.
USABLE_BODIES = (
    json.dumps(Ending("is submitted in process", "succeeded").body),
    json.dumps({"prompt": Ending("is waited for in process", "succeeded").prompt}),
    json.dumps({"mode": "recorded"}),
)
# With a replay and a cancel, as many as one caller may start at once.
ENDINGS = (
    Ending("succeeds", "succeeded"),
    Ending("is streamed", "succeeded", more={"stream": True}),
    Ending("falls back", "succeeded", faults=({"status": 500, "repeat": 4}, {"truncate": True, "repeat": 4})),
    Ending("is malformed", "failed", faults=({"status": 400},)),
    Ending("is blocked", "rejected", faults=({"stop_reason": "guardrail_intervened"},)),
    Ending("is drawn", "succeeded", "flux"),
    Ending("is quoted in an error", "failed", "flux", ({"status": 400, "body": QUOTED},)),
    Ending("is cut off", "failed", "flux", ({"disconnect": True, "repeat": 8},)),
)


@dataclass(frozen=True)
class Sent:
    """What was sent, and what came of it.

    ``webhook`` is that of the owner of the jobs, with its secret. ``jobs`` are by how they ended. ``answers`` are those
    to requests that were no jobs, each with the markers that may be in it, since they are its own; ``of_strangers`` are
    those to somebody who asked for these jobs.
    """

    token: str
    bad_token: str
    webhook: dict[str, Any]
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: list[tuple[httpx.Response, set[str]]] = field(default_factory=list)
    of_strangers: list[httpx.Response] = field(default_factory=list)

    @property
    def credentials(self) -> dict[str, str]:
        """What nobody but their owner may have seen: of tokens the claims and the signatures."""
        _, claims, signature = self.token.split(".")
        return {"claims": claims, "signature": signature, "bad": self.bad_token.split(".")[2], "key": API_KEY}

    @property
    def webhook_secret(self) -> str:
        """What a JSON text has of it, whatever stands before it or is escaped in it."""
        return max(re.split(r"[/+=_]", self.webhook["secret"]), key=len)

    def found_in(self, text: str) -> list[str]:
        """The names of the markers in a text."""
        canaries = {**CANARIES, "email": EMAIL, "webhook-secret": self.webhook_secret, **self.credentials}
        return [name for name, canary in canaries.items() if canary in text]


def filled(path: str, place: str) -> str:
    """The path of an operation with every parameter replaced."""
    return "/".join(place if part.startswith("{") else part for part in path.split("/"))


def send_everything(stack: Stack) -> Sent:
    token = token_of(stack, CANARIES["subject"], email=EMAIL, email_verified=True, roles=["admins"])
    signed, _, signature = token.rpartition(".")
    with Api(stack, new_address(), token=token) as api, Api(stack, new_address()) as stranger:
        sent = Sent(token, f"{signed}.{signature[::-1]}", _webhook(api))
        stand_ins = StandIns(stack)
        for ending in ENDINGS:
            if ending.faults:
                stand_ins.script(ending.provider, ending.faults, match=ending.prompt)
            sent.jobs[ending.name] = _run(api, ending)
        stand_ins.close()
        _replay_and_cancel(api, sent)
        _ask_everything(api, sent)
        _ask_as_a_stranger(stranger, sent)
    return sent


def _webhook(api: Api) -> dict[str, Any]:
    """A webhook of the caller's own jobs, where nobody listens."""
    plant_user(api.stack, owner := owner_of(str(api.token)))
    asked = {"url": f"https://localhost:1/{CANARIES['webhook-url']}", "events": ["job.succeeded"], "owner": owner}
    answer = api.http.post("/v1/webhooks", json=asked)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    assert api.http.get(f"/v1/webhooks/{made['id']}").json()["url"] == asked["url"]
    return made


def _run(api: Api, ending: Ending) -> dict[str, Any]:
    """Submits the job twice under one key, and reads it in every way."""
    key = f"{CANARIES['idempotency-key']}-{ending.name.replace(' ', '-')}"
    for _ in range(2):
        answer = api.http.post("/v1/jobs", json=ending.body, headers={"idempotency-key": key, "x-note": "x"})
        assert answer.is_success, answer.text
    finished = api.finished(answer.json()["id"])
    for path in ("/events", "/execution"):
        assert api.http.get(f"/v1/jobs/{finished['id']}{path}").is_success
    return finished


def _replay_and_cancel(api: Api, sent: Sent) -> None:
    replayed = api.http.post(f"/v1/jobs/{sent.jobs['succeeds']['id']}/replay", json={"mode": "recorded"})
    assert replayed.is_success, replayed.text
    submitted = api.submit(**Ending("is canceled", "canceled").body)
    # It may have been faster.
    assert api.http.post(f"/v1/jobs/{submitted['id']}/cancel").status_code in {202, 409}
    sent.jobs["is replayed"] = api.finished(replayed.json()["id"])
    sent.jobs["is canceled"] = api.finished(submitted["id"])


def _ask_everything(api: Api, sent: Sent) -> None:
    """Sends the markers to every operation, with every credential, where they are good for nothing."""
    job_id = sent.jobs["succeeds"]["id"]
    for method, path in OPERATIONS + UNKNOWN:
        if (method, path) == LEAVING:
            continue
        for credential in (sent.token, sent.bad_token, API_KEY):
            for place in (job_id, CANARIES["path"]):
                for content in UNUSABLE_BODIES if method == "POST" else ("",):
                    answer = api.http.request(
                        method,
                        filled(path, place),
                        params=QUERY,
                        headers={**HEADERS, "authorization": f"Bearer {credential}"},
                        content=content,
                    )
                    # ``instance`` is the path, and who reads a job is given its texts.
                    own = {"prompt", "metadata"} if credential == sent.token and place == job_id else {"path"}
                    own |= {"email"} if credential == sent.token and path == "/v1/me" else set()
                    sent.answers.append((answer, own))


def _ask_as_a_stranger(stranger: Api, sent: Sent) -> None:
    job_id = sent.jobs["succeeds"]["id"]
    for method, path in OPERATIONS:
        if "{job_id}" in path:
            sent.of_strangers.append(stranger.http.request(method, filled(path, job_id), params={"with": job_id}))
    sent.of_strangers.append(stranger.http.get("/v1/jobs"))
