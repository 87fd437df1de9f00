"""The rule-based enhancer as a provider: the last candidate of ``enhance``, for it needs no model and costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptmill.errors import BrokenContractError
from promptmill.prompting.model import TextRequest
from promptmill.providers.interface import Answer, Usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.providers.catalog import Model
    from promptmill.providers.interface import ProviderRequest


class RulesProvider:
    """Answers only what ``meta_prompt.assemble_enhancement`` wrote; ``BrokenContractError`` for any other request."""

    def generate(
        self,
        model: Model,
        request: ProviderRequest,
        *,
        on_text: Callable[[str], None] | None = None,
        within_seconds: float | None = None,
    ) -> Answer:
        """The whole text in one piece, at once; no tokens are used."""
        del model, within_seconds
        # The rules are tables of patterns, which only this provider should pay for.
        from promptmill.prompting.enhance_by_rules import enhance_by_rules
        from promptmill.prompting.meta_prompt import read_user_prompt

        if not isinstance(request, TextRequest) or not request.messages:
            raise BrokenContractError("the rules enhance prompts only")
        try:
            enhancement = read_user_prompt(request.messages[-1].text)
        except ValueError:
            # Not chained: the message is the caller's text.
            raise BrokenContractError("the rules enhance prompts only") from None
        text = enhance_by_rules(enhancement).strip() or enhancement.prompt
        if on_text is not None:
            on_text(text)
        return Answer(usage=Usage(), text=text)
