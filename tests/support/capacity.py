"""What a DynamoDB call costs in capacity units.

Writes as MiniStack reports them. It, like moto, reports one flat rate for every read, whatever it read, so reads are
computed from what was examined, by the rules of
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

READ_UNIT_BYTES = 4096


@dataclass(frozen=True)
class Cost:
    """``examined`` counts the items or index entries that were read or written, those a filter dropped too."""

    operation: str
    examined: int
    units: float


def cost_of(operation: str, asked: dict[str, Any], answered: dict[str, Any]) -> Cost:
    """The cost of a call from its parameters and its answer."""
    match operation:
        case "Query":
            return Cost(operation, answered["ScannedCount"], _read_units(_bytes_examined(answered), asked))
        case "GetItem":
            return Cost(operation, 1, _read_units(item_bytes(answered.get("Item", {})), asked))
        case "BatchGetItem":
            return _batch_cost(asked["RequestItems"], answered["Responses"])
        case _:
            consumed = answered.get("ConsumedCapacity", [])
            listed = consumed if isinstance(consumed, list) else [consumed]
            return Cost(operation, 1, sum(one["CapacityUnits"] for one in listed))


def item_bytes(item: dict[str, dict[str, Any]]) -> int:
    """Names and texts in UTF-8, two digits of a number to a byte and one more."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: dict[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return (len(content) + 1) // 2 + 1
        case "BOOL":
            return 1
    raise AssertionError(f"there is no rule for {kind} yet")


def _bytes_examined(answered: dict[str, Any]) -> int:
    """What a filter dropped is not in the answer; it counts as much as what is, so it should be of the same size."""
    returned = [item_bytes(item) for item in answered["Items"]]
    assert returned or not answered["ScannedCount"], "nothing came back, so what was examined has no size"
    return math.ceil(sum(returned) / len(returned) * answered["ScannedCount"]) if returned else 0


def _read_units(size_bytes: int, asked: dict[str, Any]) -> float:
    return max(1, math.ceil(size_bytes / READ_UNIT_BYTES)) * (1.0 if asked.get("ConsistentRead") else 0.5)


def _batch_cost(asked: dict[str, Any], found: dict[str, list[dict[str, Any]]]) -> Cost:
    """Each item is rounded up by itself; a key that has none costs as much as the smallest."""
    examined, units = 0, 0.0
    for table, wanted in asked.items():
        missing = len(wanted["Keys"]) - len(found[table])
        sizes = [item_bytes(item) for item in found[table]] + [0] * missing
        examined += len(sizes)
        units += sum(_read_units(size, wanted) for size in sizes)
    return Cost("BatchGetItem", examined, units)
