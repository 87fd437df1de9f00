"""Reading a rambling prompt: what is asked, what is told about the situation, what is demanded, what is pasted in.

Every sentence that is not noise ends up in exactly one place, so nothing a person demanded can get lost.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from promptmill.prompting.sentences import REQUEST_VERBS, split_clauses, split_sentences
from promptmill.prompting.tidy import capitalise, is_noise, tidy
from promptmill.prompting.verbatim import PLACEHOLDER, set_aside

MATERIAL_LABEL = "Material:"
_RUN_ON_CHARACTERS = 100
_RAMBLING_CHARACTERS = 300
_RAMBLING_CLAUSES = 4
_MANY_BULLETS = 3
_PASTED_CODE_LINES = 2
_FEW_WORDS = 7


@dataclass(frozen=True, slots=True)
class Brief:
    """A prompt taken apart.

    `text` is all of the tidied instruction; `goal`, `context` and `requirements` are that text again, sorted; all
    are finished sentences. `material` is what was pasted in to work on, verbatim.
    """

    text: str
    goal: str
    context: tuple[str, ...]
    context_before_goal: int
    requirements: tuple[str, ...]
    material: str
    structured: bool

    @property
    def paragraph(self) -> str:
        """Context and goal in the order they were told: a goal may say "it" for what the context names."""
        before, after = self.context[: self.context_before_goal], self.context[self.context_before_goal :]
        return " ".join([*before, self.goal, *after])

    @property
    def rambling(self) -> bool:
        """Whether the text holds so many demands that a list serves better than prose."""
        return bool(self.requirements)


def read_brief(prompt: str, is_goal: Callable[[str], bool]) -> Brief:
    """Take a prompt apart; of several requests the first that `is_goal` becomes the goal.

    A structured text, or a short one, stays whole as its own goal.
    """
    instruction, material = _split_material(prompt)
    text = tidy(instruction)
    text = re.sub(r"(?<=\w)\s*:$", "", text)
    if is_structured(text):
        return Brief(text, text, (), 0, (), material, structured=True)
    aside = set_aside(text)
    sentences = [_without_bullet(line) for line in split_sentences(aside.text)]
    sentences = [sentence for sentence in sentences if not is_noise(sentence)] or sentences
    clauses = [clause for sentence in sentences for clause in _clauses(sentence)]
    whole = aside.restore(" ".join(finish(sentence) for sentence in sentences))
    if len(clauses) < _RAMBLING_CLAUSES or len(text) < _RAMBLING_CHARACTERS:
        return Brief(whole, whole, (), 0, (), material, structured=False)
    goal, context, before, requirements = _sorted_clauses([finish(clause) for clause in clauses], is_goal)
    return Brief(
        whole,
        aside.restore(goal),
        tuple(aside.restore(clause) for clause in context),
        before,
        tuple(aside.restore(clause) for clause in requirements),
        material,
        structured=False,
    )


def is_structured(text: str) -> bool:
    """Say whether a text has sections or a list of its own that should be left alone."""
    lines = [line for line in text.splitlines() if line.strip()]
    bullets = [line for line in lines if re.match(r"\s*(?:[-*\u2022+]|\d{1,2}[.)])\s+\S", line)]
    headings = [
        line for line in lines if re.match(r"#{1,6}\s+\S|\*\*[^*]+\*\*:?\s*$|[^\W\d_][\w /&-]{1,40}:(?:\s|$)", line)
    ]
    prose = sum(len(line) for line in lines if line not in bullets)
    return len(headings) > 1 or (
        len(bullets) >= _MANY_BULLETS and prose < 2 * sum(map(len, bullets)) + _RAMBLING_CHARACTERS
    )


def finish(sentence: str) -> str:
    """Give a sentence a capital and, if it ends in a word, the mark it lacks."""
    sentence = capitalise(sentence.strip().rstrip(",;"))
    if not re.search(rf"(?:[^\W_]|[)\]%]|{PLACEHOLDER})$", sentence):
        return sentence
    asks = re.match(
        r"(?i)(?:what|why|who|when|where|which|how(?! to\b)|is|are|does|do you|did|can|should|would|whats|"
        r"what's)\b",
        sentence,
    )
    if re.search(r"[\u3040-\u30ff\u4e00-\u9fff]$", sentence):
        return sentence + "\u3002"
    return sentence + ("?" if asks else ".")


def _clauses(sentence: str) -> list[str]:
    """Cut a run-on sentence; clauses of a word or two go back to the one before them."""
    if len(sentence) < _RUN_ON_CHARACTERS:
        return [_without_connector(sentence)]
    clauses: list[str] = []
    for clause in split_clauses(sentence):
        if clauses and not re.search(rf"(?:\w|{PLACEHOLDER})\W+(?:\w|{PLACEHOLDER})", clause):
            clauses[-1] += f", {clause}"
        elif not is_noise(clause):
            clauses.append(_without_connector(clause))
    return clauses or [sentence]


def _sorted_clauses(clauses: list[str], is_goal: Callable[[str], bool]) -> tuple[str, list[str], int, list[str]]:
    """Choose the clause that asks for something as the goal; sort the others into context and requirements."""
    requests = [index for index, clause in enumerate(clauses) if _asks(clause)]
    at = next((index for index in requests if is_goal(clauses[index])), requests[0] if requests else 0)
    context: list[str] = []
    before = 0
    requirements: list[str] = []
    for index, clause in enumerate(clauses):
        if index == at:
            continue
        tells = _telling().match(clause) and not _demanding().search(clause)
        (context if tells else requirements).append(clause)
        before += int(bool(tells) and index < at)
    return clauses[at], context, before, requirements


def _asks(clause: str) -> bool:
    return bool(_asking().match(clause)) and len(clause.split()) > 2  # noqa: PLR2004 - "Help me." asks for nothing yet


def _without_connector(clause: str) -> str:
    rest = re.sub(r"(?i)^(?:(?:and|also|but|so|then|plus|oh|yeah|btw|anyway|basically)\b[\s,]*)+", "", clause)
    return rest or clause


def _without_bullet(sentence: str) -> str:
    return re.sub(r"^(?:[-*\u2022+])\s+", "", sentence) or sentence


def _split_material(prompt: str) -> tuple[str, str]:
    """Part the instruction from text it is to be applied to: fenced code, pasted code, or what follows "this:"."""
    labelled = re.search(rf"(?:^|\n){re.escape(MATERIAL_LABEL)}\n", prompt)
    if labelled and labelled.start() > 0:
        return prompt[: labelled.start()], prompt[labelled.end() :].strip("\n")
    fences = re.findall(r"```.*?(?:```|\Z)", prompt, re.DOTALL)
    if fences:
        rest = re.sub(r"(?<=\w)\s*:\s*```.*?(?:```|\Z)\s*(?=\S)", ". ", prompt, flags=re.DOTALL)
        rest = re.sub(r"[ \t]*```.*?(?:```|\Z)[ \t]*", " ", rest, flags=re.DOTALL)
        return (rest, "\n\n".join(fences)) if re.search(r"\w", rest) else (prompt, "")
    match = _pasted_after_colon().match(prompt)
    if match and len(match[1].split()) > 1 and match[2].strip():
        return match[1], _fenced(match[2].strip())
    lines = prompt.split("\n")
    code = [index for index, line in enumerate(lines) if _code_line().search(line)]
    if len(code) >= _PASTED_CODE_LINES and code[0] > 0 and any(line.strip() for line in lines[: code[0]]):
        return "\n".join(lines[: code[0]]), _fenced("\n".join(lines[code[0] :]).strip("\n"))
    return prompt, ""


def _fenced(material: str) -> str:
    """Set material off, with a mark it does not hold itself, unless it is one quotation already."""
    if re.fullmatch(r"\"[^\"]*\"|\u201c[^\u201d]*\u201d|`[^`]*`", material):
        return material
    mark = next(mark for mark in ('"""', "'''", "~~~", "=" * 8, "=" * (len(material) + 1)) if mark not in material)
    return f"{mark}\n{material}\n{mark}"


