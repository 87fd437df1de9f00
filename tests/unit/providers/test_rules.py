from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptmill.errors import BrokenContractError
from promptmill.prompting.enhance_by_rules import enhance_by_rules
from promptmill.prompting.meta_prompt import assemble_enhancement
from promptmill.prompting.model import EnhancementRequest, Length, TextRequest, Tone
from promptmill.providers.cost import cost_usd
from promptmill.providers.interface import Answer, ImageRequest, Provider, Usage
from promptmill.providers.rules import RulesProvider
from tests.unit.providers.builders import a_rules_model, a_text_request, an_image_request

ENHANCEMENT = EnhancementRequest("write a poem about rain", tone=Tone.CREATIVE, length=Length.CONCISE, language="de")


def test_the_answer_is_what_the_rules_make_of_the_prompt_in_one_piece() -> None:
    provider: Provider = RulesProvider()
    pieces: list[str] = []
    answer = provider.generate(a_rules_model(), assemble_enhancement(ENHANCEMENT), on_text=pieces.append)
    assert answer == Answer(usage=Usage(), text=enhance_by_rules(ENHANCEMENT))
    assert pieces == [answer.text]


def test_an_answer_of_the_rules_costs_nothing() -> None:
    answer = RulesProvider().generate(a_rules_model(), assemble_enhancement(ENHANCEMENT))
    assert cost_usd(a_rules_model(), answer.usage) == 0


@given(st.text(min_size=10, max_size=200).filter(str.strip))
def test_every_prompt_has_an_answer_with_text(prompt: str) -> None:
    answer = RulesProvider().generate(a_rules_model(), assemble_enhancement(EnhancementRequest(prompt)))
    assert answer.text
    assert answer.text.strip()


@pytest.mark.parametrize("request_", [a_text_request("canary, just chatting"), an_image_request()])
def test_the_rules_refuse_anything_but_an_enhancement(request_: TextRequest | ImageRequest) -> None:
    with pytest.raises(BrokenContractError) as caught:
        RulesProvider().generate(a_rules_model(), request_)
    assert "canary" not in str(caught.value)
