"""Until when the archive has the events of a day, as the rollups know it."""

from __future__ import annotations

from typing import Any

from promptmill.analytics.rollup import everybodys_shard, expires_at_seconds
from promptmill.analytics.store import RollupStore, everybody_pk, owner_pk
from tests.integration.tables import make_table
from tests.integration.test_rollup_store import COUNTED_AT_MS, a_job, items


def test_of_which_days_the_archive_has_no_event_any_more_is_told_by_how_long_it_was_to_keep_them(
    dynamodb: Any,
) -> None:
    store = RollupStore(make_table(dynamodb, "AnalyticsTable", "archived"), dynamodb)
    for day, retention_days in (("2026-11-01", 20), ("2026-11-02", 20), ("2026-10-01", 90), ("2026-09-01", 365)):
        job = a_job("usr_1", at=f"{day}T10:00:00.000Z")
        assert store.count(job, at_ms=COUNTED_AT_MS, retention_days=retention_days)
    # A longer retention brings back nothing that was gone when it began.
    late = a_job("usr_1", at="2026-11-01T11:00:00.000Z")
    assert store.count(late, at_ms=COUNTED_AT_MS, retention_days=365)
    kept = {
        "2026-11-01": "2026-11-19",
        "2026-11-02": "2026-11-20",
        "2026-10-01": "2026-12-28",
        "2026-09-01": "2027-08-30",
    }
    assert store.archived_days(first_day="2026-08-01") == kept
    assert store.archived_days(first_day="2026-11-02") == {"2026-11-02": "2026-11-20"}


def test_what_was_known_of_the_archive_is_known_when_the_rows_are_made_anew(dynamodb: Any) -> None:
    table = make_table(dynamodb, "AnalyticsTable", "kept")
    store, job = RollupStore(table, dynamodb), a_job("usr_1", at="2026-11-01T10:00:00.000Z")
    before, week, year = "2026-10-31", 7, 365
    assert store.count(a_job("usr_1", at=f"{before}T10:00:00.000Z"), at_ms=COUNTED_AT_MS, retention_days=week)
    for retention_days in (week, year):
        # As a rebuild does, with the event coming again from the archive.
        assert store.count(job, at_ms=COUNTED_AT_MS, retention_days=retention_days)
        store.keep_archived_days(first_day="2026-11-01")
        for pk in (owner_pk("usr_1"), everybody_pk(everybodys_shard("usr_1"))):
            store.delete([{"pk": {"S": pk}, "sk": {"S": job.row.key.text}}])
        store.delete([{"pk": {"S": f"EVENT#{job.event_id}"}, "sk": {"S": "ANALYTICS"}}])
        assert store.archived_days(first_day="2026-11-01") == {"2026-11-01": "2026-11-06"}
    (kept,) = items(dynamodb, table, "ARCHIVED")
    assert (kept["sk"]["S"], kept["expires_at"]["N"]) == ("2026-11-01", str(expires_at_seconds("2026-11-01")))
