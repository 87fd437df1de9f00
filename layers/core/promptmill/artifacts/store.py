"""Artifacts in S3 under ``artifacts/<owner>/<job>/``: written once, read through links that are made at read time."""

from __future__ import annotations

from functools import cache
from typing import Any

from promptmill.errors import BrokenContractError, StoreUnavailable
from promptmill.gateway import NOT_WORTH_RETRYING, aws_client, error_code, store_errors
from promptmill.settings import settings

LINK_SECONDS = 15 * 60
# What one listing answers with and one deletion takes, at most.
PAGE_OBJECTS = 1000
# S3 answers 409 when another conditional write of the key is under way, and asks to try again.
_CONFLICT_ATTEMPTS = 3


def artifact_key(owner: str, job_id: str, name: str) -> str:
    return f"artifacts/{owner}/{job_id}/{name}"


def artifacts_of(owner: str) -> str:
    """What the keys of an owner's artifacts, and of no other's, begin with."""
    return f"artifacts/{owner}/"


class ArtifactStore:
    def __init__(self, bucket: str, client: Any) -> None:
        self._bucket = bucket
        self._client = client

    def put_once(self, key: str, content: bytes, content_type: str) -> bool:
        """Writes the object unless the key is taken, in which case the first content stays and this returns False.

        Raises ``StoreUnavailable`` when S3 does not answer as it should.
        """
        from botocore.exceptions import ClientError

        for _ in range(_CONFLICT_ATTEMPTS):
            try:
                with store_errors():
                    self._client.put_object(
                        Bucket=self._bucket, Key=key, Body=content, ContentType=content_type, IfNoneMatch="*"
                    )
            except ClientError as error:
                if error_code(error) == "PreconditionFailed":
                    return False
            else:
                return True
        raise StoreUnavailable("another write of the same object was under way at every attempt")

    def read(self, key: str) -> bytes | None:
        """The object's content; None when there is none. Raises ``StoreUnavailable`` as ``put_once`` does."""
        from botocore.exceptions import ClientError

        with store_errors():
            try:
                content: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            except ClientError as error:
                # To a role that may not list the bucket, S3 says of a missing key that access is denied:
                # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
                if error_code(error) in {"NoSuchKey", "AccessDenied"}:
                    return None
                raise
        return content

    def delete_page(self, prefix: str) -> bool:
        """Deletes up to ``PAGE_OBJECTS`` objects whose keys begin so; whether there were any.

        Raises ``StoreUnavailable`` as ``put_once`` does, also when S3 did not delete all of them, which it says within
        a 200; ``BrokenContractError`` when the role may not.
        """
        with store_errors():
            listed = self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, MaxKeys=PAGE_OBJECTS)
            keys = [{"Key": entry["Key"]} for entry in listed.get("Contents", [])]
            if not keys:
                return False
            answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": keys, "Quiet": True})
        codes = {error.get("Code", "") for error in answer.get("Errors", [])}
        if codes & NOT_WORTH_RETRYING:
            raise BrokenContractError(f"the store refused: {sorted(codes)}")
        if codes:
            raise StoreUnavailable(f"the store left objects undeleted: {sorted(codes)}")
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
