"""The events of the library."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from promptmill.clock import id_pattern
from promptmill.events.catalogue.model import Event, Metadata, Model, example_of_a_user
from promptmill.events.names import EventName

PromptId = Annotated[str, Field(pattern=id_pattern("prm"))]
TemplateId = Annotated[str, Field(pattern=id_pattern("tpl"))]


class PromptFacts(Model):
    prompt_id: PromptId


class PublicationFacts(Model):
    template_id: TemplateId
    version: Annotated[int, Field(ge=1, description="Can be used from now on.")]


class ForkFacts(Model):
    template_id: Annotated[TemplateId, Field(description="The new template.")]
    forked_from: Annotated[TemplateId, Field(description="The template it was made of.")]


_PROMPT = {"prompt_id": "prm_01KAHNM8T0X3B6F9H2K5N8Q1SV"}
_TEMPLATE_ID = "tpl_01KAHNM8T0T1V4X7Z0C3F6H9KN"


class PromptCreated(Event):
    """A prompt was put into the library."""

    metadata: Metadata
    data: PromptFacts

    name = EventName.PROMPT_CREATED
    example = example_of_a_user("evt_01KAHNM8T0A1C4E7G0J3M6P9RT", _PROMPT)


class PromptCopied(Event):
    """Somebody took a copy of a prompt."""

    metadata: Metadata
    data: PromptFacts

    name = EventName.PROMPT_COPIED
    example = example_of_a_user("evt_01KAHNM8T0B2D5F8H1K4N7Q0SV", _PROMPT)


class PromptStarred(Event):
    """Somebody starred a prompt."""

    metadata: Metadata
    data: PromptFacts

    name = EventName.PROMPT_STARRED
    example = example_of_a_user("evt_01KAHNM8T0C3E6G9J2M5P8R1TW", _PROMPT)


class PromptUnstarred(Event):
    """Somebody took their star of a prompt back."""

    metadata: Metadata
    data: PromptFacts

    name = EventName.PROMPT_UNSTARRED
    example = example_of_a_user("evt_01KAHNM8T0D4F7H0K3N6Q9S2VX", _PROMPT)


class TemplatePublished(Event):
    """A version of a template was published."""

    metadata: Metadata
    data: PublicationFacts

    name = EventName.TEMPLATE_PUBLISHED
    example = example_of_a_user("evt_01KAHNM8T0E5G8J1M4P7R0T3WY", {"template_id": _TEMPLATE_ID, "version": 3})


class TemplateForked(Event):
    """A template was made of another one."""

    metadata: Metadata
    data: ForkFacts

    name = EventName.TEMPLATE_FORKED
    example = example_of_a_user(
        "evt_01KAHNM8T0F6H9K2N5Q8S1V4XZ",
        {"template_id": "tpl_01KAHNM8T0V2X5Z8C1F4H7KAND", "forked_from": _TEMPLATE_ID},
    )
