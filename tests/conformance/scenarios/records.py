"""What is produced is consumed, and what may not be is refused."""

import random
import time

from scenario import equal, feature, read, read_all, refused, true, values, values_of

AREA = "Records"
# Not so long ago that retention would take the records away under the consumer.
HOUR_AGO_MS = int(time.time() * 1000) - 3_600_000
# How long a fetch of the waiting consumer may wait at the broker, and how soon it is to have a record nevertheless.
FETCH_WAIT_MS, WAKE_SECONDS_MAX = 5_000, 1


@feature(AREA)
def round_trip(world):
    """Keys, values that are null or empty, headers in their order and timestamps come back as they were sent"""
    topic = world.topic()
    lacks = world.lacks("timestamp", "header order")
    sent = [{part: value for part, value in record.items() if part not in lacks} for record in RECORDS]
    offsets = list(range(len(sent)))
    equal(world.client.produce(topic=topic, records=sent, settings={}), offsets, "offsets of what was produced")
    found = read_all(world.client, topic, len(sent))
    equal([record["offset"] for record in found], offsets, "offsets")
    found = [{part: record[part] for part in sent[0]} for record in found]
    if "header order" in lacks:
        for record in (*found, *sent):
            record["headers"] = sorted(record["headers"])
    equal(found, sent, "records")
    return "; ".join(lacks.values())


RECORDS = [
    {"key": "k", "value": "v", "headers": [["a", "1"], ["b", "2"], ["a", "3"]], "timestamp": HOUR_AGO_MS},
    {"key": None, "value": "no key", "headers": [], "timestamp": HOUR_AGO_MS + 1},
    {"key": "k", "value": None, "headers": [["empty", ""]], "timestamp": HOUR_AGO_MS + 2},
    {"key": "k", "value": "", "headers": [], "timestamp": HOUR_AGO_MS + 3},
    {"key": "", "value": "äöü €", "headers": [], "timestamp": HOUR_AGO_MS + 4},
]


def codec(name):
    def run(world):
        topic = world.topic()
        sent = [{"key": str(number), "value": f"{number} " + "again " * 200} for number in range(100)]
        world.client.produce(topic=topic, records=sent, settings={"codec": name})
        found = read_all(world.client, topic, len(sent))
        equal([{"key": one["key"], "value": one["value"]} for one in found], sent, "records")

    run.__name__ = f"codec_{name}"
    run.__doc__ = f"100 records of 1.2 KB are produced and consumed with codec {name}"
    return feature(AREA)(run)


for each in ("none", "gzip", "snappy", "lz4", "zstd"):
    codec(each)


@feature(AREA)
def acks(world):
    """Records are produced with acks 0, 1 and all"""
    topic = world.topic()
    for wanted in ("0", "1", "all"):
        world.client.produce(topic=topic, records=[{"value": wanted}], settings={"acks": wanted})
        # Nothing says when a record has arrived that is not acknowledged, except a consumer.
        equal(values_of(read_all(world.client, topic, 1 + ("0", "1", "all").index(wanted)))[-1], wanted, "last record")


@feature(AREA)
def idempotence(world):
    """An idempotent producer's 1,000 records are there once each, in order"""
    topic = world.topic()
    world.client.produce(topic=topic, records=values("r", 1_000), settings={"idempotence": True})
    equal(values_of(read_all(world.client, topic, 1_000)), values_of(values("r", 1_000)), "records")
    equal(world.client.offset_at(topic=topic, partition=0, at="latest"), 1_000, "end of the partition")


@feature(AREA)
def in_order(world):
    """10,000 records are consumed in the order in which they were produced"""
    topic = world.filled(10_000)
    found = read_all(world.client, topic, 10_000)
    equal(values_of(found), values_of(values("r", 10_000)), "records")
    equal([record["offset"] for record in found], list(range(10_000)), "offsets")


