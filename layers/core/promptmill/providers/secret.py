"""The image provider's key, from Secrets Manager."""

from __future__ import annotations

from promptmill.clock import monotonic_ms
from promptmill.errors import ProviderAccessDenied, StoreUnavailable
from promptmill.gateway import aws_client, error_code
from promptmill.settings import settings

_KEEP_MS = 5 * 60 * 1000
_kept: dict[str, tuple[int, str]] = {}


def together_key() -> str:
    """The key, read at most every five minutes, so that a new one is taken up without a deployment.

    Raises ``ProviderAccessDenied`` when none was set, ``StoreUnavailable`` when Secrets Manager does not answer.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    (arn,) = settings().require("together_secret_arn")
    read_ms, key = _kept.get(arn, (0, ""))
    if key and monotonic_ms() - read_ms < _KEEP_MS:
        return key
    try:
        key = str(aws_client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]).strip()
    except ClientError as error:
        if error_code(error) in {"ResourceNotFoundException", "AccessDeniedException"}:
            raise ProviderAccessDenied("The image provider's key is not set.") from error
        raise StoreUnavailable(f"Secrets Manager answered {error_code(error)}") from error
    except BotoCoreError as error:
        raise StoreUnavailable(f"Secrets Manager did not answer: {type(error).__name__}") from error
    if not key:
        raise ProviderAccessDenied("The image provider's key is not set.")
    _kept[arn] = (monotonic_ms(), key)
    return key
