"""The image provider's key, from Secrets Manager."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from promptmill.clock import monotonic_ms
from promptmill.errors import ProviderAccessDenied, StoreUnavailable
from promptmill.gateway import aws_client, error_code
from promptmill.settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable

KEEP_MS = 5 * 60 * 1000


class SecretKey:
    """A key, read at most every five minutes, so that a new one is taken up without a deployment."""

    def __init__(self, secret_arn: str, client: Any, *, clock: Callable[[], int] = monotonic_ms) -> None:
        self._secret_arn = secret_arn
        self._client = client
        self._clock = clock
        self._kept: tuple[int, str] | None = None

    def read(self) -> str:
        """The key. Raises ``ProviderAccessDenied`` when none was set, ``StoreUnavailable`` when it cannot be read."""
        now_ms = self._clock()
        if self._kept is None or now_ms - self._kept[0] >= KEEP_MS:
            self._kept = (now_ms, self._fetch())
        return self._kept[1]

    def _fetch(self) -> str:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.get_secret_value(SecretId=self._secret_arn)
        except ClientError as error:
            if error_code(error) in {"ResourceNotFoundException", "AccessDeniedException"}:
                raise ProviderAccessDenied("The image provider's key is not set.") from error
            raise StoreUnavailable(f"Secrets Manager answered {error_code(error)}") from error
        except BotoCoreError as error:
            raise StoreUnavailable(f"Secrets Manager did not answer: {type(error).__name__}") from error
        key = str(answer.get("SecretString", "")).strip()
        if not key:
            raise ProviderAccessDenied("The image provider's key is not set.")
        return key


@cache
def _together_key() -> SecretKey:
    (arn,) = settings().require("together_secret_arn")
    return SecretKey(arn, aws_client("secretsmanager"))


def together_key() -> str:
    """Together's key, in this process's keeping; raises as ``SecretKey.read``."""
    return _together_key().read()
