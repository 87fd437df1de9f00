"""As much of MiniStack's Bedrock Runtime as the gateway meets: it asks the chat endpoint, or makes its reply up."""

import json
import re
import urllib.request
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.error import URLError
from urllib.parse import unquote

from local.providers.event_stream import event_frame
from tests.unit.local_providers.serving import in_background

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class Behaviour:
    proxy_url: str = ""
    answer_instead: tuple[int, dict[str, Any]] | None = None
    blocks_input: bool = False
    seen: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


class FakeMiniStack(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behaviour = Behaviour()
        self._serving = in_background(self)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Self:
        self._serving.__enter__()
        return self

    def __exit__(self, *reason: object) -> None:
        self._serving.__exit__(None, None, None)


class _Handler(BaseHTTPRequestHandler):
    server: FakeMiniStack

    def do_POST(self) -> None:
        behaviour = self.server.behaviour
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        behaviour.seen.append(
            (self.path, {name.lower(): ", ".join(self.headers.get_all(name, [])) for name in self.headers}, raw)
        )
        if behaviour.answer_instead:
            status, content = behaviour.answer_instead
            self._send(status, "application/json", json.dumps(content).encode())
            return
        content = json.loads(raw)
        model = unquote(re.split("/", self.path)[2])
        stop_reason, text = "end_turn", "[ministack mock]"
        if behaviour.blocks_input:
            stop_reason, text = "guardrail_intervened", "Blocked by guardrail."
        else:
            text = _ask(behaviour.proxy_url, model, content) or text
        if self.path.endswith("converse"):
            body = {
                "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
                "stopReason": stop_reason,
                "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
                "metrics": {"latencyMs": 1},
            }
            self._send(200, "application/json", json.dumps(body).encode())
        else:
            deltas = [text[start : start + 9] for start in range(0, len(text), 9)]
            frames = [event_frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": d}}) for d in deltas]
            frames.append(event_frame("messageStop", {"stopReason": stop_reason}))
            self._send(200, "application/vnd.amazon.eventstream", b"".join(frames))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def _send(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _ask(proxy_url: str, model: str, content: dict[str, Any]) -> str | None:
    """Translate and ask as MiniStack does: any failure at all is None, and becomes a made-up reply."""
    messages = [{"role": "system", "content": block["text"]} for block in content.get("system", [])]
    for message in content.get("messages", []):
        text = "\n".join(block["text"] for block in message["content"] if "text" in block)
        messages.append({"role": message["role"], "content": text})
    payload: dict[str, Any] = {"model": model, "messages": messages, "stream": False}
    if "maxTokens" in content.get("inferenceConfig", {}):
        payload["max_tokens"] = content["inferenceConfig"]["maxTokens"]
    request = urllib.request.Request(
        f"{proxy_url}/v1/chat/completions", json.dumps(payload).encode(), {"Content-Type": "application/json"}
    )
    try:
        with DIRECT.open(request, timeout=10) as response:
            return str(json.load(response)["choices"][0]["message"]["content"])
    except (URLError, OSError, ValueError):
        return None
