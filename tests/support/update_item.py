"""What the workflow's own writes do to an item, in memory; ``tests/integration`` holds it to DynamoDB's answers.

Knows as much of DynamoDB's expressions as the workflow uses for jobs, and fails on everything else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Item = dict[str, Any]


def update_item(item: Item, arguments: Mapping[str, Any]) -> tuple[Item, Item] | None:
    """The item after the update and the attributes it set; None when the condition does not hold."""
    names, values = arguments.get("ExpressionAttributeNames", {}), arguments.get("ExpressionAttributeValues", {})
    condition = arguments.get("ConditionExpression")
    if condition is not None and not _holds(condition, item, names, values):
        return None
    action, _, rest = arguments["UpdateExpression"].partition(" ")
    if action == "REMOVE":
        gone = {name.strip() for name in rest.split(",")}
        return {name: value for name, value in item.items() if name not in gone}, {}
    assert action == "SET", action
    written = {}
    for assignment in re.split(r", (?=[#\w]+ = )", rest):
        name, value = assignment.split(" = ")
        attribute = names.get(name, name)
        default = re.fullmatch(r"if_not_exists\(([#\w]+), (:\w+)\)", value)
        if default is None:
            written[attribute] = values[value]
        else:
            kept = names.get(default[1], default[1])
            written[attribute] = item.get(kept, values[default[2]])
    return {**item, **written}, written


def _holds(condition: str, item: Item, names: Mapping[str, str], values: Mapping[str, Any]) -> bool:
    condition, _, absent = condition.partition(" AND ")
    if absent:
        missing = re.fullmatch(r"attribute_not_exists\(([#\w]+)\)", absent)
        assert missing is not None, absent
        if names.get(missing[1], missing[1]) in item:
            return False
    among = re.fullmatch(r"([#\w]+) IN \((:\w+(?:, :\w+)*)\)", condition)
    assert among is not None, condition
    return item.get(names.get(among[1], among[1])) in [values[name] for name in among[2].split(", ")]
