"""The plans of a deployment, from its settings."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from promptmill.errors import BrokenContractError
from promptmill.limits.plan import parse_limits
from promptmill.settings import settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptmill.limits.plan import Limits


def plans_of(anonymous: str, user: str, key: str) -> Mapping[str, Limits]:
    """The limits of every plan by its name, as a deployment writes them; ``BrokenContractError`` for no limits."""
    try:
        return {
            plan: parse_limits(plan, text) for plan, text in (("anonymous", anonymous), ("user", user), ("key", key))
        }
    except ValueError as error:
        raise BrokenContractError(str(error)) from error


@cache
def default_plans() -> Mapping[str, Limits]:
    """This process's plans."""
    return plans_of(*settings().require("anonymous_limits", "user_limits", "key_limits"))
