"""The template's tables and bucket, made in moto."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import yaml

REGION = "eu-west-1"
TEMPLATE = Path(__file__).parents[2] / "template.yaml"


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short functions (``!Ref``) as plain values."""


def _short_function(loader: _Loader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True) if isinstance(node, yaml.MappingNode) else None


_Loader.add_multi_constructor("!", _short_function)


@cache
def _resources() -> dict[str, Any]:
    template: dict[str, Any] = yaml.load(TEMPLATE.read_text(encoding="utf-8"), _Loader)
    found: dict[str, Any] = template["Resources"]
    return found


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


def client(service: str, **options: Any) -> Any:
    return _session().create_client(
        service, region_name=REGION, aws_access_key_id="testing", aws_secret_access_key="testing", **options
    )


def make_table(dynamodb: Any, logical_id: str, name: str = "") -> str:
    """A table as the template declares it; returns its name, which is the logical id unless another is given."""
    properties = _resources()[logical_id]["Properties"]
    shape = {
        name: properties[name]
        for name in ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
        if name in properties
    }
    dynamodb.create_table(TableName=name or logical_id, **shape)
    return name or logical_id
