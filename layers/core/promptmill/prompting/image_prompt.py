"""Enhancing a prompt for an image model: one flowing description, never instructions to a writer."""

import re
from collections.abc import Mapping

from promptmill.prompting.facts import is_structured
from promptmill.prompting.language import language_name, primary_language
from promptmill.prompting.model import EnhancementRequest, Length
from promptmill.prompting.sentences import split_sentences
from promptmill.prompting.tidy import capitalise, is_noise
from promptmill.prompting.tones import LOOK
from promptmill.prompting.verbatim import set_aside

_COVERAGE = {Length.CONCISE: 4, Length.BALANCED: 6, Length.DETAILED: 8}
"""How many of the eight aspects an image prompt of each length speaks of."""

_FEWEST = {Length.CONCISE: 2, Length.BALANCED: 3, Length.DETAILED: 5}
"""How many aspects are added to a prompt however much it covers."""

_COVERED_BY: Mapping[str, str] = {
    "style": r"photo|portrait|painting|drawing|sketch|illustration|render|watercolou?r|\bart\b|artwork|style|anime|"
    r"logo|"
    r"icon\b|pixel|poster|comic|cartoon|\b3d\b|\boil\b|realis|\d+ ?mm\b|cinematic|low poly|engraving|shot\b",
    "lighting": r"light|\blit\b|sun(?:set|rise|ny|lit)|golden hour|blue hour|night|neon|glow|dusk|dawn|shadow|moon|"
    r"candle|"
    r"backlit|flash|flat colou?rs",
    "composition": r"close-?up|wide[ -]|aerial|\bview\b|angle|cent(?:re|er)|composition|framing|foreground|macro|"
    r"full[ -]body|symmetr|thirds|bird's|focal point|headshot|overhead|panoram|margins",
    "detail": r"detail|\b\d{1,2}k\b|sharp|resolution|texture|\bhd\b|crisp|intricate|linework|brushwork|scalable",
    "colour": r"colou?r|palette|black[ -]and[ -]white|monochrome|pastel|\b(?:red|blue|green|gold|golden|orange|purple|"
    r"pink|"
    r"yellow|teal|white|black|grey|gray|brown|silver|turquoise|sepia)\b|vibrant|muted|tones\b",
    "setting": r"\b(?:in|at|on|inside|under|beside|near|through|over|across|against|above|among|along) (?:an?|the|my|"
    r"some|its|his|her|\w+ (?:forest|street|city|room|sky|field|sea))\b|background|landscape|setting|surround",
    "mood": r"mood|atmosph|dreamlike|serene|eerie|cozy|cosy|dramatic|epic|moody|peaceful|calm|joy|gloomy|mysterious|"
    r"\blook\b|cinematic|vibe|whimsical|cheerful|scary|cute|funny|friendly|modern|minimalis|elegant|vintage",
    "depth": r"depth|bokeh|blurred|layers?\b|foreground|perspective|negative space|silhouette",
}

_PHRASES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "mark": (
        r"\blogo|\bicon\b|emblem|sticker|vector",
        {
            "detail": "simple scalable shapes",
            "colour": "two or three flat colours",
            "setting": "plain background",
            "composition": "centred with generous margins",
            "lighting": "even light without shadows",
            "mood": "distinctive and easy to remember, friendly mood",
            "depth": "deliberate use of negative space",
        },
    ),
    "photo": (
        r"photo|headshot|\d+ ?mm\b|bokeh|product shot|macro shot",
        {
            "lighting": "soft natural light",
            "composition": "carefully framed composition with a clear focal point",
            "detail": "sharp detail and true-to-life texture",
            "colour": "natural colours",
            "setting": "in a fitting, uncluttered setting",
            "mood": "unposed, quiet mood",
            "depth": "gently blurred depth behind the subject",
        },
    ),
    "painting": (
        r"painting|watercolou?r|gouache|\boil\b|acrylic|impressionis|\bpaint",
        {
            "lighting": "warm directional light",
            "composition": "balanced composition with a clear focal point",
            "detail": "visible brushwork and layered texture",
            "colour": "rich, harmonious palette",
            "setting": "loosely painted surroundings",
            "mood": "contemplative mood",
            "depth": "soft edges that give depth",
        },
    ),
    "drawing": (
        r"drawing|sketch|line art|pencil|ink\b|charcoal|coloring page|colouring page",
        {
            "detail": "confident, clean linework",
            "composition": "balanced composition with a clear focal point",
            "lighting": "subtle shading from one light source",
            "setting": "plain background",
            "colour": "restrained palette",
            "mood": "attentive, calm mood",
            "depth": "heavier lines in front for depth",
        },
    ),
    "": (
        "",
        {
            "lighting": "atmospheric light that shapes the subject",
            "composition": "balanced composition with a clear focal point",
            "detail": "rich fine detail",
            "setting": "surroundings that fit the subject",
            "colour": "harmonious colour palette",
            "style": "one consistent illustration style",
            "mood": "coherent, evocative mood",
            "depth": "distinct foreground and background for depth",
        },
    ),
}

