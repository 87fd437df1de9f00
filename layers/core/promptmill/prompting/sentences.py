"""Cutting prose into sentences and clauses, and the polite openings that say nothing."""

import re
from functools import cache

_ABBREVIATIONS = frozenset({
    "e.g", "i.e", "etc", "vs", "approx", "mr", "mrs", "ms", "dr", "prof", "st", "no", "nr", "fig", "ca", "z.b", "d.h",
    "bzw", "p.ex", "ej", "sr", "sra", "jr", "inc", "ltd", "co", "max", "min",
})  # fmt: skip

REQUEST_VERBS = (
    "write|make|create|build|generate|design|develop|draft|compose|give|show|tell|explain|describe|draw|paint|"
    "sketch|help|fix|debug|refactor|translate|summari[sz]e|list|plan|suggest|recommend|find|compare|teach|"
    "rewrite|improve|edit|proofread|check|review|convert|implement|code|program|prepare|produce|come up|turn|"
    "add|do|look|walk|brainstorm|outline|calculate|analy[sz]e|provide|craft|put together|set up|send|optimi[sz]e"
)
"""Verbs that begin a request, as alternatives of a regular expression."""

_POLITENESS = r"(?:please|pls|plz|kindly|maybe|possibly|just|quickly|also)"
_LEAD = rf"""
    (?:hey|hi|hello|yo|dear)(?:\ (?:there|guys|everyone|all|chatgpt|claude|gpt|ai|assistant|team))?(?:[,.!;:]+\s*|\s+(?=
        (?:can|could|would|will|please|pls|plz|i|i'm|im|i've|we|so|um+|uh+|ok(?:ay)?|is|what|how|why|write|make|my)\b))
  | (?:ok|okay|alright|so+|um+|uh+|er+m*|hm+|yeah|anyway|anyways)\b(?:\s*[,.!;:]+\s*|\s+)
  | (?:well|right|basically|actually|look|listen|like|again)\s*,\s*
  | basically\s+(?=i\b|we\b|it\b)
  | (?:please|pls|plz|kindly)\b\s*,?\s+
  | (?:can|could|would|will)\ (?:you|u)\s+(?:{_POLITENESS}\s+)*(?=(?:{REQUEST_VERBS})\b)
  | (?:can|could|would|will)\ (?:you|u)\s+(?:please|pls|plz|kindly)\s+
  | i(?:\ was|'m|m|\ am)\ (?:just\ )?(?:wondering|hoping)\ (?:if\ )?(?:that\ )?(?:you|u)\ (?:could|can|would|might)\s+
        (?:{_POLITENESS}\s+|be\ able\ to\s+)*
  | (?:i|we)(?:'d|d|\ would)\ (?:really\ )?(?:like|love)\ (?:for\ )?(?:you|u)\ to\s+
  | (?:i|we)\ (?:really\ |just\ )?(?:want|need)\ (?:you|u)\ to\s+
  | help\ (?:me|us)\ (?:to\ |with\ )?(?=(?:write|make|create|build|draft|design|plan|fix|debug)\b)
  | i\ have\ a\ (?:quick\ )?question\s*[,:.]\s*
"""


_DOINGS = {
    "writing": "write", "creating": "create", "making": "make", "building": "build", "designing": "design",
    "drafting": "draft", "planning": "plan", "fixing": "fix", "translating": "translate", "debugging": "debug",
}  # fmt: skip


def split_sentences(text: str) -> list[str]:
    """Cut prose at sentence ends and line ends; joined again with spaces nothing but whitespace is lost."""
    sentences: list[str] = []
    for line in text.splitlines():
        start = 0
        for match in _sentence_end().finditer(line):
            word = re.search(r"(\S*?)[.!?\u2026]*$", line[start : match.end(1)])
            if match[1] == "." and word is not None and word[1].lower().strip("(") in _ABBREVIATIONS:
                continue
            sentences.append(line[start : match.end(1)])
            start = match.end()
        sentences.append(line[start:])
    return [stripped for sentence in sentences if (stripped := sentence.strip())]


