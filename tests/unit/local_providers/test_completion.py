import pytest

from local.providers.completion import Finish, Usage, collected, completion_of, ending_with, estimate_tokens, in_pieces


@pytest.mark.parametrize(
    "text", ["", "one", "  leading and trailing \n\n", "a\n\nb " * 40, "word" * 100, "漢字" * 200, "e\u0301 " * 30]
)
def test_pieces_put_together_are_the_text(text: str) -> None:
    assert "".join(in_pieces(text)) == text


def test_a_piece_holds_twelve_words() -> None:
    assert [len(piece.split()) for piece in in_pieces("word " * 30)] == [12, 12, 6]


def test_a_text_without_spaces_is_split_too() -> None:
    assert len(list(in_pieces("x" * 1000))) > 2


@pytest.mark.parametrize(("characters", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2)])
def test_a_token_is_four_characters_rounded_up(characters: int, tokens: int) -> None:
    assert estimate_tokens("x" * characters) == tokens


def test_a_text_within_max_tokens_is_whole() -> None:
    text, finish = collected(completion_of("12345678", input_tokens=3, max_tokens=2))
    assert (text, finish) == ("12345678", Finish("end_turn", Usage(3, 2)))


def test_a_blocked_completion_keeps_nothing_of_the_answer() -> None:
    whole = completion_of("a secret answer", input_tokens=3, max_tokens=None)
    text, finish = collected(ending_with("guardrail_intervened", whole))
    assert "secret" not in text
    assert finish.stop_reason == "guardrail_intervened"
