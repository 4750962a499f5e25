"""kafka-python."""

import logging
import os
import re
import time

import kafka
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import AlterConfigOp, ConfigResource, ConfigResourceType, OffsetSpec
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from kafka.structs import OffsetAndMetadata

from serve import Unsupported, decoded, encoded, name_by_message, serve

BOOTSTRAP = os.environ["BOOTSTRAP"]
CALL_SECONDS_MAX = 20
HEARTBEAT_MS = 500
# When its polls are over sooner, it now and then never asks for the first offset of partitions that it was given.
TURN_MS_MIN = 500
STRATEGIES = {
    "range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor, "sticky": StickyPartitionAssignor,
    "cooperative-sticky": CooperativeStickyAssignor,
}


class Member(kafka.ConsumerRebalanceListener):
    """A consumer, and what has happened to its partitions."""

    def __init__(self, settings):
        self.consumer = KafkaConsumer(**settings)
        self.records, self.lost = [], []

    def turn(self, wait_ms):
        for records in self.consumer.poll(timeout_ms=max(wait_ms, TURN_MS_MIN)).values():
            self.records += records

    def on_partitions_revoked(self, revoked):
        self.lost += [one.partition for one in revoked]

    def on_partitions_assigned(self, assigned):
        pass


class KafkaPython:
    """Producers live for one call: each has other settings."""

    def __init__(self):
        self.admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
        self.members = {}

    def hello(self):
        return {"version": kafka.__version__, "lacks": {}}

    # ---- topics

    def metadata(self):
        found = self.admin.describe_cluster()
        return {"cluster_id": found["cluster_id"], "brokers": [f"{one['host']}:{one['port']}" for one in found["brokers"]]}

    def topics(self):
        return self.admin.list_topics()

    def partitions(self, topic):
        return len(self.admin.describe_topics([topic])[0]["partitions"])

    def create_topic(self, topic, partitions, configs):
        wanted = {"num_partitions": partitions, "replication_factor": 1, "configs": configs}
        self.admin.create_topics({topic: wanted})

    def delete_topic(self, topic):
        self.admin.delete_topics([topic])

    def create_partitions(self, topic, count):
        self.admin.create_partitions({topic: count})

    def describe_configs(self, topic):
        found = self.admin.describe_configs([resource(topic, None)], config_filter="all")["topic"][topic]
        return {name: {"value": one["value"], "default": one["config_source"] == "DEFAULT_CONFIG"} for name, one in found.items()}

    def alter_configs(self, topic, set, delete):
        changes = {name: (AlterConfigOp.SET, value) for name, value in set.items()}
        changes.update({name: (AlterConfigOp.DELETE, None) for name in delete})
        checked(self.admin.alter_configs([resource(topic, changes)], incremental=True)["topic"][topic])

    def replace_configs(self, topic, configs):
        raise Unsupported("the client sends the settings along that are not named, so that they stay")

    def delete_records(self, topic, partition, before):
        where = TopicPartition(topic, partition)
        return self.admin.delete_records({where: before})[where]["low_watermark"]

    # ---- records

    def produce(self, topic, records, settings, partition=0):
        acks, codec = settings.get("acks", "all"), settings.get("codec", "none")
        return sent(topic, partition, records, KafkaProducer(
            bootstrap_servers=BOOTSTRAP, acks=acks if acks == "all" else int(acks),
            compression_type=None if codec == "none" else codec, enable_idempotence=settings.get("idempotence", False),
            max_request_size=settings.get("max_bytes", 1_048_576),
        ))

    def transaction(self, id, topic, records, commit):
        producer = KafkaProducer(bootstrap_servers=BOOTSTRAP, transactional_id=id)
        try:
            producer.init_transactions()
            producer.begin_transaction()
            send(producer, topic, 0, records)
            (producer.commit_transaction if commit else producer.abort_transaction)()
        finally:
            producer.close(CALL_SECONDS_MAX)

    def offset_at(self, topic, partition, at):
        where = TopicPartition(topic, partition)
        spec = {"earliest": OffsetSpec.EARLIEST, "latest": OffsetSpec.LATEST}.get(at, at)
        offset = self.admin.list_partition_offsets({where: spec})[where].offset
        return None if offset < 0 else offset

    # ---- consumers

    def open(self, consumer, topic, start, partition=0, group=None, strategy="range", instance=None, session_ms=45_000,
             fetch_wait_ms=500, isolation="read_uncommitted"):
        settings = {
            "bootstrap_servers": BOOTSTRAP, "group_id": group, "enable_auto_commit": False, "isolation_level": isolation,
            "fetch_max_wait_ms": fetch_wait_ms, "auto_offset_reset": start if start in ("earliest", "latest") else "none",
        }
        if group:
            settings.update(
                partition_assignment_strategy=[STRATEGIES[strategy]], session_timeout_ms=session_ms,
                heartbeat_interval_ms=HEARTBEAT_MS, group_instance_id=instance,
            )
        member = self.members[consumer] = Member(settings)
        if group:
            # A leader that has joined before it knows the topic assigns nothing, and never looks again.
            member.consumer.partitions_for_topic(topic)
            member.consumer.subscribe([topic], listener=member)
            return
        where = TopicPartition(topic, partition)
        member.consumer.assign([where])
        if start not in ("earliest", "latest"):
            member.consumer.seek(where, start)

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
        self.members[consumer].consumer.commit({TopicPartition(topic, partition): OffsetAndMetadata(offset, "", -1)})

    def close(self, consumer):
        self.members.pop(consumer).consumer.close()

    def close_all(self):
        for consumer in list(self.members):
            self.close(consumer)

    # ---- groups

    def groups(self):
        return [one["group_id"] for one in self.admin.list_groups()]

    def describe_group(self, group):
        found = self.admin.describe_groups([group])[group]
        members = [
            sorted(partition for topic in one["member_assignment"]["assigned_partitions"] for partition in topic["partitions"])
            for one in found["members"]
        ]
        return {"state": found["group_state"], "strategy": found["protocol_data"], "members": members}

    def delete_group(self, group):
        checked(self.admin.delete_groups([group])[group])

    def committed(self, group, topic):
        found = self.admin.list_group_offsets(group)[group]
        return {str(where.partition): one.offset for where, one in found.items() if where.topic == topic}

    def set_offset(self, group, topic, partition, offset):
        where = TopicPartition(topic, partition)
        checked(self.admin.alter_group_offsets(group, {where: OffsetAndMetadata(offset, "", -1)})[where].__name__)

    def delete_offset(self, group, topic, partition):
        where = TopicPartition(topic, partition)
        checked(self.admin.delete_group_offsets(group, [where])[where].__name__)