def split_clauses(sentence: str) -> list[str]:
    """Cut a run-on English sentence where a new demand begins ("... and it should ...", "oh and no ...").

    The connecting words are dropped; every other word is in exactly one clause. A condition stays with what it
    decides, and "not only ... but also ..." stays whole.
    """
    clauses: list[str] = []
    start = 0
    for match in _new_demand().finditer(sentence):
        clause = sentence[start : match.start()]
        marked = re.search(r"\b(?:oh|also|plus|btw)\b|;", match[0] + sentence[match.end() :][:5], re.IGNORECASE)
        conditional = re.search(r"\b(?:if|when|whenever|unless|whether|not only)\b", clause, re.IGNORECASE)
        if conditional and (not marked or conditional[0].lower() == "not only"):
            continue
        clauses.append(clause)
        start = match.end()
    clauses.append(sentence[start:])
    return [stripped for clause in clauses if (stripped := clause.strip(" ,;"))]


def strip_lead(sentence: str) -> str:
    """Drop an English greeting or polite opening, unless nothing would be left."""
    rest = _lead().sub("", sentence, count=1)
    rest = _asking_for_a_doing().sub(lambda match: _DOINGS[match[1].lower()], rest, count=1)
    return rest if re.search(r"\w", rest) else sentence


@cache
def _lead() -> re.Pattern[str]:
    return re.compile(rf"^\s*(?:{_LEAD})+", re.VERBOSE | re.IGNORECASE)


@cache
def _asking_for_a_doing() -> re.Pattern[str]:
    """Match "I need help with writing" and "would you mind writing", whose verb is then put as a request."""
    return re.compile(
        r"^(?:(?:(?:i|we) need (?:some |your |ur )?help|help me|can (?:you|u) help(?: me)?) (?:with )?|"
        rf"(?:would|do) (?:you|u) mind )({'|'.join(_DOINGS)})\b",
        re.IGNORECASE,
    )


@cache
def _sentence_end() -> re.Pattern[str]:
    return re.compile(r"([.!?\u2026]+[\"'\u201d\u2019)\]]*)(?:\s+|(?=[A-Z][a-z]))|([\u3002\uff01\uff1f]+)")


@cache
def _new_demand() -> re.Pattern[str]:
    subject = (
        r"(?:(?:it|they|we|i|you|u|there|this|that|users?|people|customers|everyone|he|she)"
        r"|(?:the|my|our|each|every)\ (?:\w+\ ){1,3}?)"
    )
    demand = (
        r"(?:should|shouldn't|must|mustn't|needs?|has\ to|have\ to|can't|cannot|wants?|don't|doesn't|do\ not|does\ not)"
    )
    starts = (
        rf"(?:{subject}\ ?(?:also\ |really\ |just\ )?{demand}\b|make\ sure\b|please\b|also\b|don't\b|do\ not\b|no\ \w|"
        r"must\b|should\b|ideally\b|preferably\b|if\ possible\b|include\b|avoid\b|mention\b|use\b|keep\b|"
        r"tell\ me\b|not\ too\b|add\b)"
    )
    return re.compile(
        rf"""\s*;\s+
        | [,.]?\s+-\s+(?=\w)
        | \s*,?\s+(?:(?:oh|and|but|so|then|also|plus|btw|by\ the\ way|basically)\b,?\s+)+(?={starts})
        | \s*,?\s+(?:oh|btw)\b,?\s+(?:and\s+|also\s+|yeah\s+)*
        | \s*,\s+(?=(?:make\ sure|don't|do\ not|no\ \w|it\ (?:should|must|needs)|must|should|not\ too|tell\ me|
            i\ want|we\ want)\b)
        """,
        re.VERBOSE | re.IGNORECASE,
    )
