"""The roles of the template as the local stack has them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from local.stack import STACK_NAME
from tests.support.grants import Grant, listed

if TYPE_CHECKING:
    from local.stack import Stack

Documents = dict[str, dict[str, Any]]


class DeployedRoles:
    """``names`` has every role's name by its logical id."""

    def __init__(self, stack: Stack) -> None:
        self._iam = stack.client("iam")
        pages = stack.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK_NAME)
        self.names: dict[str, str] = {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == "AWS::IAM::Role"
        }

    def documents(self, role: str) -> Documents:
        """The role's own policies, by name."""
        name = self.names[role]
        return {
            policy: self._iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in self._iam.list_role_policies(RoleName=name)["PolicyNames"]
        }

    def grants(self, role: str) -> list[Grant]:
        """What the template grants the role, with ARNs; a statement without a Sid is not the template's."""
        return [
            Grant(role, statement["Sid"], action, resource)
            for document in self.documents(role).values()
            for statement in listed(document["Statement"])
            if "Sid" in statement
            for action in listed(statement["Action"])
            for resource in listed(statement["Resource"])
        ]

    def create(self, name: str, like: str, documents: Documents) -> str:
        """Another role that the same service may take on, with these policies; its ARN."""
        trust = self._iam.get_role(RoleName=self.names[like])["Role"]["AssumeRolePolicyDocument"]
        created = self._iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        for policy, document in documents.items():
            self._iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))
        return str(created["Role"]["Arn"])
