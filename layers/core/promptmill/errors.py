"""Every error Promptmill raises on purpose, in three families, because a workflow does three things with an error.

    PromptmillError
    ├── Refused                      the business says no: branch
    │   ├── InvalidInput             the caller's request breaks a rule
    │   ├── InvalidHeader            a header breaks a rule (HTTP only)
    │   ├── InvalidParameter         a query parameter breaks a rule (HTTP only)
    │   ├── MalformedBody            the body is not a JSON object (HTTP only)
    │   ├── UnsupportedMediaType     the body is not said to be JSON (HTTP only)
    │   ├── BodyTooLarge             the body is over the limit (HTTP only)
    │   ├── Unauthenticated          nobody signed in, or not with a good token or key (HTTP only)
    │   ├── Forbidden                the caller's role or the key's scopes do not allow it (HTTP only)
    │   ├── ApiKeyNotFound           no such API key (HTTP only)
    │   ├── ApiKeyEnded              the API key was revoked or has expired (HTTP only)
    │   ├── SubjectNotFound          no such user or API key to limit (HTTP only)
    │   ├── WebhookNotFound          no such webhook
    │   ├── TooManyWebhooks          the owner of a new webhook has as many as there may be (HTTP only)
    │   ├── DeliveryNotFound         nothing of that id was sent, or is to be sent, to the webhook
    │   ├── JobNotFound              no such job, or not the caller's
    │   ├── JobSettled               the job already has a terminal status
    │   ├── NothingRecorded          the job has no provider's answer to replay (HTTP only)
    │   ├── NotRedrivable            the execution cannot go on from where it failed (operators only)
    │   ├── IdempotencyMismatch      the key was used with another request (HTTP only)
    │   ├── RequestInFlight          the same request is being accepted (HTTP only)
    │   ├── RateLimited              over the subject's rate or its jobs at a time
    │   ├── BudgetExhausted          over the subject's spending or images of the day
    │   ├── ReservationExhausted     the call could cost more than the job has left of its reservation
    │   ├── ContentBlocked           the provider's content filter refused
    │   └── DeadlinePassed           the job's own deadline is over
    ├── TransientError               try again: retry
    │   ├── StoreUnavailable         DynamoDB or S3 did not answer as it should
    │   ├── WorkflowUnavailable      Step Functions did not answer as it should
    │   ├── IssuerUnavailable        an issuer's keys cannot be had (authorizer only)
    │   ├── BusUnavailable           EventBridge did not take an event
    │   ├── QueueUnavailable         SQS did not take a message
    │   ├── ProviderThrottled        the provider is over its own rate
    │   ├── ProviderWarming          the model is being loaded
    │   ├── ProviderTimeout          no answer in time
    │   ├── ProviderError            the provider broke
    │   ├── ProviderUnavailable      the provider cannot be reached or is down
    │   ├── ProviderStreamBroken     the answer's stream ended early
    │   ├── ProviderAnswerBroken     the answer is not what the provider's contract says
    │   └── ProviderModelError       the model broke on this request
    └── BrokenContractError          a bug, or a set-up only a person can mend: stop
        ├── InvalidRequest           the provider refused our request as malformed
        ├── ProviderAccessDenied     the credentials may not use the model
        ├── ProviderQuota            the account's quota or spending limit is used up
        ├── ModelNotFound            the provider does not know the model
        ├── ModelUnpriced            the catalog has no price, so the call is refused, never billed as 0
        └── JobStateBroken           a stored job lacks what its status promises

Lambda reports an exception's class name to Step Functions, so the class names here are the names in ``ErrorEquals``:
a public contract, held by a test. The ``code`` of HTTP problems, jobs and events is the name in snake case.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class PromptmillError(Exception):
    """The root. ``detail`` is written for the caller: never provider text, a secret, or the caller's prompt."""

    code: ClassVar[str] = "promptmill_error"
    retryable: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.code = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()

    def __init__(self, detail: str = "") -> None:
        self.detail = detail or (self.__doc__ or "").strip()
        super().__init__(self.detail)


class Refused(PromptmillError):
    """The request was refused."""


class TransientError(PromptmillError):
    """Something did not work this time; trying again may help."""

    retryable = True


class BrokenContractError(PromptmillError):
    """Something is wrong that trying again will not mend."""


class InvalidInput(Refused):
    """The request is not valid."""

    def __init__(self, detail: str, errors: tuple[tuple[str, str], ...] = ()) -> None:
        """``errors`` are (JSON pointer, what is wrong) pairs."""
        super().__init__(detail)
        self.errors = errors


