"""librdkafka, by confluent-kafka for Python."""

import os
import time

import confluent_kafka as kafka
from confluent_kafka import admin

from serve import Unsupported, decoded, encoded, serve

BOOTSTRAP = os.environ["BOOTSTRAP"]
CALL_SECONDS_MAX = 20
HEARTBEAT_MS = 500  # how soon a member hears of a rebalance
STRATEGIES = ("range", "roundrobin", "cooperative-sticky")
TIMESTAMP_TYPES = {kafka.TIMESTAMP_CREATE_TIME: "CreateTime", kafka.TIMESTAMP_LOG_APPEND_TIME: "LogAppendTime"}


class Member:
    """A consumer, and what has happened to its partitions."""

    def __init__(self, settings):
        self.consumer = kafka.Consumer(settings)
        self.records, self.lost = [], []

    def turn(self, wait_ms):
        record = self.consumer.poll(wait_ms / 1000)
        if record is None:
            return
        if record.error():
            raise kafka.KafkaException(record.error())
        self.records.append(record)


class Librdkafka:
    """Producers live for one call: each has other settings."""

    def __init__(self):
        self.admin = admin.AdminClient({"bootstrap.servers": BOOTSTRAP})
        self.members = {}

    def hello(self):
        return {"version": f"{kafka.libversion()[0]} (confluent-kafka {kafka.__version__})", "lacks": {}}

    # ---- topics

    def metadata(self):
        found = done(self.admin.describe_cluster(request_timeout=CALL_SECONDS_MAX))
        return {"cluster_id": found.cluster_id, "brokers": [f"{node.host}:{node.port}" for node in found.nodes]}

    def topics(self):
        return list(self.admin.list_topics(timeout=CALL_SECONDS_MAX).topics)

    def partitions(self, topic):
        return len(self.admin.list_topics(timeout=CALL_SECONDS_MAX).topics[topic].partitions)

    def create_topic(self, topic, partitions, configs):
        [made] = self.admin.create_topics([admin.NewTopic(topic, partitions, 1, config=configs)]).values()
        done(made)

    def delete_topic(self, topic):
        [deleted] = self.admin.delete_topics([topic]).values()
        done(deleted)

    def create_partitions(self, topic, count):
        [grown] = self.admin.create_partitions([admin.NewPartitions(topic, count)]).values()
        done(grown)

    def describe_configs(self, topic):
        [found] = self.admin.describe_configs([resource(topic)]).values()
        default = admin.ConfigSource.DEFAULT_CONFIG.value
        return {name: {"value": one.value, "default": one.source == default} for name, one in done(found).items()}

    def alter_configs(self, topic, set, delete):
        wanted = resource(topic)
        for name, value in set.items():
            wanted.add_incremental_config(admin.ConfigEntry(name, value, incremental_operation=admin.AlterConfigOpType.SET))
        for name in delete:
            wanted.add_incremental_config(admin.ConfigEntry(name, None, incremental_operation=admin.AlterConfigOpType.DELETE))
        [altered] = self.admin.incremental_alter_configs([wanted]).values()
        done(altered)

    def replace_configs(self, topic, configs):
        wanted = resource(topic)
        for name, value in configs.items():
            wanted.set_config(name, value)
        [altered] = self.admin.alter_configs([wanted]).values()
        done(altered)

    def delete_records(self, topic, partition, before):
        [deleted] = self.admin.delete_records([kafka.TopicPartition(topic, partition, before)]).values()
        return done(deleted).low_watermark

    # ---- records

    def produce(self, topic, records, settings, partition=0):
        producer = kafka.Producer({
            "bootstrap.servers": BOOTSTRAP, "linger.ms": 5,
            "acks": settings.get("acks", "all"), "compression.type": settings.get("codec", "none"),
            "enable.idempotence": settings.get("idempotence", False), "message.max.bytes": settings.get("max_bytes", 1_000_000),
        })
        return send(producer, topic, partition, records)

    def transaction(self, id, topic, records, commit):
        producer = kafka.Producer({"bootstrap.servers": BOOTSTRAP, "transactional.id": id})
        producer.init_transactions(CALL_SECONDS_MAX)
        producer.begin_transaction()
        send(producer, topic, 0, records)
        (producer.commit_transaction if commit else producer.abort_transaction)(CALL_SECONDS_MAX)

    def offset_at(self, topic, partition, at):
        specs = {"earliest": admin.OffsetSpec.earliest(), "latest": admin.OffsetSpec.latest()}
        spec = specs[at] if at in specs else admin.OffsetSpec.for_timestamp(at)
        [found] = self.admin.list_offsets({kafka.TopicPartition(topic, partition): spec}).values()
        offset = done(found).offset
        return None if offset < 0 else offset

    # ---- consumers

    def open(self, consumer, topic, start, partition=0, group=None, strategy="range", instance=None, session_ms=45_000,
             fetch_wait_ms=500, isolation="read_uncommitted"):
        if strategy not in STRATEGIES:
            raise Unsupported(f"the client has {', '.join(STRATEGIES)}")
        settings = {
            "bootstrap.servers": BOOTSTRAP, "group.id": group or "none", "enable.auto.commit": False,
            "partition.assignment.strategy": strategy, "session.timeout.ms": session_ms, "heartbeat.interval.ms": HEARTBEAT_MS,
            "fetch.wait.max.ms": fetch_wait_ms, "isolation.level": isolation,
            "auto.offset.reset": start if start in ("earliest", "latest") else "error",
        }
        if instance:
            settings["group.instance.id"] = instance
        member = self.members[consumer] = Member(settings)
        if not group:
            offset = {"earliest": kafka.OFFSET_BEGINNING, "latest": kafka.OFFSET_END}.get(start, start)
            member.consumer.assign([kafka.TopicPartition(topic, partition, offset)])
            return

        def lost(_consumer, partitions):
            member.lost += [one.partition for one in partitions]

        member.consumer.subscribe([topic], on_revoke=lost, on_lost=lost)

    def poll(self, consumer, count, wait_ms):
        member, end = self.members[consumer], time.monotonic() + wait_ms / 1000
        while len(member.records) < count and (left := end - time.monotonic()) > 0:
            member.turn(1000 * left)
        given, member.records = member.records[:count], member.records[count:]
        return [shown(record) for record in given]

    def assignment(self, consumer, wait_ms):
        member = self.members[consumer]
        member.turn(wait_ms)
        return {"partitions": sorted(one.partition for one in member.consumer.assignment()), "lost": member.lost}

    def commit(self, consumer, topic, partition, offset):
        self.members[consumer].consumer.commit(offsets=[kafka.TopicPartition(topic, partition, offset)], asynchronous=False)

    def close(self, consumer):
        self.members.pop(consumer).consumer.close()

    def close_all(self):
        for consumer in list(self.members):
            self.close(consumer)

    # ---- groups

    def groups(self):
        return [group.group_id for group in done(self.admin.list_consumer_groups()).valid]

    def describe_group(self, group):
        [found] = self.admin.describe_consumer_groups([group]).values()
        found = done(found)
        members = [[one.partition for one in member.assignment.topic_partitions] for member in found.members]
        return {"state": found.state.name.capitalize(), "strategy": found.partition_assignor, "members": members}

    def delete_group(self, group):
        [deleted] = self.admin.delete_consumer_groups([group]).values()
        done(deleted)

    def committed(self, group, topic):
        [found] = self.admin.list_consumer_group_offsets([kafka.ConsumerGroupTopicPartitions(group)]).values()
        return {str(one.partition): one.offset for one in done(found).topic_partitions if one.topic == topic}

    def set_offset(self, group, topic, partition, offset):
        wanted = kafka.ConsumerGroupTopicPartitions(group, [kafka.TopicPartition(topic, partition, offset)])
        [altered] = self.admin.alter_consumer_group_offsets([wanted]).values()
        for one in done(altered).topic_partitions:
            if one.error:
                raise kafka.KafkaException(one.error)


