"""Which scripted fault a chat call meets, the same for the chat endpoint and for the Bedrock gateway."""

import time

from local.providers.bedrock_errors import BY_STATUS, BedrockError, error_named
from local.providers.completion import ChatRequest
from local.providers.faults import Fault, Faults
from local.providers.stand_in_model import enhancement_request


def next_chat_fault(faults: Faults, chat: ChatRequest) -> Fault:
    """Consume the entry for this call and sit out its delay.

    `match` is held against the newest user message and against the prompt inside it, which Promptmill escapes.
    """
    fault = faults.take("chat", chat.prompt, enhancement_request(chat.prompt).prompt)
    if fault.delay_ms:
        time.sleep(fault.delay_ms / 1000)
    return fault


def scripted_error(fault: Fault) -> BedrockError | None:
    if fault.error:
        return error_named(fault.error)
    return BY_STATUS[fault.status] if fault.status else None
