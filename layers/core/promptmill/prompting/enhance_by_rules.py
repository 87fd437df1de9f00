"""The enhancer that needs no model: the fallback when none answers, and the local stand-in's answer."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

from promptmill.prompting.additions import Addition, Angle, Section, angles_of_task
from promptmill.prompting.additions_writing import content_kinds, everyday_kinds, text_work
from promptmill.prompting.facts import MATERIAL_LABEL, Brief, read_brief
from promptmill.prompting.image_prompt import enhance_image_prompt, holds_image_phrases
from promptmill.prompting.language import ENGLISH, answer_language_sentence
from promptmill.prompting.model import EnhancementRequest, Length
from promptmill.prompting.sentences import REQUEST_VERBS
from promptmill.prompting.spelling import PROPER, PROPER_IN_CODE
from promptmill.prompting.task_type import TaskType, detect_task_type, opening_cue
from promptmill.prompting.tidy import language_of_prose, tidy
from promptmill.prompting.tones import tone_sentence

_COVERAGE = {Length.CONCISE: 2, Length.BALANCED: 5, Length.DETAILED: 12}
"""How many of an angle's points the enhanced prompt speaks of, counting those it came with."""

_FEWEST = {Length.CONCISE: 2, Length.BALANCED: 3, Length.DETAILED: 6}
"""How many points are added to a prompt however much it covers."""

_FEWEST_TO_RAMBLING = {Length.CONCISE: 1, Length.BALANCED: 2, Length.DETAILED: 4}
_COVERAGE_STRUCTURED = {Length.CONCISE: 1, Length.BALANCED: 1, Length.DETAILED: 2}
_VERBS: Mapping[TaskType, str] = {
    TaskType.POETRY: "Write",
    TaskType.CODE: "Write",
    TaskType.APP: "Build",
    TaskType.WEB: "Build",
    TaskType.CREATIVE: "Write",
    TaskType.CONTENT: "Write",
}
_NO_NOUN = r"the|this|that|these|my|our|your|i|we|it|he|she|they|there|\w+ing|in|on|for|to|if|when|after|before|let"
_CONCISE_SENTENCES = 3
_WORTH_A_LIST = 3
_BARE_TOPIC_WORDS = 3


def enhance_by_rules(request: EnhancementRequest) -> str:
    """Give a better prompt with the same intent: tidied, its demands sorted, and what its kind usually lacks added.

    Names, figures, quotations, addresses and code come out verbatim. What the text already says is not asked for
    again, and a prompt in which a sentence of ours stands has been enhanced before and is only tidied, so enhancing
    twice adds next to nothing. At most 4 times the input plus 1,800 characters.

    A text without words, or one that is evidently not English, is only tidied, with the wanted tone and answer
    language: scaffolding in another language than the prompt's would pull the answer into the wrong language and read
    as foreign matter.
    """
    language = language_of_prose(request.prompt)
    if language != ENGLISH or not re.search(r"[^\W\d_]", request.prompt):
        return _lightly_enhanced(request, language)
    task = detect_task_type(request.prompt)
    if _is_enhanced(request.prompt):
        return _kept_enhanced(request, task)
    if task is TaskType.IMAGE:
        return enhance_image_prompt(request, tidy(request.prompt))
    brief = read_brief(request.prompt, lambda clause: detect_task_type(clause) is task)
    brief = brief if brief.structured else _phrased_as_request(brief, task, request.prompt)
    length = request.length or Length.BALANCED
    angle = _angle(task, brief)
    missing = _missing(angle, brief, length)
    asides = _asides(request, task, brief.text)
    if brief.structured:
        body = _kept(brief, missing, asides)
    elif length is Length.DETAILED:
        body = _sections(brief, angle, missing, asides)
    elif length is Length.CONCISE and not brief.rambling:
        body = _paragraph(brief, missing, asides)
    else:
        body = _paragraph_and_list(brief, task, missing, asides)
    return f"{body}\n\n{MATERIAL_LABEL}\n{brief.material}" if brief.material else body


def _lightly_enhanced(request: EnhancementRequest, language: str) -> str:
    text = tidy(request.prompt)
    task = detect_task_type(request.prompt)
    added = [tone_sentence(request.tone, task, text, language), answer_language_sentence(request.language, text)]
    return "\n\n".join([text, *filter(None, [" ".join(filter(None, added))])])


def _is_enhanced(prompt: str) -> bool:
    return any(addition.sentence in prompt for addition in _every_addition()) or holds_image_phrases(prompt)


