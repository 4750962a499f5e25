"""aiokafka: its loop runs in a thread of its own, so that members of groups live between two requests."""

import asyncio
import os
import threading

import aiokafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import for_code

from serve import Unsupported, decoded, encoded, name_by_message, serve

BOOTSTRAP = os.environ["BOOTSTRAP"]
CALL_SECONDS_MAX = 40
HEARTBEAT_MS = 500
DEFAULT_SOURCE = 5  # of a setting that nobody has set
STRATEGIES = {
    "range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor, "sticky": StickyPartitionAssignor,
}


class Member(ConsumerRebalanceListener):
    """A consumer, and what has happened to its partitions."""

    def __init__(self, settings):
        self.consumer = AIOKafkaConsumer(**settings)
        self.records, self.lost = [], []

    async def turn(self, wait_ms):
        for records in (await self.consumer.getmany(timeout_ms=int(wait_ms))).values():
            self.records += records

    def on_partitions_revoked(self, revoked):
        self.lost += [one.partition for one in revoked]

    def on_partitions_assigned(self, assigned):
        pass


class Aiokafka:
    """What is asked for, on the loop. Producers live for one call: each has other settings."""

    def __init__(self):
        self.members, self.admin = {}, None

    async def hello(self):
        self.admin = AIOKafkaAdminClient(bootstrap_servers=BOOTSTRAP)
        await self.admin.start()
        return {"version": aiokafka.__version__, "lacks": {}}

    # ---- topics

    async def metadata(self):
        found = await self.admin.describe_cluster()
        return {"cluster_id": found["cluster_id"], "brokers": [f"{one['host']}:{one['port']}" for one in found["brokers"]]}

    async def topics(self):
        return await self.admin.list_topics()

    async def partitions(self, topic):
        return len((await self.admin.describe_topics([topic]))[0]["partitions"])

    async def create_topic(self, topic, partitions, configs):
        made = await self.admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs)])
        checked(made.topic_errors[0][1], made)

    async def delete_topic(self, topic):
        deleted = await self.admin.delete_topics([topic])
        checked(deleted.topic_error_codes[0][1], deleted)

    async def create_partitions(self, topic, count):
        await self.admin.create_partitions({topic: NewPartitions(count)})

    async def describe_configs(self, topic):
        [found] = await self.admin.describe_configs([resource(topic, None)])
        entries = [entry[:4] for entry in found.resources[0][4]]
        return {name: {"value": value, "default": source == DEFAULT_SOURCE} for name, value, _, source in entries}

    async def replace_configs(self, topic, configs):
        [altered] = await self.admin.alter_configs([resource(topic, configs)])
        checked(altered.resources[0][0], altered)

    async def delete_records(self, topic, partition, before):
        where = TopicPartition(topic, partition)
        return (await self.admin.delete_records({where: RecordsToDelete(before)}))[where]

    # ---- records

    async def produce(self, topic, records, settings, partition=0):
        acks, codec = settings.get("acks", "all"), settings.get("codec", "none")
        producer = AIOKafkaProducer(
            bootstrap_servers=BOOTSTRAP, acks=acks if acks == "all" else int(acks),
            compression_type=None if codec == "none" else codec, enable_idempotence=settings.get("idempotence", False),
            max_request_size=settings.get("max_bytes", 1_048_576),
        )
        await producer.start()
        try:
            return await send(producer, topic, partition, records)
        finally:
            await producer.stop()

    async def transaction(self, id, topic, records, commit):
        producer = AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, transactional_id=id)
        try:
            await producer.start()
            await producer.begin_transaction()
            await send(producer, topic, 0, records)
            await (producer.commit_transaction if commit else producer.abort_transaction)()
        finally:
            await producer.stop()

    async def offset_at(self, topic, partition, at):
        where = TopicPartition(topic, partition)
        consumer = AIOKafkaConsumer(bootstrap_servers=BOOTSTRAP)
        await consumer.start()
        try:
            if at == "earliest":
                return (await consumer.beginning_offsets([where]))[where]
            if at == "latest":
                return (await consumer.end_offsets([where]))[where]
            found = (await consumer.offsets_for_times({where: at}))[where]
            return found and found.offset
        finally:
            await consumer.stop()

    # ---- consumers

    async def open(self, consumer, topic, start, partition=0, group=None, strategy="range", instance=None, session_ms=45_000,
                   fetch_wait_ms=500, isolation="read_uncommitted"):
        if strategy not in STRATEGIES:
            raise Unsupported(f"the client has {', '.join(STRATEGIES)}")
        member = self.members[consumer] = Member({
            "bootstrap_servers": BOOTSTRAP, "group_id": group, "enable_auto_commit": False, "isolation_level": isolation,
            "fetch_max_wait_ms": fetch_wait_ms, "auto_offset_reset": start if start in ("earliest", "latest") else "none",
            "partition_assignment_strategy": [STRATEGIES[strategy]], "session_timeout_ms": session_ms,
            "heartbeat_interval_ms": HEARTBEAT_MS, "group_instance_id": instance,
        })
        if group:
            member.consumer.subscribe([topic], listener=member)
            await member.consumer.start()
            return
        where = TopicPartition(topic, partition)
        member.consumer.assign([where])
        await member.consumer.start()
        if start not in ("earliest", "latest"):
            member.consumer.seek(where, start)

    async def poll(self, consumer, count, wait_ms):
        member, loop = self.members[consumer], asyncio.get_running_loop()
        end = loop.time() + wait_ms / 1000
        while len(member.records) < count and (left := end - loop.time()) > 0:
            await member.turn(1000 * left)
        given, member.records = member.records[:count], member.records[count:]
        return [shown(record) for record in given]

    async def assignment(self, consumer, wait_ms):
        member = self.members[consumer]
        await member.turn(wait_ms)
        return {"partitions": sorted(one.partition for one in member.consumer.assignment()), "lost": member.lost}

    async def commit(self, consumer, topic, partition, offset):
        await self.members[consumer].consumer.commit({TopicPartition(topic, partition): offset})

    async def close(self, consumer):
        await self.members.pop(consumer).consumer.stop()

    async def close_all(self):
        for consumer in list(self.members):
            await self.close(consumer)

    # ---- groups

    async def groups(self):
        return [name for name, _ in await self.admin.list_consumer_groups()]

    async def describe_group(self, group):
        [found] = await self.admin.describe_consumer_groups([group])
        _, _, state, _, strategy, members = found.groups[0][:6]
        assigned = [ConsumerProtocolMemberAssignment.decode(member[4]).assignment for member in members]
        partitions = [sorted(one for _, partitions in topics for one in partitions) for topics in assigned]
        return {"state": state, "strategy": strategy, "members": partitions}

    async def committed(self, group, topic):
        found = await self.admin.list_consumer_group_offsets(group)
        return {str(where.partition): one.offset for where, one in found.items() if where.topic == topic}

    async def set_offset(self, group, topic, partition, offset):
        """Its administrator cannot; a consumer of the group that is assigned by hand can."""
        where = TopicPartition(topic, partition)
        consumer = AIOKafkaConsumer(bootstrap_servers=BOOTSTRAP, group_id=group, enable_auto_commit=False)
        consumer.assign([where])
        await consumer.start()
        try:
            await consumer.commit({where: offset})
        finally:
            await consumer.stop()


