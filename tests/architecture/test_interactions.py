"""What the interactions workflow promises that only its definition and the template tell together."""

from __future__ import annotations

import re

from local.rendering import read_template
from promptmill.events.names import EventName
from tests.architecture.machines import INTERACTIONS, deployed, worst_seconds


def test_an_interaction_is_counted_or_parked_within_the_five_minutes_of_an_express_workflow() -> None:
    """https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html."""
    rules = [choice["Condition"] for choice in INTERACTIONS.states["ChooseByReasons"]["Choices"]]
    (conflicts,) = (int(found[1]) for rule in rules if (found := re.search(r"\$conflicts < (\d+)", rule)))
    assert "$random() * $power(2, $conflicts)" in INTERACTIONS.states["WaitOutConflict"]["Seconds"]
    slowest = (
        conflicts * worst_seconds(INTERACTIONS.states["CountInteraction"])
        + sum(2**conflict - 1 for conflict in range(1, conflicts))
        + worst_seconds(INTERACTIONS.states["ParkInteraction"])
    )
    assert slowest < INTERACTIONS.definition["TimeoutSeconds"] <= 300


def test_the_rule_starts_the_workflow_for_what_it_counts_and_for_nothing_else() -> None:
    pattern = read_template()["Resources"]["InteractionsRule"]["Properties"]["EventPattern"]
    counted = {EventName(name) for name in re.findall(r"'(\w+\.\w+)': '\w+'", INTERACTIONS.text)}
    assert set(pattern["detail-type"]) == counted
    assert set(pattern["source"]) == {name.source for name in counted}


def test_the_note_of_an_event_that_was_counted_outlives_the_event_in_the_archive() -> None:
    archive = read_template()["Resources"]["EventArchive"]["Properties"]
    _, workflow = deployed(INTERACTIONS)
    assert workflow["DefinitionSubstitutions"]["ArchiveDays"] == archive["RetentionDays"]
    assert "($number($archive_days) + 30) * 86400" in INTERACTIONS.text


def test_the_workflow_is_an_express_one_which_a_retry_of_its_own_cannot_count_twice() -> None:
    _, workflow = deployed(INTERACTIONS)
    (note, _) = INTERACTIONS.states["CountInteraction"]["Arguments"]["TransactItems"]
    assert workflow["Type"] == "EXPRESS"
    assert note["Put"]["ConditionExpression"] == "attribute_not_exists(pk)"
