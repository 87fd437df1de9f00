"""Tidying a prompt's prose: spacing, repeated punctuation, fillers, sure misspellings, capitals.

Code, quotations, addresses and the like are never touched (see `verbatim`). Tidying a tidy text changes nothing.
"""

import re
import unicodedata
from functools import cache

from promptmill.prompting.language import ENGLISH, primary_language
from promptmill.prompting.sentences import strip_lead
from promptmill.prompting.spelling import AFTER_AN, MISSPELT, PROPER, PROPER_IN_CODE
from promptmill.prompting.verbatim import PLACEHOLDER, SetAside, set_aside

_BULLET = r"(?:[-*\u2022+]|\d{1,2}[.)]|[a-z]\))\s+"
_THANKS = (
    r"(?:many |ok |okay )?(?:thanks?|thank you|thank u|thx|thnx|ty|tysm|cheers)"
    r"(?:,? (?:so much|very much|in advance|a lot|a bunch|a ton|again|guys|for (?:your|the|any) help))*"
)
_NOISE = (
    rf"{_THANKS}|(?:i )?(?:really )?hope (?:that|this|it) (?:makes|made) (?:any )?sense|hope (?:you|"
    rf"u) can help(?: me)?|"
    r"let me know(?: (?:if (?:that|this|it) makes sense|if you (?:can|have (?:any )?questions)))?|"
    r"sorry (?:for|about) (?:the )?(?:long|messy|rambling) (?:message|text|prompt|post|rambling)|"
    r"(?:i think )?that's (?:it|all)|"
    r"(?:you|u) get the idea|if that makes sense|sorry if (?:this|that|it) is (?:confusing|long|messy)|"
    r"(?:hey|hi|hello)(?: there| everyone| chatgpt| claude)?|how are you(?: doing)?(?: today)?|lol|please|ok(?:ay)?|"
    r"um+|uh+"
)


def tidy(text: str) -> str:
    """Give the text tidied, its lines kept; a text that is not blank stays so.

    English wording is mended only where the text is not evidently in another language.
    """
    aside = set_aside(_without_controls(text))
    english = primary_language(_prose(aside.text)) == ENGLISH
    in_code = bool(re.search(r"(?i)\b(?:code|script|app|function|program|api|website|library|developer|server|bug|data"
                             r"|engineer|web)s?\b", aside.text))  # fmt: skip
    masked = _about_numbers(aside) if english else aside.text
    lines = [_tidy_line(line, english=english, in_code=in_code) for line in masked.split("\n")]
    tidied = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    return aside.restore(tidied) or text.strip()


def language_of_prose(text: str) -> str:
    """Give the primary language of the text without its verbatim parts."""
    return primary_language(_prose(set_aside(text).text))


def is_noise(sentence: str) -> bool:
    """Say whether an English sentence only greets, thanks or apologises: it holds nothing an answer could use."""
    if re.search(PLACEHOLDER, sentence):
        return False
    return bool(_noise().fullmatch(sentence.strip().lower().replace("\u2019", "'")))


def _without_controls(text: str) -> str:
    lines = re.sub(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]", "\n", text)
    return "".join(
        character for character in lines if character in "\n\t" or unicodedata.category(character) not in {"Cc", "Cs"}
    ).replace("\ufeff", "")


def _about_numbers(aside: SetAside) -> str:
    """Write "about 80 %" for a spoken "like 80 %", leaving "numbers like 80" alone."""

    def mend(match: re.Match[str]) -> str:
        number = aside.restore(match[2])
        return f"{match[1]} about {match[2]}" if re.match(r"[\d$\u20ac\u00a3]", number) else match[0]

    before = r"\b(is|are|was|be|because|costs?|takes?|has|have|maybe|for)"
    return re.sub(rf"(?i){before} like ({PLACEHOLDER})", mend, aside.text)


def _prose(masked: str) -> str:
    return re.sub(PLACEHOLDER, " ", masked)


def _tidy_line(line: str, *, english: bool, in_code: bool) -> str:
    indent, bullet, rest = _line_parts(line)
    rest = re.sub(r"[ \t]*\t[ \t]*|[ \u00a0]{2,}", " ", rest).strip()
    rest = re.sub(r"([!\uff01])\1+", r"\1", rest)
    rest = re.sub(r"([?\uff1f])\1+", r"\1", rest)
    rest = re.sub(r"[!?]*(?:\?!|!\?)[!?]*", "?", rest)
    rest = re.sub(r"\.{4,}|(?<!\.)\.{2}(?!\.)", "...", rest)
    rest = re.sub(r",(?:\s*,)+", ",", rest)
    if english:
        rest = _tidy_english(rest, in_code=in_code)
    return f"{indent}{bullet}{rest}".rstrip()


