"""The only module that reads the environment: one frozen dataclass, made on first use, that names what is missing."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING

from promptmill.errors import BrokenContractError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Settings:
    """What the template sets on the functions. A field ``jobs_table`` is the variable ``PROMPTMILL_JOBS_TABLE``.

    A function gets only the variables it uses; reading one it was not given raises ``BrokenContractError``.
    """

    stage: str | None = None
    jobs_table: str | None = None
    control_table: str | None = None
    library_table: str | None = None
    webhooks_table: str | None = None
    analytics_table: str | None = None
    artifacts_bucket: str | None = None
    state_machine_arn: str | None = None
    deletion_workflow_arn: str | None = None
    event_bus: str | None = None
    deliveries_queue_url: str | None = None
    webhook_loopback_ca: str | None = None
    together_secret_arn: str | None = None
    together_url: str | None = None
    owner_salt: str | None = None
    user_pool_issuer: str | None = None
    user_pool_jwks_url: str | None = None
    user_pool_clients: str | None = None
    clerk_issuer: str | None = None
    clerk_authorized_parties: str | None = None
    oidc_issuer: str | None = None
    oidc_jwks_url: str | None = None
    oidc_audience: str | None = None
    roles_claim: str | None = None
    operator_groups: str | None = None
    admin_groups: str | None = None
    cors_origins: str | None = None
    public_url: str | None = None
    text_models: str | None = None
    image_models: str | None = None
    anonymous_limits: str | None = None
    user_limits: str | None = None
    key_limits: str | None = None
    job_retention_days: str | None = None

    def require(self, *names: str) -> tuple[str, ...]:
        """The values of these settings; raises ``BrokenContractError`` naming every one that is missing."""
        missing = [name for name in names if not getattr(self, name)]
        if missing:
            raise BrokenContractError(f"settings missing: {', '.join(variable_name(name) for name in missing)}")
        return tuple(getattr(self, name) for name in names)


def variable_name(field: str) -> str:
    """The environment variable of a settings field."""
    return f"PROMPTMILL_{field.upper()}"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings in an environment; absent and empty variables are absent settings."""
    return Settings(**{f.name: environment.get(variable_name(f.name)) or None for f in fields(Settings)})


@cache
def settings() -> Settings:
    """This process's settings."""
    return read_settings(os.environ)