def done(future):
    return future.result(CALL_SECONDS_MAX)


def resource(topic):
    return admin.ConfigResource(admin.ConfigResource.Type.TOPIC, topic)


def send(producer, topic, partition, records):
    """The offsets that the records have been given."""
    offsets, errors = [], []

    def delivered(error, record):
        errors.append(error) if error else offsets.append(record.offset())

    for record in records:
        options = {"timestamp": record["timestamp"]} if "timestamp" in record else {}
        headers = [(name, encoded(value)) for name, value in record.get("headers", [])]
        key, value = encoded(record.get("key")), encoded(record.get("value"))
        producer.produce(topic, value, key, partition, on_delivery=delivered, headers=headers, **options)
        producer.poll(0)
    left = producer.flush(CALL_SECONDS_MAX)
    if errors:
        raise kafka.KafkaException(errors[0])
    if left:
        raise kafka.KafkaException(kafka.KafkaError(kafka.KafkaError._TIMED_OUT))
    return offsets


def shown(record):
    kind, timestamp = record.timestamp()
    return {
        "partition": record.partition(), "offset": record.offset(), "timestamp": timestamp,
        "timestamp_type": TIMESTAMP_TYPES[kind], "key": decoded(record.key()), "value": decoded(record.value()),
        "headers": [[name, decoded(value)] for name, value in record.headers() or []],
    }


def name_of(error):
    """librdkafka's names are Kafka's but for a few."""
    inner = error.args[0] if isinstance(error, kafka.KafkaException) else None
    name = inner.name() if inner else type(error).__name__
    return OTHER_NAMES.get(name, name)


OTHER_NAMES = {
    "MSG_SIZE_TOO_LARGE": "MESSAGE_TOO_LARGE",
    "UNKNOWN_TOPIC_OR_PART": "UNKNOWN_TOPIC_OR_PARTITION",
    "TOPIC_EXCEPTION": "INVALID_TOPIC_EXCEPTION",
}

if __name__ == "__main__":
    serve(Librdkafka(), name_of)
