"""The shapes `promptmill.prompting` takes and gives. Text is Unicode; counts of output are model tokens."""

import re
from dataclasses import dataclass
from enum import StrEnum

from promptmill.prompting.task_type import TaskType


class Tone(StrEnum):
    PROFESSIONAL = "professional"
    CASUAL = "casual"
    ACADEMIC = "academic"
    CREATIVE = "creative"
    TECHNICAL = "technical"


class Length(StrEnum):
    """How long the enhanced prompt is to be; the answer to that prompt is not meant."""

    CONCISE = "concise"
    BALANCED = "balanced"
    DETAILED = "detailed"


@dataclass(frozen=True, slots=True)
class EnhancementRequest:
    """What a job of kind `enhance` asks for. `None` means: as the text has it.

    Raises ValueError when the prompt is blank or `language` has not the shape of a BCP 47 tag: the tag is written
    outside the delimiters of the user's text, so nothing else may pass through it.
    """

    prompt: str
    tone: Tone | None = None
    length: Length | None = None
    language: str | None = None

    def __post_init__(self) -> None:
        if not self.prompt.strip():
            raise ValueError("prompt is blank")
        if self.language is not None and not re.fullmatch(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,8}", self.language):
            raise ValueError("language is not a BCP 47 tag")


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation; `role` is `user` or `assistant`, as Bedrock Converse names them."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class TextRequest:
    """What a text provider is sent. `system` is ours alone and the same for every request of a `prompt_version`."""

    system: str
    messages: tuple[Message, ...]
    max_output_tokens: int
    temperature: float
    prompt_version: str
    task_type: TaskType


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """What an image provider is sent: `n` images, their size in pixels.

    `seed` is fixed per job, so that a second call draws the same.
    """

    prompt: str
    width: int
    height: int
    steps: int
    n: int
    seed: int
    negative_prompt: str | None = None


ProviderRequest = TextRequest | ImageRequest
