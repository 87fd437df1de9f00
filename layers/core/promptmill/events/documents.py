"""Writes what is published about the events: ``python -m promptmill.events.documents FOLDER``, of the repository."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from promptmill.events.asyncapi import asyncapi_document
from promptmill.events.catalogue import TO_WEBHOOKS
from promptmill.events.catalogue.schema import event_schema


def event_documents() -> dict[str, str]:
    """The text of each document, by its path in the repository."""
    documents = {"docs/asyncapi.json": asyncapi_document()}
    for event in TO_WEBHOOKS:
        documents[f"events/published/{event.name}.schema.json"] = event_schema(event)
        documents[f"events/published/{event.name}.example.json"] = event.example
    return {path: _text(document) for path, document in documents.items()}


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def write_documents(repository: Path) -> None:
    for path, text in event_documents().items():
        (repository / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_documents(Path(sys.argv[1]))