@cache
def _pasted_after_colon() -> re.Pattern[str]:
    within, between = r"[^\n:]|\n(?!\s*\n)", r"(?:[\ \t]+|[\ \t]*\n[\ \t]*)"
    return re.compile(
        rf"""(?is)\s*(
            (?=(?:{within})*\b(?:translate|summari[sz]e|rewrite|reword|rephrase|proofread|paraphrase|improve|polish|edit|
                correct|shorten|fix|debug|refactor|explain|review|check|analy[sz]e|convert|optimi[sz]e|simplify|reply|
                respond|grade|what's\ wrong|whats\ wrong|what\ does)\b)
            (?:{within}){{0,200}}?\b(?:this|these|following|below|(?:my|the)\ \w+(?:\ \w+){{0,3}}|(?:in)?to\ \w+)
            (?:{between}\w+){{0,{_FEW_WORDS}}}[\ \t]*:)(?!//)\s*(.+)""",
        re.VERBOSE,
    )


@cache
def _code_line() -> re.Pattern[str]:
    return re.compile(
        r"[;{}]\s*$|^\s*(?:def|class|import|from \w+ import|const|let|var|function|public|private|return|#include|"
        r"SELECT|"
        r"INSERT|UPDATE|CREATE TABLE|elif|else:|<\w+[^>]*>|Traceback|File \")(?=\W|$)|^\s*\w+(?:\.\w+)*\(.*\)\s*:?$|"
        r"^\s*[\w.\[\]]+ = \S|^\s*(?:for|while|if|with) .*:$"
    )


@cache
def _asking() -> re.Pattern[str]:
    return re.compile(
        rf"(?i)(?:(?:{REQUEST_VERBS})\b|(?:i|we)(?:'d| would)? (?:really |just |also )?(?:need|want|like|"
        rf"am looking for)\b|"
        r"(?:i'm|i am|we're|we are) (?:looking for|trying to|planning|making|building|writing)\b|"
        r"(?:what|how|why|which)\b)"
    )


@cache
def _telling() -> re.Pattern[str]:
    return re.compile(
        r"(?i)(?:(?:i|we|my|our|he|she|they)(?:'m|'ve|'re|'s)?\b|(?:this|it|that)(?:'s| is| was) (?:for|about|because|"
        r"my|our|"
        r"called|a|an)\b|(?:its|it's) (?:called|for|a)\b|background\b|(?:last|this|next) (?:year|month|week)\b|"
        r"right now\b|"
        r"currently\b|because\b|the (?:audience|readers|company|customers|clients)\b.*\b(?:is|are)\b)"
    )


@cache
def _demanding() -> re.Pattern[str]:
    return re.compile(
        r"(?i)\b(?:should|must|needs?|has to|have to|want|wants|would like|don't want|prefer|can't|cannot|ideally|"
        r"make sure|"
        r"only|at least|at most|maximum|minimum|no more|budget|deadline|hate|without|tell me|link to|please|avoid|"
        r"include)\b"
    )
