import io
from base64 import b64decode
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.unit.local_providers.stack import Stack


def picture(answer: httpx.Response, index: int = 0) -> Image.Image:
    image = Image.open(io.BytesIO(b64decode(answer.json()["data"][index]["b64_json"])))
    image.load()
    return image


def test_an_image_has_the_size_and_the_format_that_was_asked_for(stack: Stack) -> None:
    drawn = picture(stack.draw(width=416, height=288))
    assert (drawn.size, drawn.format) == ((416, 288), "PNG")
    drawn = picture(stack.draw(width=257, height=300, output_format="jpeg", response_format="base64"))
    assert (drawn.size, drawn.format) == ((257, 300), "JPEG")


def test_the_answer_has_the_shape_of_together_and_says_that_no_model_was_called(stack: Stack) -> None:
    answer = stack.draw(n=2)
    content = answer.json()
    assert answer.headers["x-promptmill-stand-in"] == "true"
    assert content["promptmill_stand_in"] is True
    assert (content["object"], content["model"]) == ("list", "flux")
    assert [sorted(item) for item in content["data"]] == [["b64_json", "index"]] * 2
    assert content["id"]


def test_the_same_request_gets_the_same_bytes(stack: Stack) -> None:
    assert stack.draw(seed=5).content == stack.draw(seed=5).content


def test_every_image_of_one_request_differs(stack: Stack) -> None:
    assert len({item["b64_json"] for item in stack.draw(n=4).json()["data"]}) == 4


def test_an_image_can_be_asked_for_as_a_link(stack: Stack) -> None:
    answer = stack.draw(response_format="url")
    fetched = httpx.get(answer.json()["data"][0]["url"], trust_env=False)
    assert fetched.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(fetched.content)).size == (256, 256)
    assert stack.http.get("/_images/unknown.png").status_code == 404


@pytest.mark.parametrize("authorization", [None, "Bearer", "Basic abc"])
def test_a_request_without_a_bearer_key_is_refused(stack: Stack, authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    answer = stack.http.post("/v1/images/generations", json={"model": "m", "prompt": "p"}, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize(
    ("param", "value"),
    [
        ("width", 255),
        ("height", 1441),
        ("width", 512.0),
        ("height", True),
        ("steps", 0),
        ("n", 5),
        ("seed", -1),
        ("seed", "1"),
        ("prompt", " "),
        ("model", None),
        ("negative_prompt", 3),
        ("guidance_scale", "high"),
        ("output_format", "gif"),
        ("response_format", "bytes"),
    ],
)
def test_a_wrong_field_is_refused_by_name(stack: Stack, param: str, value: Any) -> None:
    answer = stack.draw(**{param: value})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["type"]) == (400, param, "invalid_request_error")


def test_a_refused_request_uses_up_no_fault(stack: Stack) -> None:
    stack.script("flux", {"status": 500})
    assert stack.draw(width=1).status_code == 400
    assert stack.draw().status_code == 500
    assert stack.draw().status_code == 200


@pytest.mark.parametrize("status", [402, 429, 500, 503, 524])
def test_a_scripted_status_answers_in_the_form_of_together(stack: Stack, status: int) -> None:
    stack.script("flux", {"status": status, "retry_after": 1})
    answer = stack.draw()
    assert (answer.status_code, answer.headers["retry-after"]) == (status, "1")
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("fault", [{"truncate": True}, {"disconnect": True}])
def test_a_broken_connection_is_one_for_the_client(stack: Stack, fault: dict[str, Any]) -> None:
    stack.script("flux", fault)
    with pytest.raises(httpx.RemoteProtocolError):
        stack.draw()
    assert stack.draw().status_code == 200


def test_a_scripted_body_may_be_no_json(stack: Stack) -> None:
    stack.script("flux", {"body": "not json"}, {"body": "<html>", "status": 502})
    assert stack.draw().text == "not json"
    second = stack.draw()
    assert (second.status_code, second.text) == (502, "<html>")
