"""Renders template.yaml as CloudFormation will see it: SAM expanded, the workflow's definition in its place.

``python -m local.rendering FILE`` writes it for the tools that do not know SAM. Nothing is asked of the network; code
that a build would upload stands at a placeholder.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "template.yaml"


def read_template() -> dict[str, Any]:
    """template.yaml as written, with the short forms of intrinsic functions spelled out."""
    from samtranslator.yaml_helper import yaml_parse

    template: dict[str, Any] = yaml_parse(TEMPLATE.read_text())
    return template


def render_template() -> dict[str, Any]:
    """The CloudFormation template, for the parameters' defaults. Raises SAM's error, which says what is wrong."""
    # The translator asks boto3 for a Region to find the partition.
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    from samtranslator.translator.transform import transform

    template = read_template()
    for resource in template["Resources"].values():
        _replace_local_paths(resource)
    parameters = {name: str(described["Default"]) for name, described in template["Parameters"].items()}
    rendered: dict[str, Any] = transform(template, parameters, _NoManagedPolicies(), passthrough_metadata=True)
    for resource in rendered["Resources"].values():
        _join_definition(resource)
    return rendered


def _join_definition(resource: dict[str, Any]) -> None:
    """Writes a workflow as one string. SAM makes a join of its lines, over which cfn-lint recurses until it may not."""
    match resource.get("Properties", {}).get("DefinitionString"):
        case {"Fn::Join": [str(separator), list(lines)]} if all(isinstance(line, str) for line in lines):
            resource["Properties"]["DefinitionString"] = separator.join(lines)


def _replace_local_paths(resource: dict[str, Any]) -> None:
    properties = resource.get("Properties", {})
    if resource["Type"] == "AWS::Serverless::StateMachine":
        properties["Definition"] = json.loads((ROOT / properties.pop("DefinitionUri")).read_text())
    for name in ("CodeUri", "ContentUri"):
        if name in properties:
            properties[name] = {"Bucket": "built-code", "Key": properties[name]}


class _NoManagedPolicies:
    """The template names no managed policy, so there is no list to fetch."""

    def load(self) -> dict[str, str]:
        return {}


def main(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(render_template(), indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
