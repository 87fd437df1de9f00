"""Which endpoint answers which request."""

import re
from dataclasses import dataclass

from local.providers.answers import Answer, Endpoint, Request, json_answer, plain_error
from local.providers.bedrock_gateway import BedrockGateway
from local.providers.calls import Calls
from local.providers.chat import ChatEndpoint
from local.providers.faults import Faults, read_script
from local.providers.images import ImageEndpoint
from local.providers.issuer import PATH as ISSUER_PATH
from local.providers.issuer import Issuer
from local.providers.llm import RealModel
from local.providers.ministack_bedrock import MiniStackBedrock
from local.providers.stand_in_model import StandInModel
from local.providers.tickets import Tickets

_CONVERSE = re.compile(r"/model/[^/]+/(converse|converse-stream)")


@dataclass(frozen=True, slots=True)
class Settings:
    """`bedrock_endpoint` is MiniStack's; with `llm_url` chat comes from that OpenAI-compatible endpoint."""

    bedrock_endpoint: str
    llm_url: str | None = None
    llm_model: str | None = None


class Routes:
    """The whole stand-in, free of sockets: a request in, an answer out. Safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        model = RealModel(settings.llm_url, settings.llm_model) if settings.llm_url else StandInModel()
        tickets = Tickets()
        self.calls = Calls()
        self.issuer = Issuer()
        self._faults = Faults()
        self._chat_stands_in = model.stand_in
        chat = ChatEndpoint(model, self._faults, tickets)
        gateway = BedrockGateway(MiniStackBedrock(settings.bedrock_endpoint), model, self._faults, tickets)
        images = ImageEndpoint(self._faults)
        self._images = images
        self._converse: dict[str, Endpoint] = {
            "converse": gateway.converse,
            "converse-stream": gateway.converse_stream,
        }
        self._endpoints: dict[str, dict[str, Endpoint]] = {
            "/v1/chat/completions": {"POST": chat.complete},
            "/behind-bedrock/v1/chat/completions": {"POST": chat.complete_behind_bedrock},
            "/v1/images/generations": {"POST": images.generate},
            "/_faults": {"GET": self._show_faults, "POST": self._add_faults, "DELETE": self._clear_faults},
            "/_calls": {"GET": self._show_calls, "DELETE": self._clear_calls},
            f"{ISSUER_PATH}/.well-known/jwks.json": {"GET": self.issuer.key_set},
            "/_tokens": {"POST": self.issuer.make_token},
            "/_issuer": {"GET": self.issuer.show, "POST": self.issuer.set_up},
            "/_health": {"GET": self._health},
        }

    def answer(self, request: Request) -> Answer:
        if call := _CONVERSE.fullmatch(request.path):
            methods: dict[str, Endpoint] = {"POST": self._converse[call[1]]}
        elif request.path.startswith("/_images/"):
            methods = {"GET": self._images.fetch}
        else:
            methods = self._endpoints.get(request.path, {})
        if not methods:
            return plain_error(404, "there is no such path")
        endpoint = methods.get(request.method)
        return endpoint(request) if endpoint else plain_error(405, f"this path answers {', '.join(methods)}")

    def is_stand_in(self, answer: Answer) -> bool:
        """Whether the answer came about without a model."""
        return self._chat_stands_in or answer.note is None or answer.note.provider != "chat"

    def _show_faults(self, _request: Request) -> Answer:
        return json_answer(self._faults.to_json())

    def _add_faults(self, request: Request) -> Answer:
        try:
            provider, script = read_script(request.json_object())
        except ValueError as error:
            return plain_error(400, str(error))
        self._faults.add(provider, script)
        return json_answer(self._faults.to_json())

    def _clear_faults(self, _request: Request) -> Answer:
        self._faults.clear()
        return json_answer(self._faults.to_json())

    def _show_calls(self, _request: Request) -> Answer:
        return json_answer(self.calls.to_json())

    def _clear_calls(self, _request: Request) -> Answer:
        self.calls.clear()
        return json_answer(self.calls.to_json())

    def _health(self, _request: Request) -> Answer:
        """`stand_in` speaks of chat; images are always drawn here."""
        return json_answer({"status": "ok", "stand_in": self._chat_stands_in})