class InvalidHeader(Refused):
    """A request header is not valid."""


class InvalidParameter(Refused):
    """A query parameter is not valid."""


class MalformedBody(Refused):
    """The body must be a JSON object."""


class UnsupportedMediaType(Refused):
    """The body must be application/json."""


class BodyTooLarge(Refused):
    """The body is too large."""


class Unauthenticated(Refused):
    """Sign in, or send a valid token or key."""


class Forbidden(Refused):
    """The caller may not do this."""


class ApiKeyNotFound(Refused):
    """There is no such API key."""


class ApiKeyEnded(Refused):
    """The API key was revoked or has expired."""


class SubjectNotFound(Refused):
    """There is no such user or API key."""


class WebhookNotFound(Refused):
    """There is no such webhook."""


class TooManyWebhooks(Refused):
    """There are as many webhooks for these events as there may be."""


class DeliveryNotFound(Refused):
    """There is no such delivery to this webhook."""


class JobNotFound(Refused):
    """There is no such job."""


class JobSettled(Refused):
    """The job already has a terminal status."""


class NothingRecorded(Refused):
    """The job has no recorded answer of a provider."""


class NotRedrivable(Refused):
    """The execution cannot be redriven."""


class IdempotencyMismatch(Refused):
    """The Idempotency-Key was used with another request."""


class RequestInFlight(Refused):
    """The same request is being accepted right now."""

    retryable = True


class RateLimited(Refused):
    """Too many requests."""

    retryable = True

    def __init__(self, detail: str = "", *, retry_after_seconds: int = 1) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class BudgetExhausted(Refused):
    """What is left of the day's spending, or images, is less than the job may need."""


class ReservationExhausted(Refused):
    """What was reserved for the job is used up by calls that may have been billed."""

    retryable = True


class ContentBlocked(Refused):
    """The provider's content filter refused the prompt or the answer."""


class DeadlinePassed(Refused):
    """The job was not done by its deadline."""

    retryable = True


class StoreUnavailable(TransientError):
    """The store did not answer."""


class WorkflowUnavailable(TransientError):
    """The workflow did not answer."""


class IssuerUnavailable(TransientError):
    """The issuer of the token could not be asked for its keys."""


class BusUnavailable(TransientError):
    """The event could not be published."""

    def __init__(self, detail: str = "", *, unpublished: Sequence[dict[str, str]] = ()) -> None:
        """``unpublished`` are PutEvents entries, as the queue of parked events has them."""
        super().__init__(detail)
        self.unpublished = tuple(unpublished)


class QueueUnavailable(TransientError):
    """The message could not be queued."""


class ProviderThrottled(TransientError):
    """The provider is receiving too many requests."""


class ProviderWarming(TransientError):
    """The model is still being loaded."""


class ProviderTimeout(TransientError):
    """The provider did not answer in time."""


class ProviderError(TransientError):
    """The provider had an internal error."""


class ProviderUnavailable(TransientError):
    """The provider cannot be reached."""


class ProviderStreamBroken(TransientError):
    """The provider's answer ended before it was complete."""


class ProviderAnswerBroken(TransientError):
    """The provider's answer could not be read."""


class ProviderModelError(TransientError):
    """The model failed on this request."""


class InvalidRequest(BrokenContractError):
    """The provider refused the request as malformed."""


class ProviderAccessDenied(BrokenContractError):
    """The model may not be used with the configured credentials."""


class ProviderQuota(BrokenContractError):
    """The account's quota or spending limit at the provider is used up."""


class ModelNotFound(BrokenContractError):
    """The provider does not offer the model."""


class ModelUnpriced(BrokenContractError):
    """The catalog has no price for the model, so it is not called."""


class JobStateBroken(BrokenContractError):
    """The stored job lacks what its status promises."""


def error_classes() -> dict[str, type[PromptmillError]]:
    """Every class of the tree by name, the name being the one Step Functions sees."""
    found: dict[str, type[PromptmillError]] = {}
    pending: list[type[PromptmillError]] = [PromptmillError]
    while pending:
        cls = pending.pop()
        found[cls.__name__] = cls
        pending.extend(cls.__subclasses__())
    return found


def describe_code(code: str) -> tuple[str, bool]:
    """(detail for the caller, retryable) of a stored error code; an unknown code is an internal error."""
    for cls in error_classes().values():
        if cls.code == code:
            return (cls.__doc__ or "").strip(), cls.retryable
    return "The job could not be finished because of an internal error.", True
