"""What holds of every enhancement, whatever the text."""

import string

from hypothesis import example, given, settings
from hypothesis import strategies as st

from promptmill.prompting.enhance_by_rules import enhance_by_rules
from promptmill.prompting.model import EnhancementRequest, Length, Tone
from promptmill.prompting.verbatim import set_aside

quick = settings(max_examples=150, deadline=None, database=None)

words = st.sampled_from(
    [
        "write",
        "a",
        "poem",
        "about",
        "the",
        "sea",
        "please",
        "hey",
        "i",
        "need",
        "an",
        "app",
        "that",
        "python",
        "script",
        "dont",
        "explain",
        "how",
        "it",
        "should",
        "and",
        "also",
        "no",
        "photo",
        "of",
        "cat",
        "email",
        "website",
        "make",
        "sure",
        "um",
        "teh",
        "story",
        "must",
        "not",
        "thanks",
        "plan",
        "translate",
        "this:",
        "blog",
        "post",
        "oh",
        "but",
    ]
)
letters = st.text(string.ascii_letters, min_size=1, max_size=8)
inside = st.text(string.ascii_letters + string.digits + " ,.!?'_-", min_size=1, max_size=20).filter(str.strip)
numbers = st.one_of(
    st.integers(0, 10**6).map(str),
    st.decimals(0, 999, places=2).map(str),
    st.sampled_from(["1,000", "10:30", "2025-06-30", "50%", "$99", "1954", "3/4", "v2.3.1"]),
)
facts = st.one_of(
    numbers,
    inside.map(lambda text: f"`{text}`"),
    inside.map(lambda text: f'"{text}"'),
    st.builds("https://{}.example/{}?q={}".format, letters, letters, numbers.filter(str.isdigit)),
    st.builds("{}@{}.org".format, letters, letters),
    st.builds("{}_{}.py".format, letters, letters),
)
marks = st.sampled_from(["", "", "", ",", ".", "!!!!", "??", "...", "\n", "\n\n", ";"])


@st.composite
def texts_with_facts(draw: st.DrawFn) -> tuple[str, list[str]]:
    pieces: list[str] = []
    kept: list[str] = []
    for _ in range(draw(st.integers(1, 40))):
        if draw(st.integers(0, 4)) == 0:
            fact = draw(facts)
            kept.append(fact)
            pieces.append(fact + " ")
        else:
            pieces.append(draw(words) + draw(marks) + " ")
    return "".join(pieces), kept


any_text = st.text(max_size=400).filter(str.strip)
tones = st.none() | st.sampled_from(Tone)
lengths = st.none() | st.sampled_from(Length)
languages = st.sampled_from([None, "en", "de", "pt-BR", "tlh"])


@quick
@given(texts_with_facts(), tones, lengths)
@example(("v2.3.1 " + "0 " * 39, ["v2.3.1"]), None, Length.DETAILED)
@example(("0 please. 1", ["0", "1"]), None, None)
def test_every_number_quotation_link_and_piece_of_code_survives(
    text_and_facts: tuple[str, list[str]], tone: Tone | None, length: Length | None
) -> None:
    text, kept = text_and_facts
    better = enhance_by_rules(EnhancementRequest(text, tone, length))
    assert [fact for fact in kept if fact not in better] == []


@quick
@given(any_text, tones, lengths, languages)
def test_any_text_gives_a_prompt_that_is_not_empty_nor_endless(
    text: str, tone: Tone | None, length: Length | None, language: str | None
) -> None:
    request = EnhancementRequest(text, tone, length, language)
    better = enhance_by_rules(request)
    assert better.strip()
    assert len(better) <= 4 * len(text) + 1800
    assert enhance_by_rules(request) == better


@quick
@given(texts_with_facts(), lengths)
@example(("explain\n\n this: 0", []), None)
@example(("0 photo... blog", []), None)
def test_enhancing_again_does_not_keep_growing(text_and_facts: tuple[str, list[str]], length: Length | None) -> None:
    once = enhance_by_rules(EnhancementRequest(text_and_facts[0], length=length))
    twice = enhance_by_rules(EnhancementRequest(once, length=length))
    assert len(twice) <= 1.15 * len(once) + 20


@quick
@given(st.text(max_size=300))
def test_what_is_set_aside_can_be_put_back(text: str) -> None:
    aside = set_aside(text)
    assert aside.restore(aside.text) == text
