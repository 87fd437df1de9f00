"""What the template allows its roles, after SAM has written out what nobody wrote by hand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from local.rendering import render_template

if TYPE_CHECKING:
    from collections.abc import Iterator

Document = dict[str, Any]


@dataclass(frozen=True)
class Grant:
    """One action on one resource. ``role`` is the role's logical id; ``resource`` is as ``literal`` writes it."""

    role: str
    sid: str
    action: str
    resource: str


@cache
def rendered() -> dict[str, Document]:
    """The resources of the template as CloudFormation gets them."""
    resources: dict[str, Document] = render_template()["Resources"]
    return resources


def of_type(kind: str) -> dict[str, Document]:
    """The properties of every resource of a type, by logical id."""
    return {name: resource["Properties"] for name, resource in rendered().items() if resource["Type"] == kind}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def literal(value: Any) -> str:
    """The text of a value with its references in place, for searching and comparing."""
    match value:
        case {"Fn::Sub": text}:
            return str(text)
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]} | {"Fn::GetAtt": (name, attribute)}:
            return f"${{{name}.{attribute}}}"
        case _:
            return str(value)


def service_of(role: str) -> str:
    """The one service that may take on a role."""
    (statement,) = of_type("AWS::IAM::Role")[role]["AssumeRolePolicyDocument"]["Statement"]
    (service,) = listed(statement["Principal"]["Service"])
    return str(service)


def role_documents() -> Iterator[tuple[str, Document]]:
    """(role, policy document), of the roles' own policies and of those that stand beside them."""
    for name, role in of_type("AWS::IAM::Role").items():
        yield from ((name, policy["PolicyDocument"]) for policy in role.get("Policies", []))
    for policy in of_type("AWS::IAM::Policy").values():
        yield from ((role["Ref"], policy["PolicyDocument"]) for role in policy["Roles"])


@cache
def grants() -> tuple[Grant, ...]:
    """Everything the roles are granted."""
    return tuple(
        Grant(role, statement.get("Sid", ""), action, literal(resource))
        for role, document in role_documents()
        for statement in listed(document["Statement"])
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    )