class OnLoop:
    """The same operations, to be called from outside of the loop."""

    def __init__(self, adapter):
        self._adapter, self._loop = adapter, asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def __getattr__(self, operation):
        inner = getattr(self._adapter, operation, None)
        if inner is None:
            raise AttributeError(operation)
        return lambda **request: asyncio.run_coroutine_threadsafe(inner(**request), self._loop).result(CALL_SECONDS_MAX)


def resource(topic, configs):
    return ConfigResource(ConfigResourceType.TOPIC, topic, configs)


def checked(code, answer):
    if code:
        raise for_code(code)(str(answer))


async def send(producer, topic, partition, records):
    """The offsets that the records have been given."""
    futures = [
        await producer.send(
            topic, encoded(one.get("value")), encoded(one.get("key")), partition=partition, timestamp_ms=one.get("timestamp"),
            headers=[(name, encoded(value)) for name, value in one.get("headers", [])],
        )
        for one in records
    ]
    await producer.flush()
    answers = await asyncio.gather(*futures)
    return [answer.offset if answer else -1 for answer in answers]


def shown(record):
    return {
        "partition": record.partition, "offset": record.offset, "timestamp": record.timestamp,
        "timestamp_type": ("CreateTime", "LogAppendTime")[record.timestamp_type],
        "key": decoded(record.key), "value": decoded(record.value),
        "headers": [[name, decoded(value)] for name, value in record.headers],
    }


if __name__ == "__main__":
    serve(OnLoop(Aiokafka()), name_by_message)
