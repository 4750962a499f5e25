"""Starts an order within a transaction: transaction.py BROKERS TOPIC PARTITION KEY VALUE commit|abort"""

import sys

from confluent_kafka import Producer

brokers, topic, partition, key, value, end = sys.argv[1:]
producer = Producer({"bootstrap.servers": brokers, "transactional.id": f"{topic}-{key}"})
producer.init_transactions(30)
producer.begin_transaction()
headers = {"ce_type": "sagaline.workflow.start.v1", "sl-workflow": "order"}
producer.produce(topic, partition=int(partition), key=key, value=value, headers=headers)
if producer.flush(30):
    raise SystemExit("the record was not delivered")
if end == "commit":
    producer.commit_transaction(30)
else:
    producer.abort_transaction(30)
