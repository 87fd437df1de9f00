"""This deployment's plans, from its settings."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from promptmill.errors import BrokenContractError
from promptmill.limits.plan import parse_limits
from promptmill.settings import settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptmill.limits.plan import Limits


@cache
def default_plans() -> Mapping[str, Limits]:
    """The limits of every plan by its name; ``BrokenContractError`` when a setting cannot be read."""
    anonymous, user, key = settings().require("anonymous_limits", "user_limits", "key_limits")
    try:
        return {
            plan: parse_limits(plan, text) for plan, text in (("anonymous", anonymous), ("user", user), ("key", key))
        }
    except ValueError as error:
        raise BrokenContractError(str(error)) from error