def _kept_enhanced(request: EnhancementRequest, task: TaskType) -> str:
    instruction, label, material = request.prompt.partition(f"\n\n{MATERIAL_LABEL}\n")
    text = tidy(instruction)
    asides = [] if holds_image_phrases(text) else _asides(request, task, text)
    return " ".join([text, *asides]) + label + material


def _asides(request: EnhancementRequest, task: TaskType, text: str) -> list[str]:
    wanted = (tone_sentence(request.tone, task, text, ENGLISH), answer_language_sentence(request.language, text))
    return [sentence for sentence in wanted if sentence]


def _angle(task: TaskType, brief: Brief) -> Angle:
    text = brief.text.lower()
    if task in {TaskType.CODE, TaskType.APP, TaskType.WEB} and re.match(
        r"(?i)(?:\w+ ){0,5}(?:plan|roadmap|strategy)\b", brief.goal
    ):
        return next(angle for pattern, angle in everyday_kinds() if re.search(pattern, "plan"))
    if task is TaskType.CODE:
        opening = brief.goal.lower()
        mends = re.search(
            r"\b(?:fix|debug|refactor|bugs?|crash\w*|broken|not work\w*|doesn't work|traceback|optimi[sz]e|"
            r"what's wrong|"
            r"review|clean up|(?:an?|the|this|type|key|value|syntax|index) ?error)\b",
            opening,
        )
        return angles_of_task()["code_repair" if mends else "code"]
    for verb, angle in text_work().items():
        if re.match(rf"(?:{verb})\b", text):
            return angle
    if task in {TaskType.CONTENT, TaskType.GENERAL}:
        kinds = content_kinds() if task is TaskType.CONTENT else everyday_kinds()
        return next(angle for pattern, angle in kinds if re.search(pattern, text))
    return angles_of_task()[task.value]


def _phrased_as_request(brief: Brief, task: TaskType, prompt: str) -> Brief:
    """Turn a wish or a bare noun into a request: "I need a landing page" into "Build a landing page"."""
    goal = re.sub(r"^How to ", "Explain how to ", brief.goal)
    goal = re.sub(
        r"(?i),? (?:and|but) I'm (?:kinda |kind of |totally |a bit |so |really )?(?:lost|stuck)(?=\.)", "", goal
    )
    duty = r"(?i)^(?:i|we)(?: have to| need to| want to| must|'m trying to| am trying to|'d like to| would like to) "
    goal = re.sub(
        rf"{duty}(write|make|create|build|design|draft|plan|fix) ", lambda match: f"{match[1].capitalize()} ", goal
    )
    verb = _VERBS.get(task)
    if verb and not re.search(
        r"(?i)\b(?:write|make|create|build|design|draft|generate|fix|explain)\b", goal.split(".")[0]
    ):
        wish = (
            r"(?i)^(?:i|we)(?:'d (?:really )?like| would (?:really )?like| (?:really |just )?(?:want|need)|"
            r"'m looking for|"
            r" am looking for)(?: to have| to get)? (?=(?:an?|some|the|\d+)\b)"
        )
        goal = re.sub(wish, f"{verb} ", goal)
        goal = re.sub(r"^An? ", lambda article: f"{verb} {article[0].lower()}", goal)
        goal = re.sub(r"^I'm (?:writing|making|building|creating|designing) (?=an?\b)", f"{verb} ", goal)
        named = goal == brief.goal and not re.match(rf"(?i)(?:{'|'.join(text_work())}|{_NO_NOUN})\b", goal)
        cue = opening_cue(goal, task) if named and not _request_verb().match(goal) else None
        if cue is not None:
            goal = f"{verb} {_article(cue, goal)}{_as_in(prompt, goal)}"
    if task is TaskType.GENERAL and not brief.material and _is_bare_topic(goal):
        goal = f"Give a clear, useful overview of {_as_in(prompt, goal)}"
    if _request_verb().match(goal):
        goal = re.sub(r"!$", ".", goal)
    text = goal if brief.text == brief.goal else f"{goal} {brief.text}"
    return replace(brief, text=text, goal=goal)


def _is_bare_topic(goal: str) -> bool:
    return (
        len(goal.split()) <= _BARE_TOPIC_WORDS
        and bool(re.fullmatch(r"[^\W_][\w' -]*\.", goal))
        and not _request_verb().match(goal)
        and not re.match(r"(?i)(?:i|you|we|yes|no|hello|hi|hey|thanks|what|how|why|stop|go|run)\b", goal)
    )


