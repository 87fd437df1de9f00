"""How each tone is asked for in a prompt: in a sentence, in an image prompt, and in the language of the prompt."""

import re
from collections.abc import Mapping

from promptmill.prompting.language import ENGLISH
from promptmill.prompting.model import Tone
from promptmill.prompting.task_type import TaskType

_MANNER: Mapping[Tone, str] = {
    Tone.PROFESSIONAL: "professional: clear, courteous and free of slang",
    Tone.CASUAL: "casual, as if talking to a friend",
    Tone.ACADEMIC: "academic: precise terms, measured claims, sources where they matter",
    Tone.CREATIVE: "creative: vivid, surprising and free of stock phrases",
    Tone.TECHNICAL: "technical: exact terms, concrete figures, no filler",
}

_WHAT_HAS_THE_TONE: Mapping[TaskType, str] = {
    TaskType.POETRY: "voice",
    TaskType.CREATIVE: "voice",
    TaskType.CODE: "tone of comments and explanations",
    TaskType.APP: "tone of the write-up",
    TaskType.WEB: "tone of the copy",
}

LOOK: Mapping[Tone, str] = {
    Tone.PROFESSIONAL: "polished commercial look",
    Tone.CASUAL: "relaxed, candid mood",
    Tone.ACADEMIC: "restrained documentary look",
    Tone.CREATIVE: "imaginative, dreamlike mood",
    Tone.TECHNICAL: "precise, diagram-like look",
}

_IN_OTHER_LANGUAGES: Mapping[str, Mapping[Tone, str]] = {
    "de": {
        Tone.PROFESSIONAL: "Halte den Ton professionell und sachlich.",
        Tone.CASUAL: "Halte den Ton locker, wie im Gespräch unter Freunden.",
        Tone.ACADEMIC: "Halte den Ton wissenschaftlich, mit genauen Begriffen und Belegen.",
        Tone.CREATIVE: "Halte den Ton kreativ und bildhaft.",
        Tone.TECHNICAL: "Halte den Ton technisch, mit genauen Begriffen und Zahlen.",
    },
    "fr": {
        Tone.PROFESSIONAL: "Adopte un ton professionnel, clair et courtois.",
        Tone.CASUAL: "Adopte un ton décontracté, comme entre amis.",
        Tone.ACADEMIC: "Adopte un ton universitaire, avec des termes précis et des sources.",
        Tone.CREATIVE: "Adopte un ton créatif et imagé.",
        Tone.TECHNICAL: "Adopte un ton technique, avec des termes exacts et des chiffres.",
    },
    "es": {
        Tone.PROFESSIONAL: "Usa un tono profesional, claro y cortés.",
        Tone.CASUAL: "Usa un tono informal, como entre amigos.",
        Tone.ACADEMIC: "Usa un tono académico, con términos precisos y fuentes.",
        Tone.CREATIVE: "Usa un tono creativo y lleno de imágenes.",
        Tone.TECHNICAL: "Usa un tono técnico, con términos exactos y cifras.",
    },
}


def tone_sentence(tone: Tone | None, task: TaskType, text: str, language: str) -> str | None:
    """Ask for the tone in the language of the text, in English where no sentence is listed.

    None when no tone is wanted or the text settles its tone itself.
    """
    if tone is None or re.search(rf"(?i)\b(?:{tone.value}|tone|voice)\b", text):
        return None
    if language != ENGLISH:
        sentence = _IN_OTHER_LANGUAGES.get(language, {}).get(tone, f"Tone: {tone.value}.")
        return None if sentence in text else sentence
    return f"Keep the {_WHAT_HAS_THE_TONE.get(task, 'tone')} {_MANNER[tone]}."
