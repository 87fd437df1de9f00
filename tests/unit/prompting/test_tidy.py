"""Tidying mends how a prompt is written and leaves what it says."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptmill.prompting.tidy import is_noise, tidy


@pytest.mark.parametrize(
    ("text", "tidied"),
    [
        ("hello there,   can you please write a poem", "Write a poem"),
        ("um so explain dns", "Explain DNS"),
        ("write me an essay", "Write an essay"),
        ("i dont know, i think its fine", "I don't know, I think its fine"),
        ("stop it!!!! really???", "Stop it! Really?"),
        ("why is this so hard?!?!", "Why is this so hard?"),
        ("wait..... what", "Wait... what"),
        ("teh best adress ,please recieve it", "The best address, please receive it"),
        ("it costs like 20 euros", "It costs about 20 euros"),
        ("numbers like 20", "Numbers like 20"),
        ("an app, you know, for dogs", "An app for dogs"),
        ("write a sign that says please keep off", "Write a sign that says please keep off"),
        ("would you rather fly or be invisible", "Would you rather fly or be invisible"),
        ("hello world program in c", "Hello world program in c"),
        ("well written article about bees", "Well written article about bees"),
        ("use e.g. bees", "Use e.g. bees"),
        ("feed the python", "Feed the python"),
        ("a python script", "A Python script"),
        ("write a email and a excel sheet", "Write an email and an excel sheet"),
        ("plan A app", "Plan A app"),
        ("closed, bc of frost", "Closed, because of frost"),
        ("greece in 300 bc was small", "Greece in 300 bc was small"),
        ("write a poem, thanks!", "Write a poem."),
        ("line one\r\n\r\n\r\n\r\nline two\t\tend", "Line one\n\nLine two end"),
        ("- dont\n  - teh", "- Don't\n  - The"),
        ("null\x00byte \ufeffmark", "Nullbyte mark"),
    ],
)
def test_prose_is_mended(text: str, tidied: str) -> None:
    assert tidy(text) == tidied


@pytest.mark.parametrize(
    "verbatim",
    [
        "`dont   touch teh code!!!!`",
        '"i dont  know!!!!"',
        "“teh  quote”",
        "https://teh.example/dont?u=i&x=!!!1",
        "```\ni  =  1\n\n\n\n dont()\n```",
        "{{user_name}}",
        "src/teh/dont.py",
        "camelCase",
        "iPhone",
        "snake_case",
        "dont@teh.org",
        "--no-teh",
        "<dont>",
    ],
)
def test_code_quotations_and_addresses_are_left_alone(verbatim: str) -> None:
    assert verbatim in tidy(f"please look at {verbatim} and tell me")


@pytest.mark.parametrize(
    "text", ["Io e i gatti sono con te, per il mare che è più blu", "Der Plan ist gut und i ist da"]
)
def test_english_spelling_is_not_forced_on_other_languages(text: str) -> None:
    assert tidy(text) == text


@pytest.mark.parametrize(
    "noise", ["thanks!!", "Thank you so much in advance.", "hope that makes sense", "lol", "hi there!"]
)
def test_mere_courtesy_is_noise(noise: str) -> None:
    assert is_noise(noise)


@pytest.mark.parametrize(
    "sentence", ["Thank the team for 3 years.", "hi in Japanese", "please no blue", "write thanks"]
)
def test_a_sentence_that_says_something_is_not_noise(sentence: str) -> None:
    assert not is_noise(sentence)


prose = st.lists(
    st.sampled_from(
        [
            "hey",
            "so",
            "um",
            "i",
            "dont",
            "teh",
            "write",
            "a",
            "poem!",
            "please,",
            "thanks",
            "ok",
            "...",
            "??",
            "it,",
            "and.",
            "App:\n-",
            "can",
            "you",
            "I'm",
        ]
    )
).map(" ".join)


@settings(max_examples=150, deadline=None, database=None)
@given(prose | st.text(max_size=200))
def test_tidying_a_tidy_text_changes_nothing_but_courtesies(text: str) -> None:
    once = tidy(text)
    again = tidy(once)
    assert len(again) <= len(once)
    assert tidy(tidy(again)) == tidy(again)