def _line_parts(line: str) -> tuple[str, str, str]:
    """Cut a line into indentation, which is kept before a list mark only, list mark and the rest."""
    match = re.match(rf"([ \t]*)({_BULLET}|#{{1,6}}\s+|>\s+)(.*)", line, re.DOTALL)
    return (match[1], match[2], match[3]) if match else ("", "", line)


def _tidy_english(line: str, *, in_code: bool) -> str:
    line = re.sub(r"(?<=[a-z])([,;])(?=[A-Za-z])", r"\1 ", line)
    line = re.sub(r"[ \t]+([,;])(?=[A-Za-z])", r"\1 ", line)
    line = _fillers().sub(" ", line)
    makes = "write|make|create|draw|build|generate|design|compose|paint|draft"
    line = re.sub(rf"(?i)\b({makes}) (?:me|us)\s+(?=(?:an?|the|some|another|{PLACEHOLDER})(?!\w))", r"\1 ", line)
    line = _spell(line, MISSPELT | PROPER | (PROPER_IN_CODE if in_code else {}))
    line = re.sub(rf"(?:(?<![\w'\u2019./&-])a|^A) (?=(?i:{AFTER_AN})s?\b)", lambda article: article[0][0] + "n ", line)
    # After a number it is a date.
    line = re.sub(r"(?<=[a-z,)] )bc(?= [a-z])", "because", line)
    line = re.sub(r"(?<![\w'\u2019./&-])i(?=$|[\s,;!?]|['\u2019](?:m|ll|d|ve|s)\b)", "I", line)
    line = re.sub(rf"(?i)(?:[,.!;]?\s+(?:{_THANKS}|lol|haha+|pls|plz|please))+[.!]*$", ".", line)
    line = re.sub(r"(?<=[.!?])\.$", "", line)
    line = re.sub(r"\s+([,;!?])(?=\s|$)", r"\1", line)
    line = re.sub(r" {2,}", " ", line).strip()
    return _capitalise_sentences(line)


def _spell(line: str, spellings: dict[str, str]) -> str:
    def mend(match: re.Match[str]) -> str:
        word = match[0]
        mended = spellings.get(word.lower())
        if mended is None or (word.isupper() and len(word) > 1) or word[1:] != word[1:].lower():
            return word
        return mended[0].upper() + mended[1:] if word[0].isupper() and mended.islower() else mended

    return re.sub(r"(?<![\w'\u2019.&/+-])[A-Za-z]+(?![\w'\u2019&/+-]|\.\w)", mend, line)


def _capitalise_sentences(line: str) -> str:
    """Strip polite openings of each sentence and begin it with a capital."""
    pieces = re.split(r"((?:[.!?\u2026][\"')\]]*)\s+)", line)
    kept: list[str] = []
    for index in range(0, len(pieces), 2):
        end = pieces[index + 1] if index + 1 < len(pieces) else ""
        sentence = strip_lead(pieces[index])
        after_abbreviation = index > 0 and re.search(r"(?i)(?:^|\W)(?:e\.?g|i\.?e|etc|vs|approx|no|st|mr|mrs|dr|\.)$",
                                                     pieces[index - 2])  # fmt: skip
        ellipsis = index > 0 and pieces[index - 1].startswith((".", "\u2026")) and pieces[index - 2].endswith(".")
        if not after_abbreviation and not ellipsis:
            sentence = capitalise(sentence)
        kept.append(sentence + end)
    return "".join(kept)


def capitalise(sentence: str) -> str:
    """Give the sentence with a capital first letter, if its first word is all in small letters."""
    match = re.match(r"[\"'(\u201c]?([^\W\d_]+)", sentence)
    if not match or match[1] != match[1].lower() or len(match[1][0].upper()) != 1:
        return sentence
    at = match.start(1)
    return sentence[:at] + sentence[at].upper() + sentence[at + 1 :]


@cache
def _fillers() -> re.Pattern[str]:
    return re.compile(
        r"(?:,\s*|(?<=\s)|^)(?:um+|uh+|erm+|hmm+|umm+)\b(?:\s*,)?\s*|,\s*(?:you know|like|lol|idk|i guess|"
        r"kind of)\s*,\s*|"
        r"(?<=\s)(?:pls|plz|lol)\b\s*|(?<=\band )please\s+",
        re.IGNORECASE,
    )


@cache
def _noise() -> re.Pattern[str]:
    return re.compile(rf"\W*(?:{_NOISE})(?:[\s,.!]+(?:{_NOISE}))*\W*")