@feature(AREA)
def large_record(world):
    """A record of 900 KB is produced and consumed"""
    topic, value = world.topic(), random_text(900_000)
    world.client.produce(topic=topic, records=[{"value": value}], settings={})
    true(values_of(read_all(world.client, topic, 1)) == [value], "the large record has changed")


@feature(AREA)
def too_large(world):
    """A record of 2 MB is refused: MESSAGE_TOO_LARGE; the partition stays empty"""
    topic = world.topic()
    records, settings = [{"value": random_text(2_000_000)}], {"max_bytes": 4_000_000}
    refused("MESSAGE_TOO_LARGE", world.client.produce, topic=topic, records=records, settings=settings)
    equal(world.client.offset_at(topic=topic, partition=0, at="latest"), 0, "end of the partition")


def random_text(length):
    return f"{random.getrandbits(4 * length):0{length}x}"


@feature(AREA)
def compacted_null_key(world):
    """A record without a key is refused by a compacted topic: INVALID_RECORD; one with a key is taken"""
    topic = world.topic(**{"cleanup.policy": "compact"})
    # aiokafka takes a code as new as this one for UNKNOWN.
    refused(("INVALID_RECORD", "UNKNOWN"), world.client.produce, topic=topic, records=[{"value": "v"}], settings={})
    world.client.produce(topic=topic, records=[{"key": "k", "value": "v"}], settings={})
    equal(values_of(read_all(world.client, topic, 1)), ["v"], "records")


@feature(AREA)
def log_append_time(world):
    """Where the topic says LogAppendTime, a record has the time at which the broker took it"""
    topic = world.topic(**{"message.timestamp.type": "LogAppendTime"})
    record = {"value": "v"} if world.lacks("timestamp") else {"value": "v", "timestamp": HOUR_AGO_MS}
    before = int(time.time() * 1000)
    world.client.produce(topic=topic, records=[record], settings={})
    after = int(time.time() * 1000)
    [found] = read_all(world.client, topic, 1)
    true(before <= found["timestamp"] <= after, f"time {found['timestamp']} is not between {before} and {after}")
    if found.get("timestamp_type") is not None:
        equal(found["timestamp_type"], "LogAppendTime", "type of the timestamp")


@feature(AREA)
def read_committed(world):
    """A consumer that reads committed records only has all that were produced without a transaction"""
    topic = world.filled(10)
    found = read_all(world.client, topic, 10, isolation="read_committed")
    equal(values_of(found), values_of(values("r", 10)), "records")


@feature(AREA)
def wake_up(world):
    """A consumer whose fetch waits at the broker for up to 5 s has a new record within a second"""
    topic = world.filled(1)
    client, took = world.client, []
    client.open(consumer="waiting", topic=topic, partition=0, start="earliest", fetch_wait_ms=FETCH_WAIT_MS)
    equal(values_of(read(client, "waiting", 1)), ["r0"], "first record")
    for turn in range(3):
        world.other.produce(topic=topic, records=[{"value": f"turn {turn}"}], settings={})
        produced = time.monotonic()
        equal(values_of(read(client, "waiting", 1)), [f"turn {turn}"], "record")
        took.append(time.monotonic() - produced)
    # The machine may be busy: one of three tells whether the broker wakes its consumers.
    true(min(took) < WAKE_SECONDS_MAX, f"the records took {took} s")


@feature(AREA)
def transactions(world):
    """A transaction that commits is read and one that aborts is not, by a consumer of committed records"""
    topic, name = world.topic(), world.name("transactional")
    world.client.transaction(id=name, topic=topic, records=values("committed", 2), commit=True)
    lacks = world.lacks("abort")
    if not lacks:
        world.client.transaction(id=name, topic=topic, records=values("aborted", 2), commit=False)
    world.client.transaction(id=name, topic=topic, records=values("last", 1), commit=True)
    found = read_all(world.client, topic, 3, isolation="read_committed")
    equal(values_of(found), ["committed0", "committed1", "last0"], "records")
    return "; ".join(lacks.values())
