"""The error tree is a public contract: Step Functions matches the class names, callers match the codes."""

from __future__ import annotations

import ast
import inspect
import re

import pytest

from promptmill import errors
from promptmill.errors import PromptmillError, describe_code, error_classes

# Frozen: a name or a code that changes here breaks definitions, subscribers and clients that are out there.
PUBLIC = {
    "PromptmillError": ("", "promptmill_error", False),
    "Refused": ("PromptmillError", "refused", False),
    "InvalidInput": ("Refused", "invalid_input", False),
    "IdempotencyMismatch": ("Refused", "idempotency_mismatch", False),
    "RequestInFlight": ("Refused", "request_in_flight", True),
    "InvalidParameter": ("Refused", "invalid_parameter", False),
    "NothingRecorded": ("Refused", "nothing_recorded", False),
    "NotRedrivable": ("Refused", "not_redrivable", False),
    "BusUnavailable": ("TransientError", "bus_unavailable", True),
    "QueueUnavailable": ("TransientError", "queue_unavailable", True),
    "InvalidHeader": ("Refused", "invalid_header", False),
    "MalformedBody": ("Refused", "malformed_body", False),
    "UnsupportedMediaType": ("Refused", "unsupported_media_type", False),
    "BodyTooLarge": ("Refused", "body_too_large", False),
    "ApiKeyNotFound": ("Refused", "api_key_not_found", False),
    "ApiKeyEnded": ("Refused", "api_key_ended", False),
    "SubjectNotFound": ("Refused", "subject_not_found", False),
    "WebhookNotFound": ("Refused", "webhook_not_found", False),
    "DeliveryNotFound": ("Refused", "delivery_not_found", False),
    "TooManyWebhooks": ("Refused", "too_many_webhooks", False),
    "JobNotFound": ("Refused", "job_not_found", False),
    "JobSettled": ("Refused", "job_settled", False),
    "RateLimited": ("Refused", "rate_limited", True),
    "BudgetExhausted": ("Refused", "budget_exhausted", False),
    "ReservationExhausted": ("Refused", "reservation_exhausted", True),
    "Unauthenticated": ("Refused", "unauthenticated", False),
    "Forbidden": ("Refused", "forbidden", False),
    "IssuerUnavailable": ("TransientError", "issuer_unavailable", True),
    "ContentBlocked": ("Refused", "content_blocked", False),
    "DeadlinePassed": ("Refused", "deadline_passed", True),
    "TransientError": ("PromptmillError", "transient_error", True),
    "StoreUnavailable": ("TransientError", "store_unavailable", True),
    "WorkflowUnavailable": ("TransientError", "workflow_unavailable", True),
    "ProviderThrottled": ("TransientError", "provider_throttled", True),
    "ProviderWarming": ("TransientError", "provider_warming", True),
    "ProviderTimeout": ("TransientError", "provider_timeout", True),
    "ProviderError": ("TransientError", "provider_error", True),
    "ProviderUnavailable": ("TransientError", "provider_unavailable", True),
    "ProviderStreamBroken": ("TransientError", "provider_stream_broken", True),
    "ProviderAnswerBroken": ("TransientError", "provider_answer_broken", True),
    "ProviderModelError": ("TransientError", "provider_model_error", True),
    "BrokenContractError": ("PromptmillError", "broken_contract_error", False),
    "InvalidRequest": ("BrokenContractError", "invalid_request", False),
    "ProviderAccessDenied": ("BrokenContractError", "provider_access_denied", False),
    "ProviderQuota": ("BrokenContractError", "provider_quota", False),
    "ModelNotFound": ("BrokenContractError", "model_not_found", False),
    "ModelUnpriced": ("BrokenContractError", "model_unpriced", False),
    "JobStateBroken": ("BrokenContractError", "job_state_broken", False),
}


def drawn_tree() -> dict[str, str]:
    """Class → base, as the module's docstring draws it: the depth of a name is its column."""
    bases: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^ {4}((?:[│├└─ ] *)*)([A-Z]\w+)(?: |$)", line)
        if found is None:
            continue
        column, name = len(found[1]), found[2]
        while path and path[-1][0] >= column:
            path.pop()
        bases[name] = path[-1][1] if path else ""
        path.append((column, name))
    return bases


def base_of(cls: type[PromptmillError]) -> str:
    return "" if cls is PromptmillError else cls.__bases__[0].__name__


def test_the_tree_in_the_docstring_is_the_real_one() -> None:
    assert drawn_tree() == {name: base_of(cls) for name, cls in error_classes().items()}


def test_names_families_codes_and_retryability_are_those_that_were_published() -> None:
    real = {name: (base_of(cls), cls.code, cls.retryable) for name, cls in error_classes().items()}
    assert real == PUBLIC


def test_the_tree_knows_every_class_the_module_defines() -> None:
    defined = {node.name for node in ast.parse(inspect.getsource(errors)).body if isinstance(node, ast.ClassDef)}
    assert set(error_classes()) == defined


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_class_says_what_happened_in_one_sentence_for_people(name: str) -> None:
    cls = error_classes()[name]
    if cls is not PromptmillError:
        assert re.fullmatch(r"[A-Z][^\n]*\.", cls.__doc__ or "")


@pytest.mark.parametrize("name", sorted(set(PUBLIC) - {"InvalidInput"}))
def test_an_error_raised_without_words_says_what_its_class_says(name: str) -> None:
    cls = error_classes()[name]
    assert str(cls()) == cls().detail == (cls.__doc__ or "").strip()
    assert cls("other words").detail == "other words"


def test_an_invalid_input_names_its_findings() -> None:
    error = errors.InvalidInput("not valid", errors=(("/prompt", "too short"),))
    assert (error.detail, error.errors) == ("not valid", (("/prompt", "too short"),))


def test_a_rate_limit_says_when_to_come_back() -> None:
    assert errors.RateLimited(retry_after_seconds=7).retry_after_seconds == 7
    assert errors.RateLimited().retry_after_seconds == 1


@pytest.mark.parametrize("name", sorted(set(PUBLIC) - {"PromptmillError"}))
def test_a_stored_code_is_described_as_its_class_is(name: str) -> None:
    cls = error_classes()[name]
    assert describe_code(cls.code) == ((cls.__doc__ or "").strip(), cls.retryable)


@pytest.mark.parametrize("code", ["internal_error", "", "no_such_code", "Refused", "ProviderError"])
def test_a_code_nobody_knows_is_an_internal_error_that_may_be_tried_again(code: str) -> None:
    assert describe_code(code) == ("The job could not be finished because of an internal error.", True)


def test_no_two_errors_share_a_code() -> None:
    assert len({cls.code for cls in error_classes().values()}) == len(error_classes())
