"""MiniStack's Bedrock Runtime, asked with the caller's own signature."""

import http.client
from dataclasses import dataclass
from urllib.parse import urlsplit

from local.providers.answers import Answer, Request
from local.providers.bedrock_errors import ModelFailureError

# Belong to one connection, not to the message. https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1
_HOP_HEADERS = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect"})
_SERVER_HEADERS = _HOP_HEADERS | {"content-length", "date", "server"}


@dataclass(frozen=True, slots=True)
class MiniStackBedrock:
    endpoint: str
    timeout_seconds: float = 60.0

    def send(self, request: Request) -> Answer:
        """Send the request on as signed: same method, path bytes, body and headers, Host included.

        Raises:
            ModelFailureError: MiniStack did not answer.

        """
        target = urlsplit(self.endpoint)
        connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=self.timeout_seconds)
        try:
            # The signature covers Host and the escaped path: a client that sets or normalizes either would break it.
            connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.items():
                if name not in _HOP_HEADERS:
                    connection.putheader(name, value.encode("latin-1"))
            connection.endheaders(request.body)
            response = connection.getresponse()
            headers = {name: value for name, value in response.getheaders() if name.lower() not in _SERVER_HEADERS}
            return Answer(response.status, headers, response.read())
        except (OSError, http.client.HTTPException) as error:
            name = type(error).__name__
            raise ModelFailureError("ServiceUnavailableException", f"MiniStack did not answer: {name}") from None
        finally:
            connection.close()
