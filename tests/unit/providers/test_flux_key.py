"""The key goes into one header of a request to one server, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.certificates import server_context
from promptmill import errors
from promptmill.providers.flux import FluxProvider
from tests.support.loopback import Loopback
from tests.unit.providers.flux_wire import KEY, ask, entry, failing, ok, pictures

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("key", ["", "  ", f"{KEY}\r\nX-Injected: 1", f"{KEY} more", f"{KEY}ü"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(server: Loopback, key: str) -> None:
    server.answers(ok(pictures(entry())))
    assert type(failing(FluxProvider(server.url, lambda: key))) is errors.ProviderAccessDenied
    assert server.received == []


def test_the_newline_a_secret_was_stored_with_is_not_part_of_the_key(server: Loopback) -> None:
    server.answers(ok(pictures(entry())))
    ask(FluxProvider(server.url, lambda: f"{KEY}\n"))
    assert server.received[0].headers["authorization"] == f"Bearer {KEY}"


def test_the_key_is_asked_for_at_every_attempt(server: Loopback) -> None:
    keys = iter(["first", "second"])
    provider = FluxProvider(server.url, lambda: next(keys))
    server.answers(ok(pictures(entry())))
    ask(provider)
    ask(provider)
    assert [request.headers["authorization"] for request in server.received] == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize("url", ["http://example.com/v1", "ftp://127.0.0.1", "", "api.together.xyz/v1"])
def test_the_key_is_never_sent_in_the_clear_to_another_machine(url: str) -> None:
    with pytest.raises(errors.BrokenContractError):
        FluxProvider(url, lambda: KEY)


def test_the_provider_does_not_show_its_key(flux: FluxProvider) -> None:
    assert KEY not in repr(flux)


def test_a_server_with_a_certificate_nobody_signed_never_sees_the_key(tmp_path: Path) -> None:
    context = server_context(tmp_path)
    with Loopback(lambda sock: context.wrap_socket(sock, server_side=True)) as loopback:
        loopback.answers(ok(pictures(entry())))
        provider = FluxProvider(f"https://localhost:{loopback.port}/v1", lambda: KEY)
        assert type(failing(provider)) is errors.ProviderUnavailable
        assert loopback.received == []
