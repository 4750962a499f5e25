"""A plain worker of queue `orders` for the activity `climb`: it sends heartbeats, commits early, and goes on."""
import base64, json, os, time
from confluent_kafka import Consumer, Producer

KAFKA, NAMESPACE = os.environ["SAGALINE_KAFKA"], os.environ["SAGALINE_NAMESPACE"]

producer = Producer({"bootstrap.servers": KAFKA, "acks": "all"})
consumer = Consumer({"bootstrap.servers": KAFKA, "group.id": f"{NAMESPACE}.worker.orders", "auto.offset.reset": "earliest",
                     "enable.auto.commit": False, "topic.metadata.refresh.interval.ms": 2000, "session.timeout.ms": 6000})
consumer.subscribe([f"{NAMESPACE}.tasks.orders"])


def answer(task, h, kind, value):
    producer.produce(h["sl-reply-topic"], json.dumps(value), task.key(), int(h["sl-reply-partition"]),
                     headers={"ce_type": f"sagaline.activity.{kind}.v1", "sl-token": h["sl-token"], "sl-worker": "long_worker.py"})
    assert producer.flush(30) == 0


while True:
    task = consumer.poll(1.0)
    if task is None or task.error():
        continue
    h = {name: (value or b"").decode() for name, value in task.headers() or []}
    limit, last = int(h["sl-heartbeat-timeout-ms"]) / 1000, h.get("sl-last-heartbeat")
    begin = json.loads(base64.b64decode(last)) if last else 0
    answer(task, h, "heartbeat", begin)
    consumer.commit(task, asynchronous=False)  # from here on a missed heartbeat brings the next attempt
    told = time.monotonic()
    for step in range(begin + 1, json.loads(task.value()) + 1):
        time.sleep(0.1)
        if time.monotonic() - told > limit / 3:
            answer(task, h, "heartbeat", step)
            told = time.monotonic()
    answer(task, h, "completed", begin)
