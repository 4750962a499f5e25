"""Where a consumer begins."""

import time

from scenario import Mismatch, equal, feature, read, until, values, values_of

AREA = "Positions"
# Not so long ago that retention would take the records away.
BEGIN_MS, STEP_MS = int(time.time() * 1000) - 3_600_000, 1_000
FAR_AHEAD_MS = 24 * 3_600_000


@feature(AREA)
def from_earliest(world):
    """A consumer that begins at the earliest offset has every record"""
    topic = world.filled(5)
    equal(began_with(world, topic, "earliest", 5), values_of(values("r", 5)), "records")


@feature(AREA)
def from_offset(world):
    """A consumer that begins at offset 3 has that record first"""
    topic = world.filled(5)
    equal(began_with(world, topic, 3, 2), ["r3", "r4"], "records")


@feature(AREA)
def from_latest(world):
    """A consumer that begins at the latest offset has none of the records that were there before it"""
    topic = world.filled(5)
    world.client.open(consumer="c", topic=topic, partition=0, start="latest")
    sent = []

    def one_has_come():
        sent.append(f"new{len(sent)}")
        world.client.produce(topic=topic, records=[{"value": sent[-1]}], settings={})
        return world.client.poll(consumer="c", count=1, wait_ms=200)

    found = values_of(until(one_has_come, "a record came"))
    if found[0] not in sent:
        raise Mismatch(f"{found[0]} came, which was there before")


@feature(AREA)
def from_time(world):
    """The offset of a time is that of the first record then or later: before all, between two, at one; after all: none"""
    topic = world.topic()
    records = [{"value": f"r{number}", "timestamp": BEGIN_MS + number * STEP_MS} for number in range(5)]
    lacks = world.lacks("timestamp")
    if lacks:
        return from_time_of_broker(world, topic, lacks["timestamp"])
    world.client.produce(topic=topic, records=records, settings={})

    def at(time_ms):
        return world.client.offset_at(topic=topic, partition=0, at=time_ms)

    equal(at(BEGIN_MS - 1), 0, "offset before the first")
    equal(at(BEGIN_MS + 2 * STEP_MS), 2, "offset of a record's time")
    equal(at(BEGIN_MS + 2 * STEP_MS + 1), 3, "offset between two")
    equal(at(BEGIN_MS + 4 * STEP_MS), 4, "offset of the last one's time")
    equal(at(BEGIN_MS + 4 * STEP_MS + 1), None, "offset after the last")
    equal(began_with(world, topic, at(BEGIN_MS + 3 * STEP_MS), 2), ["r3", "r4"], "records from a time")
    return ""


def from_time_of_broker(world, topic, why):
    """For a client that cannot say a record's time: only what lies before all of them and after."""
    world.client.produce(topic=topic, records=values("r", 2), settings={})
    equal(world.client.offset_at(topic=topic, partition=0, at=BEGIN_MS), 0, "offset before the first")
    equal(world.client.offset_at(topic=topic, partition=0, at=BEGIN_MS + FAR_AHEAD_MS), None, "offset after the last")
    return why


def began_with(world, topic, start, count):
    world.client.open(consumer="c", topic=topic, partition=0, start=start)
    return values_of(read(world.client, "c", count))
