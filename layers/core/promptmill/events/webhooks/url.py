"""Where a webhook's URL may lead: to https on the public internet, and nowhere else. Pure.

A URL that two parsers read differently leads one of them astray, so one plain form of it is taken and no other. What a
name resolves to is looked at when something is sent, each time: ``gateway``, and docs/decisions/0024.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

MAX_URL_LENGTH = 2048
HTTPS_PORT = 443
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1"})

_MAX_HOST_LENGTH = 253
_MAX_PORT = 65535
_URL = re.compile(
    r"https://(?P<host>\[[^/?#@\[\]]*\]|[^/?#@:\[\]]*)(?::(?P<port>[^/?#@]*))?(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?",
    re.IGNORECASE,
)
# RFC 3986, section 3.3 and 3.4.
_PATH_AND_QUERY = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")
_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# Where the last label is a number, browsers and C libraries read an IPv4 address: 127.1, 0x7f.0.0.1, 10.0x1.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_INTERNAL_DOMAINS = (".localhost", ".local", ".internal", ".home.arpa")

# Beyond what ``is_global`` and ``is_multicast`` refuse in every Python. What leads into the other protocol's network is
# here (NAT64, 6to4, Teredo), and what Pythons disagree about: https://github.com/python/cpython/issues/113171
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_SPECIAL_PURPOSE_V6 = (IPv6Network("2001::/23"), IPv6Network("2002::/16"), IPv6Network("3fff::/20"))
_SPECIAL_PURPOSE_V4 = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"))


@dataclass(frozen=True, slots=True)
class Target:
    """A checked URL. ``host`` is a name in lower case or an address, an IPv6 one without its brackets."""

    host: str
    port: int
    path_and_query: str

    @property
    def is_loopback(self) -> bool:
        return self.host in LOOPBACK_HOSTS


def check_url(url: str, *, loopback_allowed: bool) -> Target:
    """The target of a URL that something may be sent to; raises ``ValueError`` that says what is wrong with it.

    ``loopback_allowed`` takes ``localhost`` and ``127.0.0.1`` at any port besides, for a stack on a laptop.
    """
    if len(url) > MAX_URL_LENGTH:
        raise ValueError(f"the URL is longer than {MAX_URL_LENGTH} characters")
    if not url.isascii():
        raise ValueError("the URL must be ASCII: other letters are written xn--… in a host, and %… in a path")
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError("the URL must be https://, a host and a path, without a user, a password or a fragment")
    path_and_query = (match["path"] or "/") + (match["query"] or "")
    if not _PATH_AND_QUERY.fullmatch(path_and_query):
        raise ValueError("the URL's path or query has characters that must be percent-encoded")
    host = match["host"].lower()
    if loopback_allowed and host in LOOPBACK_HOSTS:
        return Target(host, _any_port(match["port"]), path_and_query)
    if match["port"] not in {None, str(HTTPS_PORT)}:
        raise ValueError(f"the URL's port must be {HTTPS_PORT}")
    return Target(_checked_host(host), HTTPS_PORT, path_and_query)


def host_address(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a target's host is, None where it is a name."""
    try:
        return IPv6Address(host) if ":" in host else IPv4Address(host)
    except ValueError:
        return None


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is a host's on the public internet, the same under every Python we run on."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address not in _GLOBAL_UNICAST or any(address in network for network in _SPECIAL_PURPOSE_V6):
            return False
    elif any(address in network for network in _SPECIAL_PURPOSE_V4):
        return False
    return address.is_global and not address.is_multicast


def _checked_host(host: str) -> str:
    """The host as a target has it."""
    if host.startswith("[") or _NUMBER.fullmatch(host.rpartition(".")[2]):
        return _checked_address(host)
    if len(host) > _MAX_HOST_LENGTH or not _NAME.fullmatch(host):
        raise ValueError("the URL's host is no full domain name")
    if host.endswith(_INTERNAL_DOMAINS):
        raise ValueError("the URL's host is a name of internal networks")
    return host


def _checked_address(host: str) -> str:
    address = host_address(host.strip("[]"))
    usual_form: str | None = None
    match address:
        case IPv4Address():
            usual_form = str(address)
        # A mapped one reads differently from one Python to the next, and is an IPv4 address better written as one.
        case IPv6Address(ipv4_mapped=None, scope_id=None):
            usual_form = f"[{address}]"
    if address is None or host != usual_form:
        raise ValueError("the URL's host must be a name, or an address in its usual form")
    if not is_public(address):
        raise ValueError("the URL's host is an address that is not public")
    return str(address)


def _any_port(text: str | None) -> int:
    if text is None:
        return HTTPS_PORT
    if not re.fullmatch(r"[1-9][0-9]{0,4}", text) or int(text) > _MAX_PORT:
        raise ValueError("the URL's port is none")
    return int(text)
