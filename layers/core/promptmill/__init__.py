"""Promptmill: one request, one durable job, one result, one event. Everything that thinks lives in this package."""
