"""Every scenario, in the order of the table in docs."""

from scenarios import topics, records, positions, offsets, groups  # noqa: F401
