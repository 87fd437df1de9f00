"""Which URLs a webhook may have."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptmill.events.webhooks.url import Target, check_url, host_address, is_public
from tests.unit.webhooks.urls import GOOD, HOSTILE


@pytest.mark.parametrize(("url", "host_and_path"), GOOD.items())
def test_a_url_to_the_public_internet_is_taken_apart(url: str, host_and_path: tuple[str, str]) -> None:
    assert check_url(url, loopback_allowed=False) == Target(host_and_path[0], 443, host_and_path[1])


@pytest.mark.parametrize("url", HOSTILE, ids=ascii)
def test_a_url_that_leads_or_reads_otherwise_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="the URL"):
        check_url(url, loopback_allowed=False)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://localhost:8443/hooks", Target("localhost", 8443, "/hooks")),
        ("https://127.0.0.1:1/", Target("127.0.0.1", 1, "/")),
        ("https://LOCALHOST", Target("localhost", 443, "/")),
        ("https://localhost:65535?x", Target("localhost", 65535, "/?x")),
    ],
)
def test_where_loopback_is_allowed_it_is_allowed_at_any_port(url: str, target: Target) -> None:
    assert check_url(url, loopback_allowed=True) == target
    assert target.is_loopback


@pytest.mark.parametrize("port", ["", "0", "08443", "65536", "443x", "-1", "٤٤٣"])
def test_a_port_of_loopback_is_one(port: str) -> None:
    with pytest.raises(ValueError, match="the URL"):
        check_url(f"https://localhost:{port}/", loopback_allowed=True)


SAYS_LOOPBACK = {"https://127.0.0.1/", "https://localhost/", "https://LOCALHOST/"}


@pytest.mark.parametrize("url", [url for url in HOSTILE if url not in SAYS_LOOPBACK], ids=ascii)
def test_where_loopback_is_allowed_all_else_stays_forbidden(url: str) -> None:
    with pytest.raises(ValueError, match="the URL"):
        check_url(url, loopback_allowed=True)


@pytest.mark.parametrize("url", [*GOOD, "https://example.com:443"])
def test_where_loopback_is_allowed_the_public_internet_is_too(url: str) -> None:
    assert check_url(url, loopback_allowed=True) == check_url(url, loopback_allowed=False)
    assert not check_url(url, loopback_allowed=True).is_loopback


# Whether a host on the public internet can have the address, pinned: Pythons differ in what ``is_global`` says.
ADDRESSES = {
    "1.1.1.1": True,
    "8.8.8.8": True,
    "52.95.110.1": True,
    "100.63.255.255": True,
    "100.128.0.1": True,
    "172.32.0.1": True,
    "192.0.1.1": True,
    "198.20.0.1": True,
    "223.255.255.255": True,
    "2606:4700:4700::1111": True,
    "2a00:1450:4001:80e::200e": True,
    "2001:200::1": True,
    "2001:4860:4860::8888": True,
    "2003::1": True,
    "2600:1f18::1": True,
    "::ffff:8.8.8.8": True,
    "0.0.0.0": False,
    "0.1.2.3": False,
    "10.255.255.255": False,
    "100.64.0.0": False,
    "100.127.255.255": False,
    "127.0.0.1": False,
    "169.254.169.254": False,
    "172.16.0.0": False,
    "172.31.255.255": False,
    "192.0.0.0": False,
    "192.0.0.9": False,
    "192.0.0.10": False,
    "192.0.0.170": False,
    "192.0.0.255": False,
    "192.0.2.1": False,
    "192.88.99.1": False,
    "192.168.0.1": False,
    "198.18.0.1": False,
    "198.19.255.255": False,
    "198.51.100.1": False,
    "203.0.113.1": False,
    "224.0.0.1": False,
    "233.252.0.1": False,
    "239.255.255.255": False,
    "240.0.0.1": False,
    "255.255.255.255": False,
    "::": False,
    "::1": False,
    "::8.8.8.8": False,
    "::a9fe:a9fe": False,
    "::ffff:10.0.0.1": False,
    "::ffff:169.254.169.254": False,
    "::ffff:192.0.0.9": False,
    "::ffff:224.0.0.1": False,
    "::ffff:0:8.8.8.8": False,
    "64:ff9b::8.8.8.8": False,
    "64:ff9b::a9fe:a9fe": False,
    "64:ff9b:1::1": False,
    "100::1": False,
    "2001::1": False,
    "2001:0:a9fe:a9fe::1": False,
    "2001:1::1": False,
    "2001:2::1": False,
    "2001:3::1": False,
    "2001:4:112::1": False,
    "2001:10::1": False,
    "2001:20::1": False,
    "2001:30::1": False,
    "2001:1ff:ffff::1": False,
    "2001:db8::1": False,
    "2002:808:808::1": False,
    "2002:a9fe:a9fe::": False,
    "3fff::1": False,
    "4000::1": False,
    "5f00::1": False,
    "fc00::1": False,
    "fd00:ec2::254": False,
    "fe80::1": False,
    "fe80::1%eth0": False,
    "fec0::1": False,
    "ff02::1": False,
    "ff0e::8.8.8.8": False,
    "ffff::1": False,
}


@pytest.mark.parametrize(("address", "expected"), ADDRESSES.items())
def test_an_address_is_public_where_a_host_on_the_internet_can_have_it(address: str, *, expected: bool) -> None:
    assert is_public(ip_address(address)) is expected


@given(st.ip_addresses())
def test_an_address_is_never_public_that_python_calls_private_or_a_group(address: object) -> None:
    parsed = ip_address(str(address))
    assert not (is_public(parsed) and (parsed.is_private or parsed.is_multicast or parsed.is_link_local))


@given(st.ip_addresses())
def test_an_address_is_a_good_host_in_its_usual_form_exactly_where_it_is_public(address: object) -> None:
    parsed = ip_address(str(address))
    text = f"[{parsed}]" if parsed.version == 6 else str(parsed)
    taken = True
    try:
        assert host_address(check_url(f"https://{text}/", loopback_allowed=False).host) == parsed
    except ValueError:
        taken = False
    assert taken == (is_public(parsed) and getattr(parsed, "ipv4_mapped", None) is None)


@given(st.text(alphabet="ab1.-:@%/?#[]\\\t\r\n \u00e9\uff0e", max_size=30))
def test_whatever_is_taken_is_one_line_of_plain_ascii(rest: str) -> None:
    try:
        target = check_url(f"https://a.b{rest}", loopback_allowed=False)
    except ValueError:
        return
    assert target.port == 443
    assert (target.host + target.path_and_query).isascii()
    assert (target.host + target.path_and_query).isprintable()
    assert not set(target.host + target.path_and_query) & set(' \\#"<>')
