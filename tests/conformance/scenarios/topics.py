"""Topics, their settings and their beginnings."""

from scenario import equal, feature, read_all, refused, until, values, values_of

AREA = "Topics"
WEEK_MS = "604800000"


@feature(AREA)
def metadata(world):
    """The cluster has an id and one broker, at the address that was connected to"""
    found = world.client.metadata()
    equal(found["brokers"], [world.bootstrap], "brokers")
    if found["cluster_id"] is None:
        return "the client does not show the cluster's id"
    equal(len(found["cluster_id"]), 22, "length of the cluster's id")
    equal(world.client.metadata()["cluster_id"], found["cluster_id"], "cluster's id when asked again")


@feature(AREA)
def topic_create(world):
    """A topic has the partitions that it was created with; a second one of its name is refused: TOPIC_ALREADY_EXISTS"""
    topic = world.name("topic")
    world.client.create_topic(topic=topic, partitions=3, configs={"retention.ms": "3600000"})
    world.until_known(topic, 3)
    refused("TOPIC_ALREADY_EXISTS", world.client.create_topic, topic=topic, partitions=3, configs={})
    bad = {"topic": world.name("topic"), "partitions": 1, "configs": {"no.such.setting": "1"}}
    refused("INVALID_CONFIG", world.client.create_topic, **bad)
    refused("INVALID_TOPIC_EXCEPTION", world.client.create_topic, topic="no/slash", partitions=1, configs={})


@feature(AREA)
def topic_delete(world):
    """A deleted topic is gone; to delete it again is refused: UNKNOWN_TOPIC_OR_PARTITION"""
    topic = world.topic()
    until(lambda: topic in world.client.topics(), "the new topic is listed")
    world.client.delete_topic(topic=topic)
    until(lambda: topic not in world.client.topics(), "the deleted topic is no longer listed")
    refused("UNKNOWN_TOPIC_OR_PARTITION", world.client.delete_topic, topic=topic)


@feature(AREA)
def topic_auto_create(world):
    """To produce to a topic that does not exist creates it, with one partition"""
    topic = world.name("auto")
    world.client.produce(topic=topic, records=values("r", 2), settings={})
    world.until_known(topic, 1)
    equal(values_of(read_all(world.client, topic, 2)), ["r0", "r1"], "records")


@feature(AREA)
def partitions_create(world):
    """A topic grows from one partition to three, which take records; fewer are refused: INVALID_PARTITIONS"""
    topic = world.topic()
    world.client.create_partitions(topic=topic, count=3)
    world.until_known(topic, 3)
    world.client.produce(topic=topic, partition=2, records=values("r", 1), settings={})
    equal(values_of(read_all(world.client, topic, 1, partition=2)), ["r0"], "records of the new partition")
    refused("INVALID_PARTITIONS", world.client.create_partitions, topic=topic, count=2)


@feature(AREA)
def configs_describe(world):
    """Settings have their defaults, but for those that the topic was created with, which say so"""
    topic = world.topic(**{"max.message.bytes": "2000000"})
    found = world.client.describe_configs(topic=topic)
    equal(found["max.message.bytes"], {"value": "2000000", "default": False}, "max.message.bytes")
    equal(found["retention.ms"], {"value": WEEK_MS, "default": True}, "retention.ms")
    equal(found["cleanup.policy"], {"value": "delete", "default": True}, "cleanup.policy")


@feature(AREA)
def configs_incremental(world):
    """One setting is changed, or goes back to its default, and the others stay; nonsense is refused: INVALID_CONFIG"""
    topic = world.topic(**{"max.message.bytes": "2000000", "retention.ms": "1000"})
    alter = world.client.alter_configs
    alter(topic=topic, set={"retention.ms": "2000"}, delete=[])
    settings(world, topic, {"retention.ms": "2000", "max.message.bytes": "2000000"})
    alter(topic=topic, set={}, delete=["retention.ms"])
    settings(world, topic, {"retention.ms": WEEK_MS, "max.message.bytes": "2000000"})
    refused("INVALID_CONFIG", alter, topic=topic, set={"retention.ms": "soon"}, delete=[])


@feature(AREA)
def configs_whole(world):
    """All settings are replaced at once: those that are not named go back to their defaults"""
    topic = world.topic(**{"max.message.bytes": "2000000", "retention.ms": "1000"})
    world.client.replace_configs(topic=topic, configs={"retention.ms": "2000"})
    settings(world, topic, {"retention.ms": "2000", "max.message.bytes": "1048588"})


def settings(world, topic, wanted):
    """Waits for them: a cluster shows a change a moment after it has accepted it."""
    found = {}

    def shown():
        described = world.client.describe_configs(topic=topic)
        found.update({name: described[name]["value"] for name in wanted})
        return found == wanted

    until(shown, lambda: f"settings are {wanted}, but {found}")


@feature(AREA)
def records_delete(world):
    """The beginning of a partition is deleted: it begins there; beyond its end is refused: OFFSET_OUT_OF_RANGE"""
    topic = world.filled(10)
    equal(world.client.delete_records(topic=topic, partition=0, before=4), 4, "low watermark")
    equal(world.client.offset_at(topic=topic, partition=0, at="earliest"), 4, "earliest offset")
    records = read_all(world.client, topic, 6)
    equal([record["offset"] for record in records], list(range(4, 10)), "offsets")
    refused("OFFSET_OUT_OF_RANGE", world.client.delete_records, topic=topic, partition=0, before=11)
