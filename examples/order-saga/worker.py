#!/usr/bin/env python3
"""All activities of queue `orders`, on nothing but a Kafka client: `pip install confluent-kafka`, then run this file."""
import json, os, signal, sys, time
from confluent_kafka import Consumer, KafkaException, Producer

KAFKA, NAMESPACE = os.environ.get("SAGALINE_KAFKA", "127.0.0.1:9092"), os.environ.get("SAGALINE_NAMESPACE", "sagaline")
GATEWAY_DOWN = os.environ.get("ORDER_SAGA_GATEWAY_DOWN", ".sagaline/demo/gateway-down")  # down while this file exists


class Failure(Exception):
    """Why an attempt failed: a type for the workflow, a message for people, and whether another attempt, or a person, can help."""
    def __init__(self, error_type, message, retry=True, person=True):
        super().__init__(error_type, message, retry, person)


def reserve_stock(order, _):
    if order["courier"] == "bicycle": time.sleep(0.5)
    return {"reservation": "stock-" + order["order_id"]}

def charge_card(order, _):
    if order["card"] == "declined": raise Failure("CardDeclined", "the bank said no", retry=False, person=False)
    if order["card"] == "gateway" and os.path.exists(GATEWAY_DOWN): raise Failure("GatewayDown", "connection refused")
    return {"payment": ("busy-" if order["card"] == "busy" else "card-") + order["order_id"], "amount": order["total"]}

def refund_card(paid, number):
    if paid["payment"].startswith("busy-") and number == "1": raise Failure("BankBusy", "ask again")
    print("refunded", paid["amount"], "of", paid["payment"], flush=True)

def ship(order, _):
    if order["courier"] == "refuses": raise Failure("CourierRefused", "the courier takes no parcels today", retry=False, person=False)
    if not order["address"].startswith("Main Street"): raise Failure("AddressUnknown", f'no street "{order["address"]}"')
    if order["courier"] == "bicycle": time.sleep(0.5)

ACTIVITIES = {"reserve-stock": reserve_stock, "charge-card": charge_card, "ship": ship,
              "release-stock": lambda held, _: print("released", held["reservation"], flush=True), "refund-card": refund_card}


def attempt(name, number, value):
    """Makes one attempt; returns the answer's type, its headers and its value."""
    try:
        if not name: raise Failure("Undecodable", "the task names no activity", retry=False)
        if name not in ACTIVITIES: raise Failure("sagaline.UnknownActivity", f"this worker has no activity {name}")
        time.sleep(0.3)  # stands for the work
        return "completed", {}, json.dumps(ACTIVITIES[name](json.loads(value or b"null"), number))
    except Failure as failure: error_type, message, retry, person = failure.args
    except (KeyError, TypeError, ValueError) as mismatch:  # the input is not what this activity takes; another attempt cannot help
        error_type, message, retry, person = "Undecodable", f"input of {name}: {mismatch!r}", False, True
    except Exception as other: error_type, message, retry, person = type(other).__name__, str(other), True, True
    message = message.encode(errors="replace")[:4096].decode(errors="ignore")  # 4 KB of whole characters
    headers = {"sl-error-type": error_type, "sl-error-message": message, "sl-non-retryable": json.dumps(not retry)}
    return "failed", headers if person else {**headers, "sl-on-exhausted": "fail"}, None  # else it may wait for a person, by its policy

def delivered(error, _):
    if error: raise KafkaException(error)  # out of flush(): nothing is committed, so the task comes again


producer = Producer({"bootstrap.servers": KAFKA, "acks": "all"})
consumer = Consumer({"bootstrap.servers": KAFKA, "group.id": f"{NAMESPACE}.worker.orders", "auto.offset.reset": "earliest",
                     "enable.auto.commit": False, "topic.metadata.refresh.interval.ms": 2000})
consumer.subscribe([f"{NAMESPACE}.tasks.orders"])
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
try:
    while True:
        task = consumer.poll(1.0)
        if task is None or task.error(): continue  # nothing to do, or the topic is not there yet
        h = {name: (value or b"").decode(errors="replace") for name, value in task.headers() or []}
        name, token, to, partition = (h.get(it, "") for it in ("sl-activity", "sl-token", "sl-reply-topic", "sl-reply-partition"))
        if not (token and to and partition.isdecimal()):  # no engine sent it: nobody waits
            print("no task, since it says nowhere to answer: offset", task.offset(), "of partition", task.partition(), flush=True)
        elif h.get("sl-expires-at", "9") > time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()):  # else it is void: nobody waits
            outcome, headers, value = attempt(name, h.get("sl-attempt"), task.value())
            producer.produce(to, value, task.key(), int(partition), on_delivery=delivered,
                             headers={"ce_type": f"sagaline.activity.{outcome}.v1", "sl-token": token, "sl-worker": "worker.py", **headers})
            producer.flush()
            print(h.get("sl-workflow-id"), name, "attempt", h.get("sl-attempt"), outcome, headers.get("sl-error-type", ""), flush=True)
        try: consumer.commit(task, asynchronous=False)
        except KafkaException as error: print("not committed, so it may come again:", error, flush=True)
finally:
    consumer.close()  # other workers take over at once
