"""Prints the valid batches of a journal topic, as docs/reference/journal_reader.py judges them: valid_batches.py BROKERS TOPIC"""

import json
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from journal_reader import valid_batches


def records(consumer, topic, partition):
    """Every record of a partition from its beginning to its end as it is now."""
    _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=30)
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
    following = 0
    while following < end:
        message = consumer.poll(30)
        if message is None or message.error():
            raise SystemExit(f"{topic}/{partition}: {message and message.error()} at {following} of {end}")
        following = message.offset() + 1
        yield message.offset(), dict(message.headers() or ()), message.value()


def main():
    brokers, topic = sys.argv[1:]
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "unused", "enable.auto.commit": False, "fetch.queue.backoff.ms": 5})
    partitions = sorted(consumer.list_topics(topic, timeout=30).topics[topic].partitions)
    json.dump({partition: list(valid_batches(records(consumer, topic, partition))) for partition in partitions}, sys.stdout)
    consumer.close()


if __name__ == "__main__":
    main()
