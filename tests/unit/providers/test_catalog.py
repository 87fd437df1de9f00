from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from promptmill.errors import BrokenContractError, InvalidInput
from promptmill.providers.catalog import (
    DEFAULT_IMAGE_MODELS,
    DEFAULT_TEXT_MODELS,
    ImagePrice,
    Model,
    TextPrice,
    candidates,
    find_model,
    load_catalog,
    parse_catalog,
    public_catalog,
)
from tests.unit.providers.builders import a_rules_model, a_text_model, a_text_price, an_image_model, an_unpriced_model

TODAY = date(2026, 11, 21)

CHEAP = a_text_model("cheap", price=a_text_price("1", "2"))
MIDDLE = a_text_model("middle", price=a_text_price("2", "4"))
DEAR = a_text_model("dear", price=a_text_price("4", "8"))
LOPSIDED = a_text_model("lopsided", price=a_text_price("1", "5"))
RULES = a_rules_model()
CATALOG = (CHEAP, MIDDLE, DEAR, LOPSIDED, RULES, an_image_model())


def chosen(kind: str, requested: str | None, *configured: str, catalog: tuple[Model, ...] = CATALOG) -> list[str]:
    return [model.alias for model in candidates(kind, requested, configured, TODAY, catalog=catalog)]


def test_without_a_request_the_configured_order_holds_and_enhance_ends_with_the_rules() -> None:
    assert chosen("enhance", None, "middle", "cheap") == ["middle", "cheap", "rules"]


def test_only_enhance_falls_back_to_the_rules() -> None:
    assert chosen("chat", None, "middle", "cheap") == ["middle", "cheap"]


def test_a_requested_model_comes_first_and_once() -> None:
    assert chosen("chat", "middle", "cheap", "middle") == ["middle", "cheap"]


def test_a_requested_model_does_not_fall_back_to_one_that_is_dearer_in_any_price() -> None:
    assert chosen("enhance", "middle", "dear", "lopsided", "cheap") == ["middle", "cheap", "rules"]


def test_a_requested_enhancer_without_a_model_stays_without_one() -> None:
    assert chosen("enhance", "rules", "cheap", "dear") == ["rules"]


def test_the_rules_come_last_wherever_they_are_configured() -> None:
    assert chosen("enhance", None, "rules", "cheap", "cheap") == ["cheap", "rules"]


def test_a_model_without_a_price_is_not_tried_and_cannot_be_asked_for() -> None:
    catalog = (*CATALOG, an_unpriced_model())
    assert chosen("enhance", "middle", "mystery", catalog=catalog) == ["middle", "rules"]
    assert chosen("enhance", None, "mystery", "cheap", catalog=catalog) == ["cheap", "rules"]
    with pytest.raises(InvalidInput):
        chosen("enhance", "mystery", catalog=catalog)
    with pytest.raises(BrokenContractError):
        chosen("chat", None, "mystery", catalog=catalog)


def test_a_cheaper_picture_at_fewer_priced_steps_is_not_cheaper() -> None:
    catalog = (an_image_model("first", usd="2", at_steps=4), an_image_model("second", usd="1", at_steps=1))
    assert chosen("image", "first", "first", "second", catalog=catalog) == ["first"]


def test_models_of_another_kind_are_left_out() -> None:
    assert chosen("image", None, "cheap", "painter") == ["painter"]


@pytest.mark.parametrize(("day", "usable"), [(date(2026, 11, 22), True), (date(2026, 11, 21), False)])
def test_a_model_is_used_until_the_day_before_it_ends(day: date, *, usable: bool) -> None:
    catalog = (CHEAP, a_text_model("old", ends_on=day))
    assert chosen("chat", None, "old", "cheap", catalog=catalog) == (["old", "cheap"] if usable else ["cheap"])


@pytest.mark.parametrize(
    ("kind", "alias"), [("chat", "nobody"), ("chat", "painter"), ("chat", "rules"), ("image", "cheap"), ("chat", "old")]
)
def test_a_requested_model_that_cannot_be_used_is_refused_with_what_there_is(kind: str, alias: str) -> None:
    catalog = (*CATALOG, a_text_model("old", ends_on=TODAY))
    with pytest.raises(InvalidInput) as caught:
        chosen(kind, alias, "cheap", catalog=catalog)
    ((pointer, detail),) = caught.value.errors
    assert pointer == "/model"
    assert ("cheap, dear, lopsided, middle" if kind == "chat" else "painter") in detail
    assert alias not in detail


def test_a_configured_model_that_is_not_in_the_catalog_is_a_broken_set_up() -> None:
    with pytest.raises(BrokenContractError, match="nobody"):
        chosen("chat", "cheap", "cheap", "nobody")


def test_a_kind_without_any_usable_model_is_a_broken_set_up() -> None:
    with pytest.raises(BrokenContractError, match="kind image"):
        chosen("image", None, "cheap")


def test_an_unknown_alias_is_invalid_input() -> None:
    assert find_model("cheap", catalog=CATALOG) is CHEAP
    with pytest.raises(InvalidInput):
        find_model("nobody", catalog=CATALOG)


