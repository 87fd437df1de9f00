"""Which language a text is in, as far as an enhancer without a model needs to know, and what languages are called."""

import re
import unicodedata

ENGLISH = "en"

_NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan", "cs": "Czech", "da": "Danish",
    "de": "German", "el": "Greek", "en": "English", "es": "Spanish", "et": "Estonian", "fa": "Persian",
    "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian",
    "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian",
    "ms": "Malay", "nb": "Norwegian", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese",
    "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian", "sr": "Serbian", "sv": "Swedish",
    "sw": "Swahili", "ta": "Tamil", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu",
    "vi": "Vietnamese", "zh": "Chinese",
    "pt-br": "Brazilian Portuguese", "zh-cn": "Simplified Chinese", "zh-hans": "Simplified Chinese",
    "zh-hant": "Traditional Chinese", "zh-tw": "Traditional Chinese", "en-gb": "British English",
}  # fmt: skip

# Frequent words that the other languages listed here do not share, and the verbs prompts begin with.
_FREQUENT_WORDS = {
    ENGLISH: "the of and to with for that this is are how what why write make create my your you it i from on",
    "de": "der die das und ein eine einen einem einer ist für mit nicht ich den dem wie warum über auf zu soll "
    "schreibe schreib erkläre erstelle mir bitte von im oder sich wird kann deutsch",
    "fr": "le la les des une est pour avec dans sur je vous nous que qui et du ce cette écris écrire explique "
    "rédige crée moi comment pourquoi quel quelle mon ma pas au aux un",
    "es": "el la los las una es para con en por que y del un sobre como cómo qué escribe escribir explica crea "
    "haz dame mi mis por pero sin al hazme",
    "it": "il lo gli una è per con che di sono non del della un sul sulla scrivi spiega crea come perché mi mio "
    "mia nel nella più",
    "pt": "o os uma é para com que não do da um em no na sobre como escreva escreve explique crie por meu minha "
    "você dos das mais",
    "nl": "de het een en van voor met niet is op dat ik schrijf leg hoe waarom maak mijn over zijn naar aan geen",
}

_SCRIPTS = {
    "CJK": "zh", "HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "CYRILLIC": "ru", "ARABIC": "ar",
    "HEBREW": "he", "GREEK": "el", "THAI": "th", "DEVANAGARI": "hi", "BENGALI": "bn", "TAMIL": "ta",
}  # fmt: skip


def primary_language(text: str) -> str:
    """Give the language subtag the text is evidently written in; `en` when nothing says otherwise.

    By script first, then by frequent words of seven Western European languages. Two such words are the least
    that counts as evidence against English, so short and mixed texts stay English.
    """
    by_script = _language_of_script(text)
    if by_script is not None:
        return by_script
    words = re.findall(r"[^\W\d_]+", text.lower())
    hits = {tag: sum(word in listed for word in words) for tag, listed in _word_sets().items()}
    best = max(hits, key=lambda tag: (hits[tag], tag == ENGLISH))
    return best if hits[best] > max(1, hits[ENGLISH]) else ENGLISH


def language_name(tag: str) -> str:
    """Give the English name of a BCP 47 tag, of its primary subtag, or else the tag itself."""
    lowered = tag.lower()
    return _NAMES.get(lowered) or _NAMES.get(lowered.split("-")[0]) or tag


def answer_language_sentence(tag: str | None, text: str) -> str | None:
    """Say which language to answer in, or None when the text is in that language or names it already."""
    if tag is None or tag.lower().split("-")[0] == primary_language(text):
        return None
    name = language_name(tag)
    if re.search(rf"\b(?:in|into|to|auf|en)\s+{re.escape(name)}\b", text, re.IGNORECASE):
        return None
    return f"Write the answer in {name}."


def _word_sets() -> dict[str, frozenset[str]]:
    return {tag: frozenset(words.split()) for tag, words in _FREQUENT_WORDS.items()}


def _language_of_script(text: str) -> str | None:
    counts: dict[str, int] = {}
    letters = 0
    for character in text:
        if not character.isalpha():
            continue
        letters += 1
        if character > "\u02ff":
            tag = _SCRIPTS.get(unicodedata.name(character, "").split(" ")[0])
            if tag is not None:
                counts[tag] = counts.get(tag, 0) + 1
    # A Latin word takes about three times the letters of a Han or Hangul one, so a quarter is already the larger part.
    if not counts or sum(counts.values()) * 4 < letters:
        return None
    if "ja" in counts:
        return "ja"
    tag = max(counts, key=lambda known: counts[known])
    if tag == "ru" and re.search("[іїєґ]", text, re.IGNORECASE):
        return "uk"
    if tag == "ar" and re.search("[پچژگ]", text):
        return "fa"
    return tag
