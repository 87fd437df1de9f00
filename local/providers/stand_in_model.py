"""The model that is none: it answers with what the product's own rules make of the prompt."""

from local.providers.completion import ChatRequest, Completion, completion_of
from promptmill.prompting.enhance_by_rules import enhance_by_rules
from promptmill.prompting.meta_prompt import read_user_prompt
from promptmill.prompting.model import EnhancementRequest


class StandInModel:
    """The same request always gets the same text."""

    stand_in = True

    def complete(self, request: ChatRequest) -> Completion:
        text = enhance_by_rules(enhancement_request(request.prompt))
        return completion_of(text, input_tokens=request.input_tokens, max_tokens=request.max_tokens)


def enhancement_request(user_message: str) -> EnhancementRequest:
    """Read what the message asks for; any text that Promptmill did not assemble is itself the prompt."""
    try:
        return read_user_prompt(user_message)
    except ValueError:
        return EnhancementRequest(prompt=user_message)
