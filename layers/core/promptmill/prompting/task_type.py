"""What kind of thing a prompt asks for, by weighted cues. Deterministic, no model."""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from itertools import groupby
from typing import NamedTuple

from promptmill.prompting.sentences import split_sentences, strip_lead
from promptmill.prompting.task_cues import CUES, OPENINGS, REQUEST_WORDS, SUBJECT_WORDS

_LONGEST_PHRASE_WORDS = 4
_OPENING_WORDS = 7
_REACH_OF_A_REQUEST_WORDS = 7
_MEANT = 2.0
_LATER_SENTENCE = 0.6
_EVIDENCE = 4.0


class TaskType(StrEnum):
    POETRY = "poetry"
    CODE = "code"
    APP = "app"
    WEB = "web"
    CREATIVE = "creative"
    CONTENT = "content"
    EXPLANATION = "explanation"
    IMAGE = "image"
    GENERAL = "general"


class _Cue(NamedTuple):
    task: str
    weight: float


def detect_task_type(prompt: str) -> TaskType:
    """Give the task type whose cues weigh most; `general` when no cue weighs enough, and for any text without words.

    A cue in the opening words, or soon after a word that asks for something, counts twice, but not one that only says
    what the thing is about; each cue counts once.
    Fenced code and headings speak only for themselves: a fence is evidence of code, a heading of nothing.
    """
    scores = dict.fromkeys((task.value for task in TaskType), 0.0)
    prose, fences = re.subn(r"```.*?(?:```|\Z)", " ", prompt, flags=re.DOTALL)
    if fences:
        scores["code"] += 5
    if re.search(r"(?:^|\s)--(?:ar|v|stylize|niji)\b", prose) or prose.lstrip().startswith("/imagine"):
        scores["image"] += 12
    for cue, factor in _weighed_cues(prose):
        scores[cue.task] += cue.weight * factor
    best = max(TaskType, key=lambda task: scores[task.value])
    return best if scores[best.value] >= _EVIDENCE else TaskType.GENERAL


def opening_cue(text: str, task: TaskType) -> str | None:
    """Give the cue of `task` that begins within the first three words of the text, as it stands there."""
    words = _words(text)
    for index in range(min(3, len(words))):
        found = _longest_phrase(words, index, _cues())
        if found is not None:
            return " ".join(words[index : index + found[1]]) if _cues()[found[0]].task == task.value else None
    return None


def _weighed_cues(prose: str) -> Iterator[tuple[_Cue, float]]:
    seen: set[str] = set()
    for position, sentence in enumerate(_request_sentences(prose)):
        words = _words(strip_lead(sentence))
        opening = _longest_phrase(words, 0, _opening_cues())
        if opening is not None:
            yield _opening_cues()[opening[0]], _MEANT if position == 0 else _LATER_SENTENCE
        asked_until = _OPENING_WORDS if position == 0 else -1
        index = 0
        while index < len(words):
            found = _longest_phrase(words, index, _cues())
            if found is not None and found[0] not in seen:
                seen.add(found[0])
                yield _cues()[found[0]], _MEANT if index < asked_until else 1.0
            if words[index] in REQUEST_WORDS:
                asked_until = max(asked_until, index + _REACH_OF_A_REQUEST_WORDS)
            elif words[index] in SUBJECT_WORDS:
                asked_until = index
            index += found[1] if found else 1


def _request_sentences(prose: str) -> list[str]:
    """Give the sentences without headings, with sentences that only cast a role ("You are a poet.") moved last."""
    lines = [line for line in prose.splitlines() if not re.match(r"\s*(?:#{1,6}\s|[A-Z][\w /]{1,40}:\s*$)", line)]
    sentences = [sentence for line in lines for sentence in split_sentences(line)]
    return sorted(sentences, key=lambda sentence: bool(re.match(r"(?i)\W*(?:you are|you're|act as)\b", sentence)))


def _words(text: str) -> list[str]:
    plain = re.sub(r"['\u2019]", "", text.lower())
    return re.findall(r"c\+\+|c#|d&d|[^\W_]+(?:-[^\W_]+)*", plain)


def _longest_phrase(words: list[str], start: int, cues: Mapping[str, _Cue]) -> tuple[str, int] | None:
    """Give the longest listed phrase that begins at `start`, singular or plural, and its number of words."""
    for size in range(min(_LONGEST_PHRASE_WORDS, len(words) - start), 0, -1):
        phrase = " ".join(words[start : start + size])
        for candidate in (phrase, phrase.removesuffix("s")):
            if candidate in cues:
                return candidate, size
    return None


@cache
def _cues() -> Mapping[str, _Cue]:
    return _by_phrase(CUES)


@cache
def _opening_cues() -> Mapping[str, _Cue]:
    return _by_phrase(OPENINGS)


def _by_phrase(table: Mapping[str, Mapping[float, str]]) -> Mapping[str, _Cue]:
    rows = [
        (phrase.strip(), _Cue(task, weight))
        for task, weights in table.items()
        for weight, phrases in weights.items()
        for phrase in phrases.split(",")
    ]
    rows.sort(key=lambda row: (row[0], row[1].weight))
    return {phrase: list(group)[-1][1] for phrase, group in groupby(rows, key=lambda row: row[0])}
