"""Scripted faults: which of the next calls goes wrong, and how."""

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from local.providers.bedrock_errors import BY_STATUS, ERROR_NAMES
from local.providers.calls import PROVIDERS, Provider
from local.providers.completion import STOP_REASONS

MAX_ENTRIES = 1_000
MAX_DELAY_MS = 120_000
MAX_PAUSE_MS = 5_000


@dataclass(frozen=True, slots=True)
class Fault:
    """What one call is told to do. Without an effect (the default) the call goes well.

    `delay_ms` comes before the answer, `pause_ms` before each piece of a streamed text.
    """

    delay_ms: int = 0
    pause_ms: int = 0
    status: int | None = None
    retry_after: float | None = None
    body: str | None = None
    truncate: bool = False
    disconnect: bool = False
    stop_reason: str | None = None
    error: str | None = None
    match: str | None = None
    repeat: int = 1

    def to_json(self) -> dict[str, Any]:
        untouched = asdict(Fault())
        return {name: value for name, value in asdict(self).items() if value != untouched[name]}


@dataclass(slots=True)
class _Pending:
    fault: Fault
    left: int


class Faults:
    """One first-in-first-out script per provider. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scripts: dict[Provider, list[_Pending]] = {name: [] for name in PROVIDERS}

    def add(self, provider: Provider, script: list[Fault]) -> None:
        with self._lock:
            self._scripts[provider].extend(_Pending(fault, fault.repeat) for fault in script)

    def take(self, provider: Provider, *prompts: str) -> Fault:
        """Consume the first entry that has no `match`, or whose `match` occurs in one of the prompts."""
        with self._lock:
            script = self._scripts[provider]
            for position, pending in enumerate(script):
                match = pending.fault.match
                if match is None or any(match in prompt for prompt in prompts):
                    pending.left -= 1
                    if not pending.left:
                        del script[position]
                    return pending.fault
        return Fault()

    def clear(self) -> None:
        with self._lock:
            for script in self._scripts.values():
                script.clear()

    def to_json(self) -> dict[str, list[dict[str, Any]]]:
        """Show what is left, `repeat` being the number of calls an entry is still good for."""
        with self._lock:
            return {
                name: [{**pending.fault.to_json(), "repeat": pending.left} for pending in script]
                for name, script in self._scripts.items()
            }


def read_script(content: Mapping[str, Any]) -> tuple[Provider, list[Fault]]:
    """Read `{"provider": ..., "script": [...]}`.

    Raises:
        ValueError: naming the field that is wrong, e.g. `script[1].status`.

    """
    if unknown := sorted(content.keys() - {"provider", "script"}):
        raise ValueError(f"{unknown[0]} is not a field of a fault script")
    provider = next((name for name in PROVIDERS if name == content.get("provider")), None)
    if provider is None:
        raise ValueError(f"provider must be one of {', '.join(PROVIDERS)}")
    entries = content.get("script")
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_ENTRIES:
        raise ValueError(f"script must be an array of 1 to {MAX_ENTRIES} entries")
    return provider, [_read_entry(entry, f"script[{index}]", provider) for index, entry in enumerate(entries)]


def _read_entry(entry: object, where: str, provider: Provider) -> Fault:
    if not isinstance(entry, dict):
        raise ValueError(f"{where} must be an object")  # noqa: TRY004 - one error for a bad script
    for name, value in entry.items():
        wanted = _problem(name, value, provider)
        if wanted:
            raise ValueError(f"{where}.{name} {wanted}")
    fault = Fault(**entry)
    effects = [
        name
        for name, present in (
            ("status", fault.status is not None),
            ("error", fault.error is not None),
            ("truncate", fault.truncate),
            ("disconnect", fault.disconnect),
            ("stop_reason", fault.stop_reason is not None),
            ("body", fault.body is not None and fault.status is None),
        )
        if present
    ]
    if len(effects) > 1:
        raise ValueError(f"{where}.{effects[1]} cannot be combined with {effects[0]}")
    if fault.retry_after is not None and not {"status", "error"} & set(effects):
        raise ValueError(f"{where}.retry_after needs a status or an error")
    return fault


def _problem(name: str, value: object, provider: Provider) -> str | None:  # noqa: C901, PLR0911 - one line per field
    """Say what the value of a field must be, when it is not."""
    match name:
        case "delay_ms":
            return _unless(_is_integer(value, 0, MAX_DELAY_MS), f"must be an integer from 0 to {MAX_DELAY_MS}")
        case "pause_ms" if provider == "chat":
            return _unless(_is_integer(value, 0, MAX_PAUSE_MS), f"must be an integer from 0 to {MAX_PAUSE_MS}")
        case "repeat":
            return _unless(_is_integer(value, 1, 1_000), "must be an integer from 1 to 1000")
        case "retry_after":
            in_range = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 86_400
            return _unless(in_range, "must be a number of seconds from 0 to 86400")
        case "truncate" | "disconnect":
            return _unless(isinstance(value, bool), "must be true or false")
        case "body":
            return _unless(isinstance(value, str), "must be a string")
        case "match":
            return _unless(isinstance(value, str) and value != "", "must be a non-empty string")
        case "status" if provider == "chat":
            return _unless(_is_integer(value, 0, 599) and value in BY_STATUS, f"must be one of {sorted(BY_STATUS)}")
        case "status":
            return _unless(_is_integer(value, 400, 599), "must be an integer from 400 to 599")
        case "error" if provider == "chat":
            return _unless(_is_one_of(value, ERROR_NAMES), f"must be one of {', '.join(sorted(ERROR_NAMES))}")
        case "stop_reason" if provider == "chat":
            return _unless(_is_one_of(value, STOP_REASONS), f"must be one of {', '.join(sorted(STOP_REASONS))}")
        case _:
            return f"is not a field of a {provider} fault"


def _unless(holds: bool, message: str) -> str | None:  # noqa: FBT001
    return None if holds else message


def _is_integer(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_one_of(value: object, names: frozenset[str]) -> bool:
    return isinstance(value, str) and value in names