def _article(cue: str, goal: str) -> str:
    if cue.endswith("s") or cue in {
        "code",
        "poetry",
        "copy",
        "ad copy",
        "fiction",
        "marketing copy",
        "html",
        "css",
        "sql",
    }:
        return ""
    return "an " if re.match(r"[AEIOaeio]|[FHLMNRSX][A-Z]", goal) else "a "


def _as_in(prompt: str, sentence: str) -> str:
    """Undo the capital that tidying gave to the first word."""
    word = re.match(r"\w+", sentence)
    if word is None or word[0] in prompt or word[0] in {*PROPER.values(), *PROPER_IN_CODE.values()}:
        return sentence
    return sentence[0].lower() + sentence[1:]


def _missing(angle: Angle, brief: Brief, length: Length) -> list[Addition]:
    """Give the additions the text lacks, as many as bring it to what its length calls for."""
    text = brief.text
    hints = " ".join([text, *re.findall(r"```(\w+)", brief.material)])
    if brief.structured:
        # What is missing everywhere is missing nowhere in particular: a list of one's own needs no general advice.
        coverage, fewest = 0 if angle is everyday_kinds()[-1][1] else _COVERAGE_STRUCTURED[length], 0
    else:
        coverage, fewest = _COVERAGE[length], (_FEWEST_TO_RAMBLING if brief.rambling else _FEWEST)[length]
    covered = 0
    missing: list[Addition] = []
    for addition in angle.additions:
        if addition.when and not re.search(addition.when, text, re.IGNORECASE):
            continue
        if re.search(addition.covered_by, hints, re.IGNORECASE):
            covered += 1
        elif not any(re.search(addition.covered_by, other.sentence, re.IGNORECASE) for other in missing):
            missing.append(addition)
    return missing[: max(fewest, coverage - covered)]


@cache
def _every_addition() -> tuple[Addition, ...]:
    angles = [
        *angles_of_task().values(),
        *(angle for _, angle in content_kinds()),
        *(angle for _, angle in everyday_kinds()),
        *text_work().values(),
    ]
    return tuple(addition for angle in angles for addition in angle.additions)


@cache
def _request_verb() -> re.Pattern[str]:
    return re.compile(rf"(?i)\b(?:{REQUEST_VERBS})\b")


def _kept(brief: Brief, missing: Sequence[Addition], asides: Sequence[str]) -> str:
    added = " ".join([*(addition.sentence for addition in missing), *asides])
    return f"{brief.text}\n\n{added}" if added else brief.text


def _paragraph(brief: Brief, missing: Sequence[Addition], asides: Sequence[str]) -> str:
    room = _CONCISE_SENTENCES - len(re.findall(r"[.!?\u2026]+(?:\s|$)", brief.text)) - len(asides)
    return " ".join([brief.text, *(addition.sentence for addition in missing[: max(1, room)]), *asides])


def _paragraph_and_list(brief: Brief, task: TaskType, missing: Sequence[Addition], asides: Sequence[str]) -> str:
    points = [*brief.requirements, *(addition.sentence for addition in missing), *asides]
    if len(points) < _WORTH_A_LIST:
        return " ".join([brief.paragraph, *points])
    answers = task in {TaskType.EXPLANATION, TaskType.GENERAL} and not brief.rambling
    return f"{brief.paragraph}\n\n{'In the answer' if answers else 'Requirements'}:\n{_bullets(points)}"


def _sections(brief: Brief, angle: Angle, missing: Sequence[Addition], asides: Sequence[str]) -> str:
    of = {section: [addition.sentence for addition in missing if addition.section is section] for section in Section}
    has_role = re.search(r"(?i)\b(?:you are|you're|act as|pretend to be)\b", brief.text)
    sections = [
        ("Role", "" if has_role else f"You are {_role(angle, brief.text)}."),
        ("Goal", brief.goal),
        ("Context", _bullets(brief.context)),
        ("Requirements", _bullets([*brief.requirements, *of[Section.REQUIREMENTS]])),
        ("Format", _bullets([*of[Section.FORMAT], *asides])),
        ("Quality bar", _bullets(of[Section.QUALITY])),
    ]
    return "\n\n".join(f"## {title}\n{content}" for title, content in sections if content)


def _role(angle: Angle, text: str) -> str:
    """Name the programming language in the role of an engineer, where the text settles on one."""
    languages = r"\b(Python|JavaScript|TypeScript|Java|Kotlin|Ruby|PHP|Bash|SQL|Scala)\b"
    named = set(re.findall(languages, text))
    return angle.role.replace("software engineer", f"{named.pop()} engineer") if len(named) == 1 else angle.role


def _bullets(points: Sequence[str]) -> str:
    return "\n".join(f"- {point}" for point in points)
