"""Pictures from a server on this machine that writes Together's answers, whole and broken."""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from promptmill import errors
from promptmill.providers.failures import billed_usage
from promptmill.providers.flux import MAX_ANSWER_BYTES, FluxProvider
from promptmill.providers.interface import Usage
from tests.support.loopback import LAST_CHUNK, Connection, chunked_head, chunks, http_answer
from tests.unit.providers.builders import (
    a_picture,
    a_text_model,
    a_text_request,
    an_image_request,
    an_unpriced_model,
)
from tests.unit.providers.flux_wire import BILLED, KEY, PICTURE, USED, ask, entry, failing, ok, pictures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.loopback import Loopback


def test_a_picture_arrives_as_it_was_sent(server: Loopback, flux: FluxProvider) -> None:
    server.answers(ok(pictures(entry())))
    answer = ask(flux)
    (image,) = answer.images
    assert (image.content, image.content_type, image.width, image.height) == (PICTURE, "image/png", 64, 32)
    assert (answer.text, answer.usage, answer.provider_request_id) == (None, USED, "req-1")


def test_the_request_has_the_key_the_seed_and_asks_for_the_pictures_themselves(
    server: Loopback, flux: FluxProvider
) -> None:
    server.answers(ok(pictures(entry())))
    ask(flux, an_image_request(negative_prompt="no hats"))
    (request,) = server.received
    assert request.target == "/v1/images/generations"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.json() == {
        "model": "vendor/painter",
        "prompt": "a red fox",
        "width": 64,
        "height": 32,
        "steps": 4,
        "n": 1,
        "seed": 7,
        "negative_prompt": "no hats",
        "output_format": "png",
        "response_format": "base64",
    }


def test_a_request_without_a_negative_prompt_has_none(server: Loopback, flux: FluxProvider) -> None:
    server.answers(ok(pictures(entry())))
    ask(flux)
    assert "negative_prompt" not in server.received[0].json()


def test_several_pictures_come_in_the_order_of_their_index(server: Loopback, flux: FluxProvider) -> None:
    first, second = PICTURE, a_picture(64, 32, "JPEG")
    server.answers(ok(pictures(entry(second, 1), entry(first, 0))))
    answer = ask(flux, an_image_request(n=2, steps=8))
    assert [image.content_type for image in answer.images] == ["image/png", "image/jpeg"]
    assert answer.usage == Usage(images=2, megapixels=Decimal("0.008192"))


def test_pictures_without_an_index_keep_their_order(server: Loopback, flux: FluxProvider) -> None:
    server.answers(ok(pictures(entry(a_picture(64, 32, "JPEG"), None), entry(PICTURE, None))))
    answer = ask(flux, an_image_request(n=2))
    assert [image.content_type for image in answer.images] == ["image/jpeg", "image/png"]


def test_a_chunked_answer_is_read_whole(server: Loopback, flux: FluxProvider) -> None:
    body = pictures(entry())
    server.answers(chunked_head("application/json"), chunks([body[:50], body[50:]]), LAST_CHUNK)
    assert len(ask(flux).images) == 1


JSON_BUT_NO_PICTURES: Mapping[str, bytes] = {
    "nothing": b"",
    "no json": b"<html></html>",
    "cut json": pictures(entry())[:-2],
    "no object": b"[]",
    "no data": b'{"id": "x"}',
    "data of another type": b'{"data": {"0": 1}}',
    "entries of another type": pictures("picture"),
    "no picture": pictures(),
    "one too many": pictures(entry(), entry()),
    "an address instead": pictures({"index": 0, "url": "https://example.com/a.png"}),
    "null": pictures({"index": 0, "b64_json": None}),
    "not base64": pictures({"index": 0, "b64_json": "!!!"}),
    "almost base64": pictures({"index": 0, "b64_json": f"{base64.b64encode(PICTURE).decode()}!"}),
    "not ascii": pictures({"index": 0, "b64_json": "ü"}),
    "not a picture": pictures(entry(b"hello")),
    "cut picture": pictures(entry(PICTURE[:-1])),
    "cut jpeg": pictures(entry(a_picture(64, 32, "JPEG")[:-1])),
    "another size": pictures(entry(a_picture(32, 64))),
    "nested too deeply": b"[" * 200_000,
    "not utf-8": b'{"data": "\xff"}',
}


@pytest.mark.parametrize("body", JSON_BUT_NO_PICTURES.values(), ids=JSON_BUT_NO_PICTURES.keys())
def test_an_answer_that_is_not_the_pictures_asked_for_is_broken_but_billed(
    server: Loopback, flux: FluxProvider, body: bytes
) -> None:
    server.answers(ok(body))
    error = failing(flux)
    assert type(error) is errors.ProviderAnswerBroken
    assert billed_usage(error) == BILLED


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(ok(pictures(entry()))[:-9], id="short body"),
        pytest.param(
            http_answer(200, {"Content-Length": "999"}, pictures(entry())), id="whole pictures, more promised"
        ),
        pytest.param(chunked_head("application/json") + chunks([pictures(entry())]), id="no last chunk"),
        pytest.param(chunked_head("application/json") + b"zz\r\n", id="broken chunk"),
        pytest.param(chunked_head("application/json") + b"ff\r\nshort", id="short chunk"),
    ],
)
def test_a_body_cut_short_is_a_broken_answer(server: Loopback, flux: FluxProvider, answer: bytes) -> None:
    server.answers(answer)
    error = failing(flux)
    assert type(error) is errors.ProviderAnswerBroken
    assert billed_usage(error) == BILLED


def test_a_connection_reset_in_the_body_is_a_broken_answer(server: Loopback, flux: FluxProvider) -> None:
    def respond(connection: Connection) -> None:
        connection.send(http_answer(200, {"Content-Length": "999999"}, b"{"))
        connection.reset()

    server.respond = respond
    assert type(failing(flux)) in (errors.ProviderAnswerBroken, errors.ProviderUnavailable)


@pytest.mark.parametrize("head", [b"\x16\x03\x01 no http at all\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"x" * 70_000])
def test_what_is_not_http_is_a_broken_answer(server: Loopback, flux: FluxProvider, head: bytes) -> None:
    server.answers(head)
    assert type(failing(flux)) is errors.ProviderAnswerBroken


def test_an_answer_that_says_it_is_too_large_is_not_waited_for(server: Loopback) -> None:
    def respond(connection: Connection) -> None:
        connection.send(http_answer(200, {"Content-Length": str(MAX_ANSWER_BYTES + 1)}, b"{"))
        connection.stay_silent()

    server.respond = respond
    impatient = FluxProvider(server.url, lambda: KEY, deadline_seconds=2)
    assert type(failing(impatient)) is errors.ProviderAnswerBroken


def test_an_answer_that_only_turns_out_too_large_is_left(server: Loopback, flux: FluxProvider) -> None:
    piece = b" " * (4 * 1024 * 1024)
    sent = 0

    def respond(connection: Connection) -> None:
        nonlocal sent
        connection.send(chunked_head("application/json"))
        for _ in range(4 * MAX_ANSWER_BYTES // len(piece)):
            connection.send(chunks([piece]))
            sent += len(piece)

    server.respond = respond
    assert type(failing(flux)) is errors.ProviderAnswerBroken
    assert sent < 2 * MAX_ANSWER_BYTES


def test_flux_is_asked_for_images_only_and_only_at_a_known_price(flux: FluxProvider) -> None:
    with pytest.raises(errors.BrokenContractError):
        flux.generate(a_text_model(), a_text_request())
    with pytest.raises(errors.ModelUnpriced):
        flux.generate(an_unpriced_model(), an_image_request())