def test_the_catalog_we_ship_is_valid_and_has_a_price_for_every_model() -> None:
    assert [model.alias for model in load_catalog() if model.price is None] == []
    haiku = find_model("claude-haiku-4.5").price
    assert haiku == TextPrice(Decimal("1.10"), Decimal("5.50"))
    assert find_model("flux-schnell").price == ImagePrice(Decimal("0.0027"), 4)


def test_no_model_of_the_catalog_has_ended() -> None:
    today = datetime.now(UTC).date()
    defaults = {*DEFAULT_TEXT_MODELS, *DEFAULT_IMAGE_MODELS}
    ended = [
        f"{model.alias} ended on {model.ends_on}{', and is a default' if model.alias in defaults else ''}"
        for model in load_catalog()
        if model.has_ended(today)
    ]
    assert ended == [], "take these out of catalog.json, and their aliases out of every setting"


@pytest.mark.parametrize("kind", ["enhance", "chat", "template"])
def test_the_default_text_models_can_be_used_for_every_kind_of_text(kind: str) -> None:
    aliases = [model.alias for model in candidates(kind, None, DEFAULT_TEXT_MODELS, TODAY)]
    assert aliases == [*DEFAULT_TEXT_MODELS, *(["rules"] if kind == "enhance" else [])]


def test_the_default_image_models_can_be_used_for_images() -> None:
    assert (
        tuple(model.alias for model in candidates("image", None, DEFAULT_IMAGE_MODELS, TODAY)) == DEFAULT_IMAGE_MODELS
    )


def test_the_public_catalog_has_prices_as_strings_and_no_model_ids() -> None:
    text, image = public_catalog(catalog=(a_text_model(ends_on=TODAY), an_image_model()))["data"]
    assert text == {
        "alias": "clever",
        "provider": "bedrock",
        "kinds": ["enhance", "chat"],
        "price": {"input_usd_per_million_tokens": "1.10", "output_usd_per_million_tokens": "5.50"},
        "limits": {"context_tokens": None, "max_output_tokens": 1000},
        "ends_on": "2026-11-21",
    }
    assert image["price"] == {"usd_per_megapixel": "0.0027", "at_steps": 4}
    assert json.loads(json.dumps(public_catalog())) == public_catalog()


def an_entry(**changes: object) -> dict[str, Any]:
    entry = {
        "alias": "a",
        "provider": "bedrock",
        "model_id": "m",
        "kinds": ["chat"],
        "price": {"input_usd_per_million_tokens": "1", "output_usd_per_million_tokens": "2.5"},
    }
    return {name: value for name, value in (entry | changes).items() if value is not None}


def text_price(value: object) -> dict[str, object]:
    return {"input_usd_per_million_tokens": "1", "output_usd_per_million_tokens": value}


def test_an_entry_without_a_price_is_valid_and_unpriced() -> None:
    (model,) = parse_catalog(json.dumps({"models": [an_entry(price=None)]}))
    assert model.price is None


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        pytest.param(an_entry(speed="fast"), "unknown fields: speed", id="unknown field"),
        pytest.param(an_entry(model_id=None), "lacks fields: model_id", id="missing field"),
        pytest.param(an_entry(kinds=["video"]), "unknown provider or kind", id="unknown kind"),
        pytest.param(an_entry(kinds=[["chat"]]), "unknown provider or kind", id="kind of another type"),
        pytest.param(an_entry(kinds=[]), "kinds is not valid", id="no kind"),
        pytest.param(an_entry(provider="other"), "unknown provider or kind", id="unknown provider"),
        pytest.param(an_entry(context_tokens=-1), "context_tokens is not valid", id="negative limit"),
        pytest.param(an_entry(max_output_tokens=True), "max_output_tokens is not valid", id="boolean limit"),
        pytest.param(an_entry(ends_on="tomorrow"), "ends_on is not a date", id="no date"),
        pytest.param(an_entry(price=text_price("-1")), "not negative", id="negative price"),
        pytest.param(an_entry(price=text_price(2.5)), "must be a string", id="price as a float"),
        pytest.param(an_entry(price=text_price("1e3")), "must be a string", id="price with an exponent"),
        pytest.param(an_entry(price=text_price("NaN")), "must be a string", id="price that is no number"),
        pytest.param(an_entry(price=text_price(None)), "must be a string", id="no price in the price"),
        pytest.param(an_entry(price={"usd_per_megapixel": "1", "at_steps": 4}), "price is not valid", id="other price"),
        pytest.param(
            an_entry(kinds=["image"], price={"usd_per_megapixel": "1", "at_steps": 3}),
            "price is not valid",
            id="thirds",
        ),
        pytest.param("text", "must be an object", id="no object"),
    ],
)
def test_a_broken_entry_is_refused_by_name(entry: object, said: str) -> None:
    with pytest.raises(BrokenContractError, match=said):
        parse_catalog(json.dumps({"models": [entry]}))


@pytest.mark.parametrize("field", ["alias", "model_id"])
def test_two_entries_cannot_share_a_name(field: str) -> None:
    other = an_entry(**({"alias": "b", "model_id": "n"} | {field: an_entry()[field]}))
    with pytest.raises(BrokenContractError, match=f"same {field} twice"):
        parse_catalog(json.dumps({"models": [an_entry(), other]}))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"models": {}}', '{"models": [], "more": 1}'])
def test_a_document_of_another_shape_is_refused(text: str) -> None:
    with pytest.raises(BrokenContractError):
        parse_catalog(text)
