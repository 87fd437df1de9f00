"""Artifacts in S3: written once, read through links that end."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.config import Config
from botocore.response import StreamingBody
from botocore.stub import Stubber

from promptmill import errors
from promptmill.artifacts.store import LINK_SECONDS, ArtifactStore, artifact_key
from tests.integration.tables import REGION, client
from tests.support.builders import OTHER_OWNER, OWNER, a_job_id

BUCKET = "promptmill-artifacts"

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def s3(aws: None) -> Iterator[Any]:
    made = client("s3", config=Config(signature_version="s3v4"))
    made.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    yield made
    made.close()


@pytest.fixture
def artifacts(s3: Any) -> ArtifactStore:
    return ArtifactStore(BUCKET, s3)


def a_key() -> str:
    return artifact_key(OWNER, a_job_id(), "img_1.png")


def read(s3: Any, key: str) -> tuple[bytes, str]:
    found = s3.get_object(Bucket=BUCKET, Key=key)
    return found["Body"].read(), found["ContentType"]


def test_an_artifact_lies_under_its_owner_and_its_job() -> None:
    assert artifact_key("ip_1", "job_2", "img_3.png") == "artifacts/ip_1/job_2/img_3.png"
    assert artifact_key(OWNER, "job_2", "x") != artifact_key(OTHER_OWNER, "job_2", "x")


def test_an_artifact_is_written_with_its_type(s3: Any, artifacts: ArtifactStore) -> None:
    key = a_key()
    assert artifacts.put_once(key, b"first", "image/png") is True
    assert read(s3, key) == (b"first", "image/png")


def test_what_was_written_first_stays(s3: Any, artifacts: ArtifactStore) -> None:
    key = a_key()
    artifacts.put_once(key, b"first", "image/png")
    assert artifacts.put_once(key, b"second", "image/jpeg") is False
    assert read(s3, key) == (b"first", "image/png")


def test_every_write_carries_the_condition() -> None:
    stubbed = client("s3", config=Config(retries={"total_max_attempts": 1}))
    expected = {"Bucket": BUCKET, "Key": "k", "Body": b"x", "ContentType": "image/png", "IfNoneMatch": "*"}
    with Stubber(stubbed) as stub:
        stub.add_response("put_object", {}, expected)
        assert ArtifactStore(BUCKET, stubbed).put_once("k", b"x", "image/png")
        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("SlowDown", errors.StoreUnavailable),
        ("InternalError", errors.StoreUnavailable),
        ("AccessDenied", errors.BrokenContractError),
        ("NoSuchBucket", errors.BrokenContractError),
    ],
)
def test_a_write_that_fails_is_never_taken_for_one_that_came_second(
    code: str, error: type[errors.PromptmillError]
) -> None:
    stubbed = client("s3", config=Config(retries={"total_max_attempts": 1}))
    with Stubber(stubbed) as stub:
        stub.add_client_error("put_object", code)
        with pytest.raises(error):
            ArtifactStore(BUCKET, stubbed).put_once("k", b"x", "image/png")


# Two conditional writes of one key at the same time, which S3 asks to try again:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
def test_a_write_that_meets_another_under_way_is_tried_again() -> None:
    stubbed = client("s3", config=Config(retries={"total_max_attempts": 1}))
    with Stubber(stubbed) as stub:
        stub.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)
        stub.add_client_error("put_object", "PreconditionFailed", http_status_code=412)
        assert ArtifactStore(BUCKET, stubbed).put_once("k", b"x", "image/png") is False
        stub.assert_no_pending_responses()


def test_a_write_that_keeps_meeting_another_is_given_up_as_unavailable() -> None:
    stubbed = client("s3", config=Config(retries={"total_max_attempts": 1}))
    with Stubber(stubbed) as stub:
        for _ in range(3):
            stub.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)
        with pytest.raises(errors.StoreUnavailable, match="under way"):
            ArtifactStore(BUCKET, stubbed).put_once("k", b"x", "image/png")
        stub.assert_no_pending_responses()


def test_an_artifact_is_read_as_it_was_written(artifacts: ArtifactStore) -> None:
    key, content = a_key(), bytes(range(256)) * 8192
    artifacts.put_once(key, content, "image/png")
    assert artifacts.read(key) == content


def test_an_artifact_that_is_not_there_reads_as_none(artifacts: ArtifactStore) -> None:
    assert artifacts.read(a_key()) is None


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("SlowDown", errors.StoreUnavailable),
        ("InternalError", errors.StoreUnavailable),
        ("NoSuchBucket", errors.BrokenContractError),
    ],
)
def test_a_read_that_fails_is_never_taken_for_a_missing_artifact(
    code: str, error: type[errors.PromptmillError]
) -> None:
    stubbed = client("s3", config=Config(retries={"total_max_attempts": 1}))
    with Stubber(stubbed) as stub:
        stub.add_client_error("get_object", code)
        with pytest.raises(error):
            ArtifactStore(BUCKET, stubbed).read("k")


# What S3 answers about a missing key to a role that may not list the bucket, which ours may not.
def test_a_missing_artifact_that_is_called_forbidden_reads_as_none() -> None:
    stubbed = client("s3", config=Config(retries={"total_max_attempts": 1}))
    with Stubber(stubbed) as stub:
        stub.add_client_error("get_object", "AccessDenied", http_status_code=403)
        assert ArtifactStore(BUCKET, stubbed).read("k") is None


def test_a_read_that_breaks_off_is_tried_again_later() -> None:
    stubbed = client("s3", config=Config(retries={"total_max_attempts": 1}))
    with Stubber(stubbed) as stub:
        cut_short = StreamingBody(BytesIO(b"half"), content_length=8)
        stub.add_response("get_object", {"Body": cut_short})
        with pytest.raises(errors.StoreUnavailable):
            ArtifactStore(BUCKET, stubbed).read("k")


def test_a_link_reads_one_object_for_fifteen_minutes_and_is_signed_the_new_way(artifacts: ArtifactStore) -> None:
    key = a_key()
    link = urlsplit(artifacts.link(key))
    query = parse_qs(link.query)
    assert link.path.endswith(key)
    assert query["X-Amz-Expires"] == [str(LINK_SECONDS)] == ["900"]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-SignedHeaders"] == ["host"]


def test_links_to_two_objects_differ(artifacts: ArtifactStore) -> None:
    assert artifacts.link(a_key()) != artifacts.link(a_key())
