from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptmill.errors import ModelUnpriced
from promptmill.providers.catalog import find_model, load_catalog
from promptmill.providers.cost import (
    billed_megapixels,
    cost_usd,
    estimate_tokens,
    format_usd,
    output_limit,
    upper_bound_usd,
)
from promptmill.providers.interface import ImageRequest, Usage
from tests.unit.providers.builders import (
    a_rules_model,
    a_text_model,
    a_text_request,
    an_image_model,
    an_image_request,
    an_unpriced_model,
)

text_models = st.sampled_from([model for model in load_catalog() if model.provider != "flux"])
counts = st.integers(min_value=0, max_value=10**12)
usages = st.builds(Usage, input_tokens=counts, output_tokens=counts)
image_requests = st.builds(
    ImageRequest,
    prompt=st.just("a fox"),
    width=st.integers(256, 1440),
    height=st.integers(256, 1440),
    steps=st.integers(1, 12),
    n=st.integers(1, 4),
    seed=st.just(1),
)


def test_a_text_costs_its_tokens() -> None:
    usage = Usage(input_tokens=312, output_tokens=205)
    assert cost_usd(find_model("claude-haiku-4.5"), usage) == Decimal("0.0014707")


@pytest.mark.parametrize(
    ("steps", "usd"), [(1, "0.0028311552"), (4, "0.0028311552"), (5, "0.003538944"), (12, "0.0084934656")]
)
def test_a_picture_costs_its_pixels_and_the_steps_above_those_priced(steps: int, usd: str) -> None:
    model = find_model("flux-schnell")
    megapixels = billed_megapixels(model, an_image_request(width=1024, height=1024, steps=steps))
    assert cost_usd(model, Usage(images=1, megapixels=megapixels)) == Decimal(usd)


@given(text_models, usages, usages)
def test_costs_add_up(model: object, first: Usage, second: Usage) -> None:
    together = Usage(
        input_tokens=first.input_tokens + second.input_tokens, output_tokens=first.output_tokens + second.output_tokens
    )
    assert cost_usd(model, together) == cost_usd(model, first) + cost_usd(model, second)  # type: ignore[arg-type]


@given(usages)
def test_a_cost_is_exact_and_never_negative(usage: Usage) -> None:
    exact = (Fraction("0.035") * usage.input_tokens + Fraction("0.14") * usage.output_tokens) / 1_000_000
    cost = cost_usd(find_model("nova-micro"), usage)
    assert Fraction(cost) == exact
    assert cost >= 0


@given(image_requests, image_requests)
def test_pictures_add_up_exactly(first: ImageRequest, second: ImageRequest) -> None:
    model = find_model("flux-schnell")
    megapixels = [billed_megapixels(model, request) for request in (first, second)]
    costs = [cost_usd(model, Usage(images=1, megapixels=each)) for each in megapixels]
    assert cost_usd(model, Usage(images=2, megapixels=sum(megapixels, Decimal(0)))) == sum(costs)
    scaled = [Fraction(r.width * r.height * r.n * max(r.steps, 4), 4 * 10**6) for r in (first, second)]
    assert [Fraction(cost) for cost in costs] == [each * Fraction("0.0027") for each in scaled]


def test_the_rules_cost_nothing() -> None:
    assert cost_usd(a_rules_model(), Usage()) == 0
    assert upper_bound_usd(a_rules_model(), a_text_request()) == 0


def test_a_model_without_a_price_is_refused_not_free() -> None:
    with pytest.raises(ModelUnpriced):
        cost_usd(an_unpriced_model(), Usage())
    with pytest.raises(ModelUnpriced):
        upper_bound_usd(an_unpriced_model(), a_text_request())
    with pytest.raises(ModelUnpriced):
        upper_bound_usd(an_unpriced_model(), an_image_request())


def test_usage_that_the_price_does_not_cover_is_refused_not_free() -> None:
    with pytest.raises(ModelUnpriced):
        cost_usd(a_text_model(), Usage(images=1, megapixels=Decimal(1)))
    with pytest.raises(ModelUnpriced):
        cost_usd(an_image_model(), Usage(input_tokens=1))


@given(st.text(), st.text(), st.integers(1, 5000))
def test_no_answer_within_the_limits_costs_more_than_the_upper_bound(system: str, text: str, limit: int) -> None:
    model, request = a_text_model(), a_text_request(text, system=system, max_output_tokens=limit)
    most = Usage(
        input_tokens=len(f"{system}{text}".encode("utf-8", "surrogatepass")), output_tokens=output_limit(model, request)
    )
    assert cost_usd(model, most) <= upper_bound_usd(model, request)


def test_the_upper_bound_of_pictures_is_their_cost() -> None:
    request = an_image_request(width=1000, height=1000, n=4, steps=8)
    assert upper_bound_usd(an_image_model(usd="1"), request) == Decimal(8)


@pytest.mark.parametrize(("limit", "asked", "expected"), [(1000, 300, 300), (200, 300, 200), (None, 300, 300)])
def test_no_more_output_is_asked_for_than_the_model_gives(limit: int | None, asked: int, expected: int) -> None:
    model = a_text_model(max_output_tokens=limit)
    assert output_limit(model, a_text_request(max_output_tokens=asked)) == expected


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("x" * 7, 2), ("x" * 8, 3), ("日本語", 3)])
def test_tokens_are_estimated_from_bytes(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("0.000412", "0.000412"),
        ("1E-8", "0.00000001"),
        ("3.5E-8", "0.000000035"),
        ("0.0028311552", "0.002831156"),
        ("1E-12", "0.000000001"),
        ("1E+3", "1000"),
        ("12.50", "12.5"),
        ("-0.5", "-0.5"),
    ],
)
def test_money_is_written_without_an_exponent(amount: str, text: str) -> None:
    assert format_usd(Decimal(amount)) == text


@given(st.decimals(min_value=0, max_value=10**12, allow_nan=False, allow_infinity=False))
def test_written_money_is_never_less_than_it_is_and_less_than_a_unit_of_the_last_place_more(amount: Decimal) -> None:
    written = format_usd(amount)
    assert set(written) <= set("0123456789.")
    assert len(written.partition(".")[2]) <= 9
    assert 0 <= Fraction(written) - Fraction(amount) < Fraction(1, 10**9)
