"""Says who is calling. Both authorizers of the API are this function."""

from typing import Any

from promptmill.errors import Unauthenticated
from promptmill.identity.authorizer import Authorizer, answer
from promptmill.identity.default import default_authorizer


def lambda_handler(event: dict[str, Any], context: object, *, authorizer: Authorizer | None = None) -> dict[str, Any]:
    try:
        return answer((authorizer or default_authorizer()).caller(event), event["methodArn"])
    except Unauthenticated:
        # The one message API Gateway answers with 401:
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
        raise Exception("Unauthorized") from None  # noqa: TRY002