_FLAGS = r"(?:\s+--\w+(?:\s+[^\s-]\S*)*)+\s*$"


def enhance_image_prompt(request: EnhancementRequest, text: str) -> str:
    """Give the tidied `text` as one description, with the aspects it leaves open filled in to suit its medium.

    Flags at the end (`--ar 16:9`) stay at the end. A wanted language concerns only lettering in the picture.
    """
    flags = re.search(_FLAGS, text)
    described = text[: flags.start()] if flags else text
    structured = is_structured(described)
    base = described if structured else _flowing(described)
    additions = _aspects(base, request)
    lettering = _lettering(request.language, text)
    parts = [base.rstrip(" .,"), *additions]
    joined = (".\n" if structured and additions else "").join([parts[0], ""]) if structured else parts[0]
    if structured:
        joined += capitalise(", ".join(additions))
    elif additions:
        joined = ", ".join(parts)
    end = "" if flags and not lettering else "."
    return joined + end + (f" {lettering}" if lettering else "") + (f" {flags[0].strip()}" if flags else "")


def holds_image_phrases(text: str) -> bool:
    """Say whether phrases that are added here stand in the text: two, since one alone may be anybody's."""
    phrases = {phrase for _, phrases in _PHRASES.values() for phrase in phrases.values()}
    return sum(phrase in text for phrase in phrases) > 1


def _aspects(text: str, request: EnhancementRequest) -> list[str]:
    lowered = text.lower()
    covered = {aspect for aspect, pattern in _COVERED_BY.items() if re.search(pattern, lowered)}
    phrases = next(phrases for pattern, phrases in _PHRASES.values() if re.search(pattern, lowered))
    length = request.length or Length.BALANCED
    wanted = max(_FEWEST[length], _COVERAGE[length] - len(covered))
    chosen = [phrase for aspect, phrase in phrases.items() if aspect not in covered and aspect != "mood"]
    if "mood" not in covered:
        mood = LOOK[request.tone] if request.tone else phrases["mood"]
        # A tone that was asked for goes first; a mood of ours only where there is room for everything.
        chosen = [mood, *chosen] if request.tone else [*chosen, mood]
        wanted = max(wanted, 1 if request.tone else 0)
    return chosen[:wanted]


def _lettering(language: str | None, text: str) -> str | None:
    if language is None or language.lower().split("-")[0] == primary_language(text):
        return None
    sentence = f"Any lettering in the picture is in {language_name(language)}."
    return None if sentence in text else sentence


def _flowing(text: str) -> str:
    """Turn "draw me X. make it Y. it should have Z" into "X, Y, with Z"."""
    aside = set_aside(text)
    clauses = [
        _as_description(clause, first=False)
        for sentence in split_sentences(aside.text)
        if not is_noise(sentence)
        for clause in re.split(r",\s+", sentence)
    ]
    if not clauses:
        return text
    clauses[0] = capitalise(_as_description(clauses[0], first=True))
    joined = clauses[0].rstrip(" .,")
    for clause in clauses[1:]:
        joined += (". " if re.match(r"[A-Z]", clause) else ", ") + clause.rstrip(" .,")
    return aside.restore(joined)


def _as_description(clause: str, *, first: bool) -> str:
    article = r"(?=(?:an?|the|some|my|two|three|\w+ing)\b)"
    wishes = (
        r"(?:(?:please|and|also) )*(?:make it(?: look)?|it (?:should|must|needs to) (?:be|look)|"
        r"i want it to (?:be|look))"
    )
    rules = [
        (rf"{wishes}(?: like)?\s+", ""),
        (r"(?:(?:and|also) )*(?:it (?:should|must) have|it needs|there (?:should|must) be|include|add)\s+", "with "),
    ]
    if first:
        makes = r"(?:generate|create|make|produce|render|show|give|draw|paint)(?: me)?"
        rules = [
            (rf"(?:i|we)(?:'d like| would like| want| need)(?: to see)? {article}", ""),
            (rf"{makes} (?:an? |the )?(?:image|picture) (?:of|showing|with|where)\s+", ""),
            (r"(?:an? |the )(?:image|picture) (?:of|showing)\s+", ""),
            (rf"(?:design|create|generate|make|produce|render)(?: me)? {article}", ""),
            (rf"draw(?: me)? {article}", "a drawing of "),
            (rf"paint(?: me)? {article}", "a painting of "),
            (rf"sketch(?: me)? {article}", "a sketch of "),
            (rf"illustrate {article}", "an illustration of "),
        ]
    for pattern, replacement in rules:
        described, changed = re.subn(rf"(?i)^{pattern}", replacement, clause)
        if changed and re.search(r"\w", described):
            clause = described
    if not first and re.match(r"(?:A|An|The|It|In|On|With|No|His|Her|Its|There|My|At|Not|Make|He|She|They)\b", clause):
        clause = clause[0].lower() + clause[1:]
    return clause
