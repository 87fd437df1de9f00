"""Artifacts in S3 under ``artifacts/<owner>/<job>/``: written once, read through links that are made at read time."""

from __future__ import annotations

from functools import cache
from typing import Any

from promptmill.gateway import aws_client, store_errors
from promptmill.settings import settings

LINK_SECONDS = 15 * 60


def artifact_key(owner: str, job_id: str, name: str) -> str:
    return f"artifacts/{owner}/{job_id}/{name}"


class ArtifactStore:
    def __init__(self, bucket: str, client: Any) -> None:
        self._bucket = bucket
        self._client = client

    def put_once(self, key: str, content: bytes, content_type: str) -> bool:
        """Writes the object unless the key is taken, in which case the first content stays and this returns False.

        Raises ``StoreUnavailable`` when S3 does not answer as it should.
        """
        from botocore.exceptions import ClientError

        try:
            with store_errors():
                self._client.put_object(
                    Bucket=self._bucket, Key=key, Body=content, ContentType=content_type, IfNoneMatch="*"
                )
        except ClientError:
            return False
        return True

    def link(self, key: str) -> str:
        """A link that reads the object for ``LINK_SECONDS``, and nothing else. No call is made."""
        url: str = self._client.generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=LINK_SECONDS
        )
        return url


@cache
def artifact_store() -> ArtifactStore:
    """This process's store."""
    (bucket,) = settings().require("artifacts_bucket")
    return ArtifactStore(bucket, aws_client("s3"))
