#!/usr/bin/env python3
"""All activities of queue `orders`, on nothing but a Kafka client: `pip install confluent-kafka`, then run this file."""
import json, os, signal, socket, sys, time
from confluent_kafka import Consumer, KafkaException, Producer

KAFKA = os.environ.get("SAGALINE_KAFKA", "127.0.0.1:9092")
NAMESPACE = os.environ.get("SAGALINE_NAMESPACE", "sagaline")
GATEWAY_DOWN = os.environ.get("ORDER_SAGA_GATEWAY_DOWN", ".sagaline/demo/gateway-down")  # down while this file exists


class Failure(Exception):
    def __init__(self, error_type, message, retry=True):
        super().__init__(message)
        self.error_type, self.retry = error_type, retry


def reserve_stock(order):
    return {"reservation": "stock-" + order["order_id"]}

def release_stock(held):
    print("released", held["reservation"], flush=True)

def charge_card(order):
    if order["card"] == "declined":
        raise Failure("CardDeclined", "the bank said no", retry=False)
    if order["card"] == "gateway" and os.path.exists(GATEWAY_DOWN):
        raise Failure("GatewayDown", "connection refused")
    return {"payment": "card-" + order["order_id"], "amount": order["total"]}

def refund_card(paid):
    print("refunded", paid["amount"], "of", paid["payment"], flush=True)

def ship(order):
    if order["courier"] == "refuses":
        raise Failure("CourierRefused", "the courier takes no parcels today", retry=False)
    if not order["address"].startswith("Main Street"):
        raise Failure("AddressUnknown", f'no street "{order["address"]}"')


ACTIVITIES = {f.__name__.replace("_", "-"): f for f in (reserve_stock, release_stock, charge_card, refund_card, ship)}


def attempt(name, value):
    """Makes one attempt; returns the answer's type, its headers and its value."""
    try:
        if name not in ACTIVITIES:
            raise Failure("sagaline.UnknownActivity", f"this worker has no activity {name}")
        time.sleep(0.3)  # stands for the work
        return "completed", {}, json.dumps(ACTIVITIES[name](json.loads(value or b"null")))
    except Failure as failure:
        error = failure
    except (KeyError, TypeError, ValueError) as mismatch:
        error = Failure("sagaline.Undecodable", f"input of {name}: {mismatch!r}", retry=False)
    except Exception as other:
        error = Failure(type(other).__name__, str(other))
    headers = {"sl-error-type": error.error_type, "sl-error-message": str(error)[:1000]}
    return "failed", headers if error.retry else {**headers, "sl-non-retryable": "true"}, None


def answer(producer, task, headers):
    """Sends the one final answer and returns once Kafka has it."""
    outcome, more, value = attempt(headers["sl-activity"], task.value())
    more |= {"ce_type": f"sagaline.activity.{outcome}.v1", "sl-token": headers["sl-token"], "sl-worker": socket.gethostname()}
    errors = []
    producer.produce(headers["sl-reply-topic"], partition=int(headers["sl-reply-partition"]), key=task.key(), value=value,
                     headers=more, on_delivery=lambda error, _: errors.append(error))
    producer.flush()
    if errors[0]:
        raise KafkaException(errors[0])  # nothing was committed: the task comes again
    print(headers["sl-workflow-id"], headers["sl-activity"], "attempt", headers["sl-attempt"], outcome, more.get("sl-error-type", ""), flush=True)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    producer = Producer({"bootstrap.servers": KAFKA, "acks": "all"})
    consumer = Consumer({"bootstrap.servers": KAFKA, "group.id": f"{NAMESPACE}.worker.orders", "auto.offset.reset": "earliest",
                         "enable.auto.commit": False, "topic.metadata.refresh.interval.ms": 2000})
    consumer.subscribe([f"{NAMESPACE}.tasks.orders"])
    try:
        work(producer, consumer)
    finally:
        consumer.close()  # the other workers take over at once


def work(producer, consumer):
    while True:
        task = consumer.poll(1.0)
        if task is None or task.error():
            continue  # nothing to do, or the topic is not there yet
        headers = {name: value.decode() for name, value in task.headers()}
        now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        if headers.get("sl-expires-at", now) >= now:
            answer(producer, task, headers)
        try:
            consumer.commit(task, asynchronous=False)
        except KafkaException as error:
            print("not committed, so it may come again:", error, flush=True)


if __name__ == "__main__":
    main()
