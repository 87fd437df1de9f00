"""``keys``: makes, lists and revokes API keys."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from operations.arguments import KEY_ID, LIMIT, USER, Length, one_of
from operations.command import dry_run_option, marked, on_a_stage, usage_of
from operations.pages import entries
from operations.several import each
from promptmill.clock import now_ms, timestamp
from promptmill.http.admin_requests import CreateApiKey, new_key
from promptmill.http.body import validated
from promptmill.identity.access import Scope
from promptmill.identity.api_keys.model import KeyStatus
from promptmill.identity.api_keys.store import new_secret
from promptmill.identity.api_keys.view import key_view

if TYPE_CHECKING:
    from operations.deployment import Deployment
    from operations.output import Output

_COLUMNS = ("id", "status", "name", "scopes", "expires_at", "last_used_at", "owner")
_PAGE = 100


@click.group()
def keys() -> None:
    """Make, list and revoke API keys."""


@keys.command()
@click.option("--name", required=True, help="What it is for, for people.")
@click.option("--owner", type=USER, required=True, help="The user whom jobs made with it belong to.")
@click.option("--scope", "scopes", type=one_of(Scope), multiple=True, required=True, help="What it may do.")
@click.option(
    "--expires-in", "life_ms", type=Length("730d"), help="How long it is good for, such as 90d; else 365 days."
)
@dry_run_option
@on_a_stage
def create(
    deployment: Deployment,
    output: Output,
    *,
    name: str,
    owner: str,
    scopes: tuple[str, ...],
    life_ms: int | None,
    dry_run: bool,
) -> None:
    """Make an API key.

    Its secret is in what this prints and nowhere else: when that is lost, revoke the key and make another.
    """
    at_ms, secret = now_ms(), new_secret()
    expires_at = None if life_ms is None else timestamp(at_ms + life_ms)
    with usage_of({"scopes": "scope", "expires_at": "expires_in"}):
        wanted = validated({"name": name, "owner": owner, "scopes": scopes, "expires_at": expires_at}, CreateApiKey)
    key = new_key(wanted, owner=owner, secret=secret, at_ms=at_ms)
    if dry_run:
        deployment.overrides.get(owner)
        would_be = {name: value for name, value in key_view(key, at_ms=at_ms).items() if name != "id"}
        output.show({**would_be, **marked(dry_run=True)})
        return
    deployment.journal.note("keys create", key_id=key.id, owner=owner)
    deployment.keys.add(key)
    output.show({**key_view(key, at_ms=at_ms), "secret": secret})


@keys.command("ls")
@click.option("--owner", type=USER, help="Keys of this user.")
@click.option("--status", type=one_of(KeyStatus), help="Keys in this state.")
@click.option("--limit", type=LIMIT, default=20, show_default=True, help="How many keys at most.")
@on_a_stage
def list_keys(deployment: Deployment, output: Output, *, owner: str | None, status: str | None, limit: int) -> None:
    """List API keys, newest first, until 90 days after they ended."""
    at_ms = now_ms()
    with output.progress("keys looked at") as shown:
        found = entries(lambda after: deployment.keys.page(limit=_PAGE, after=after), shown.advance)
        views = (key_view(key, at_ms=at_ms) for key in found)
        wanted = (view for view in views if owner in {None, view["owner"]} and status in {None, view["status"]})
        output.table(islice(wanted, limit), _COLUMNS, without="No such keys.")


@keys.command()
@click.argument("key_ids", type=KEY_ID, nargs=-1, required=True)
@dry_run_option
@on_a_stage
def revoke(deployment: Deployment, output: Output, *, key_ids: tuple[str, ...], dry_run: bool) -> None:
    """Revoke the API keys KEY_IDS with all their secrets, for good; a secret in use is refused within a minute."""

    def act(key_id: str) -> tuple[dict[str, Any], str]:
        key, at_ms = deployment.keys.get(key_id), now_ms()
        if not dry_run:
            deployment.journal.note("keys revoke", key_id=key_id)
            deployment.keys.revoke(key_id, at_ms=at_ms)
        status = key.status(at_ms) if dry_run else KeyStatus.REVOKED
        would = f"would be revoked; it is {status}" if dry_run else "is revoked"
        return {"name": key.name, "owner": key.owner, "status": status, **marked(dry_run=dry_run)}, (
            f"{key_id} ({key.name}) {would}."
        )

    each("key_id", key_ids, act, output=output, progress="keys revoked")
