"""The edges of a state machine, and which of them an execution took, from its definition and its history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Definition = dict[str, Any]
HistoryEvent = dict[str, Any]


@dataclass(frozen=True, order=True)
class Edge:
    """One way out of a state; a retrier leads back to its own state.

    ``way`` is its place in the file: ``Next``, ``Default``, ``Choices[i]``, ``Retry[i]``, ``Catch[i]``.
    """

    state: str
    way: str
    target: str

    def __str__(self) -> str:
        return f"{self.state} --{self.way}--> {self.target}"


@dataclass(frozen=True)
class Visit:
    """One stay in a state: the error of every attempt that failed, and whether another attempt followed it."""

    state: str
    failures: tuple[tuple[str, bool], ...]


def edges_of(definition: Definition) -> set[Edge]:
    found: set[Edge] = set()
    for name, state in definition["States"].items():
        if "Next" in state:
            found.add(Edge(name, "Next", state["Next"]))
        if "Default" in state:
            found.add(Edge(name, "Default", state["Default"]))
        found.update(Edge(name, f"Choices[{i}]", rule["Next"]) for i, rule in enumerate(state.get("Choices", [])))
        found.update(Edge(name, f"Catch[{i}]", catcher["Next"]) for i, catcher in enumerate(state.get("Catch", [])))
        found.update(Edge(name, f"Retry[{i}]", name) for i, _ in enumerate(state.get("Retry", [])))
    return found


def visits(history: list[HistoryEvent]) -> list[Visit]:
    """The states an execution entered, in order."""
    names: list[str] = []
    attempts: list[list[str | None]] = []
    for event in history:
        kind = event["type"]
        if kind.endswith("StateEntered"):
            names.append(event["stateEnteredEventDetails"]["name"])
            attempts.append([])
        elif kind == "TaskFailed":
            attempts[-1].append(event["taskFailedEventDetails"]["error"])
        elif kind == "TaskSucceeded":
            attempts[-1].append(None)
    return [
        Visit(
            name,
            tuple((error, index + 1 < len(ends)) for index, error in enumerate(ends) if error is not None),
        )
        for name, ends in zip(names, attempts, strict=True)
    ]


def taken_edges(definition: Definition, history: list[HistoryEvent]) -> set[Edge]:
    """The edges an execution took. Raises ``AssertionError`` for a history the definition does not allow."""
    stays = visits(history)
    taken: set[Edge] = set()
    final_error = next(
        (e["executionFailedEventDetails"].get("error") for e in history if e["type"] == "ExecutionFailed"), None
    )
    for index, visit in enumerate(stays):
        state = definition["States"][visit.state]
        for error, again in visit.failures:
            retrier = _first_matching(state.get("Retry", []), error)
            if retrier is not None and (again or state["Retry"][retrier].get("MaxAttempts") == 0):
                taken.add(Edge(visit.state, f"Retry[{retrier}]", visit.state))
            assert not again or (retrier is not None and state["Retry"][retrier].get("MaxAttempts") != 0), visit
        if index + 1 < len(stays):
            taken.add(_way_to(state, visit, stays[index + 1].state, final_error))
    return taken


def _way_to(state: Definition, visit: Visit, target: str, final_error: str | None) -> Edge:
    if visit.failures and not visit.failures[-1][1]:
        catcher = _first_matching(state.get("Catch", []), visit.failures[-1][0])
        assert catcher is not None, visit
        way, leads_to = f"Catch[{catcher}]", state["Catch"][catcher]["Next"]
    elif state["Type"] == "Choice":
        way, leads_to = _choice(state, target, final_error)
    else:
        way, leads_to = "Next", state["Next"]
    assert leads_to == target, (visit, target)
    return Edge(visit.state, way, target)


def _choice(state: Definition, target: str, final_error: str | None) -> tuple[str, str]:
    """Of rules with one target, the one taken is the one whose ``Assign`` names the error the execution ended with."""
    rules = [(f"Choices[{i}]", rule) for i, rule in enumerate(state["Choices"]) if rule["Next"] == target]
    telling = [way for way, rule in rules if rule.get("Assign", {}).get("failure", {}).get("Error") == final_error]
    if telling:
        return telling[0], target
    plain = [way for way, rule in rules if "Assign" not in rule]
    return (plain[0], target) if plain else ("Default", state["Default"])


def _first_matching(handlers: list[Definition], error: str) -> int | None:
    for index, handler in enumerate(handlers):
        if error in handler["ErrorEquals"] or "States.ALL" in handler["ErrorEquals"]:
            return index
    return None
