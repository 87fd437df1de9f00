"""A running stand-in with what a test needs to talk to it."""

from contextlib import closing
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, cast

import botocore.session
import httpx
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.unit.local_providers.fake_ministack import Behaviour

HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"


@dataclass
class Stack:
    port: int
    http: httpx.Client
    ministack: Behaviour

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @cached_property
    def bedrock(self) -> Any:
        return bedrock_client(self.url)

    def close(self) -> None:
        self.http.close()
        if "bedrock" in vars(self):
            self.bedrock.close()

    def script(self, provider: str, *entries: dict[str, Any]) -> None:
        self.http.post("/_faults", json={"provider": provider, "script": entries}).raise_for_status()

    def chat(self, prompt: str, **fields: Any) -> httpx.Response:
        body = {"model": "m", "messages": [{"role": "user", "content": prompt}], **fields}
        return self.http.post("/v1/chat/completions", json=body)

    def draw(self, **fields: Any) -> httpx.Response:
        body = {"model": "flux", "prompt": "a hill", "width": 256, "height": 256, **fields}
        return self.http.post("/v1/images/generations", json=body, headers={"Authorization": "Bearer any"})

    def converse(self, prompt: str, **fields: Any) -> Any:
        return self.bedrock.converse(**converse_input(prompt), **fields)

    def converse_stream(self, prompt: str) -> tuple[Any, list[Any]]:
        """Give the whole answer: its metadata and its events."""
        answer = self.bedrock.converse_stream(**converse_input(prompt))
        with closing(answer["stream"]) as stream:
            return answer, list(stream)

    def broken_stream(self, prompt: str, failure: type[Exception]) -> tuple[list[Any], Exception]:
        """Give the events of a stream up to its failure, and the failure."""
        events: list[Any] = []
        with closing(self.bedrock.converse_stream(**converse_input(prompt))["stream"]) as stream:
            try:
                for event in stream:
                    events.append(event)  # noqa: PERF402 - what came before the failure is wanted
            except failure as error:
                return events, error
        raise AssertionError("the stream did not fail")


def bedrock_client(url: str) -> Any:
    return _session().create_client(
        "bedrock-runtime",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


def converse_input(prompt: str) -> dict[str, Any]:
    return {"modelId": HAIKU, "messages": [{"role": "user", "content": [{"text": prompt}]}]}


def text_of(events: list[Any]) -> str:
    return "".join(event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event)


def wire_error(error: ClientError) -> tuple[str, int]:
    response = cast("dict[str, Any]", error.response)
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def loopback_client(url: str) -> httpx.Client:
    # verify=False: loading the certificates takes longer than most of these tests, and there is no TLS here.
    return httpx.Client(base_url=url, trust_env=False, verify=False, timeout=10)


@cache
def _session() -> Any:
    return botocore.session.get_session()
