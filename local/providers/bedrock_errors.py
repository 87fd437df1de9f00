"""The errors Bedrock Runtime puts on the wire, by class name and by HTTP status."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class BedrockError:
    name: str
    status: int


_BY_NAME = {
    error.name: error
    for error in (
        BedrockError("ThrottlingException", 429),
        BedrockError("ModelNotReadyException", 429),
        BedrockError("ModelTimeoutException", 408),
        BedrockError("InternalServerException", 500),
        BedrockError("ServiceUnavailableException", 503),
        BedrockError("ModelStreamErrorException", 424),
        BedrockError("ModelErrorException", 424),
        BedrockError("ValidationException", 400),
        BedrockError("ServiceQuotaExceededException", 400),
        BedrockError("AccessDeniedException", 403),
        BedrockError("ResourceNotFoundException", 404),
    )
}

BY_STATUS: Mapping[int, BedrockError] = MappingProxyType(
    {
        status: _BY_NAME[name]
        for status, name in (
            (400, "ValidationException"),
            (403, "AccessDeniedException"),
            (404, "ResourceNotFoundException"),
            (408, "ModelTimeoutException"),
            (424, "ModelErrorException"),
            (429, "ThrottlingException"),
            (500, "InternalServerException"),
            (503, "ServiceUnavailableException"),
        )
    }
)

# The exception members of ConverseStreamOutput: the only ones a stream that has begun can carry.
IN_STREAM = frozenset(
    {
        "internalServerException",
        "modelStreamErrorException",
        "serviceUnavailableException",
        "throttlingException",
        "validationException",
    }
)

ERROR_NAMES = frozenset(_BY_NAME) | IN_STREAM


def error_named(name: str) -> BedrockError:
    """Look up a class name, or of an in-stream member name (`throttlingException`)."""
    return _BY_NAME[name[0].upper() + name[1:]]


class ModelFailureError(Exception):
    """The model, or the way to it, failed; `error` says as which Bedrock error the caller sees it."""

    def __init__(self, error_name: str, message: str) -> None:
        super().__init__(message)
        self.error = error_named(error_name)
        self.message = message