def resource(topic, configs):
    return ConfigResource(ConfigResourceType.TOPIC, topic, configs)


def checked(result):
    """Some calls give errors as text, by the name of their class."""
    if result not in ("OK", "NoError"):
        raise getattr(kafka.errors, re.search(r"\w+Error", result)[0])(result)


def sent(topic, partition, records, producer):
    try:
        return send(producer, topic, partition, records)
    finally:
        producer.close(CALL_SECONDS_MAX)


def send(producer, topic, partition, records):
    """The offsets that the records have been given."""
    futures = [
        producer.send(
            topic, encoded(one.get("value")), encoded(one.get("key")), partition=partition, timestamp_ms=one.get("timestamp"),
            headers=[(name, encoded(value)) for name, value in one.get("headers", [])],
        )
        for one in records
    ]
    producer.flush(CALL_SECONDS_MAX)
    return [future.get(CALL_SECONDS_MAX).offset for future in futures]


def shown(record):
    return {
        "partition": record.partition, "offset": record.offset, "timestamp": record.timestamp,
        "timestamp_type": ("CreateTime", "LogAppendTime")[record.timestamp_type],
        "key": decoded(record.key), "value": decoded(record.value),
        "headers": [[name, decoded(value)] for name, value in record.headers],
    }


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    serve(KafkaPython(), name_by_message)
