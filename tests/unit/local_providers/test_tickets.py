from local.providers.completion import ChatRequest, chat_request
from local.providers.tickets import Tickets, request_fingerprint


def a_request(text: str = "hello") -> ChatRequest:
    return chat_request({"model": "m", "messages": [{"role": "user", "content": text}]})


def test_a_ticket_is_redeemed_once_for_the_request_it_was_issued_for() -> None:
    tickets = Tickets()
    with tickets.expected(request_fingerprint("m", ["hello"])):
        first, second = tickets.issue(a_request()), tickets.issue(a_request())
    assert first is not None
    assert first != second
    assert tickets.redeem(first) == a_request()
    assert tickets.redeem(first) is None


def test_a_request_nobody_waits_for_gets_no_ticket() -> None:
    tickets = Tickets()
    with tickets.expected(request_fingerprint("m", ["hello"])):
        assert tickets.issue(a_request("something else")) is None
    assert tickets.issue(a_request()) is None


def test_a_text_that_only_looks_like_a_ticket_is_none() -> None:
    assert Tickets().redeem("promptmill-ticket-" + "0" * 32) is None
    assert Tickets().redeem("hello") is None
