"""Who a request belongs to."""

from __future__ import annotations

import re
from typing import Any

import pytest

from promptmill.identity.caller import caller_of

SALT = "arn:aws:cloudformation:eu-west-1:123456789012:stack/promptmill/1"


def an_event(address: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    many = {name: [value] for name, value in (headers or {}).items()}
    return {
        "headers": headers or {},
        "multiValueHeaders": many,
        "requestContext": {"identity": {"sourceIp": address}},
    }


def owner(address: str, salt: str = SALT, headers: dict[str, str] | None = None) -> str:
    return caller_of(an_event(address, headers), salt=salt).owner


def test_the_same_address_is_the_same_owner() -> None:
    assert owner("203.0.113.7") == owner("203.0.113.7")


@pytest.mark.parametrize("other", ["203.0.113.8", "203.0.114.7", "203.0.113.70", "2001:db8::1"])
def test_another_address_is_another_owner(other: str) -> None:
    assert owner("203.0.113.7") != owner(other)


def test_another_salt_is_another_owner() -> None:
    assert owner("203.0.113.7") != owner("203.0.113.7", salt="other")


def test_the_address_cannot_be_read_from_the_owner() -> None:
    assert re.fullmatch(r"ip_[0-9a-f]{32}", owner("203.0.113.7"))


@pytest.mark.parametrize("header", ["x-forwarded-for", "X-Forwarded-For", "forwarded", "x-real-ip", "true-client-ip"])
def test_what_a_header_says_changes_nothing(header: str) -> None:
    assert owner("203.0.113.7", headers={header: "198.51.100.1"}) == owner("203.0.113.7")


@pytest.mark.parametrize("text", ["2001:db8:1:2::1", "2001:0DB8:0001:0002:0:0:0:1", "2001:db8:1:2:ffff:ffff:ffff:ffff"])
def test_the_addresses_a_host_picks_within_its_own_network_are_one_owner(text: str) -> None:
    assert owner(text) == owner("2001:db8:1:2:abcd::7")


@pytest.mark.parametrize("text", ["2001:db8:1:3::1", "2001:db8:2:2::1"])
def test_another_ipv6_network_is_another_owner(text: str) -> None:
    assert owner(text) != owner("2001:db8:1:2::1")


def test_an_ipv4_address_in_ipv6_clothes_is_the_ipv4_address() -> None:
    assert owner("::ffff:203.0.113.7") == owner("203.0.113.7")
    assert owner("::ffff:203.0.113.7") != owner("::ffff:203.0.113.8")


def test_an_address_of_no_known_form_is_still_an_owner_of_its_own() -> None:
    assert owner("test-invoke-source-ip") != owner("another")


def test_anonymous_callers_are_held_to_the_anonymous_limits() -> None:
    assert caller_of(an_event("203.0.113.7"), salt=SALT).plan == "anonymous"
