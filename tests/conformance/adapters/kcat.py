"""kcat: a process for each request, and for each consumer one that lives until it is closed."""

import json
import os
import queue
import re
import signal
import subprocess
import threading
import time

from serve import Unsupported, serve

BOOTSTRAP = os.environ["BOOTSTRAP"]
CALL_SECONDS_MAX = 20
HEARTBEAT_MS = 500
STRATEGIES = ("range", "roundrobin", "cooperative-sticky")
# Between key and value, and between name and value of a setting.
KEY_ENDS = "\x1e"


class KcatFailed(Exception):
    """It ended with an error; the text is what it said."""


class Member:
    """A consumer's process, what it has read, and what has happened to its partitions."""

    def __init__(self, command, group):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.group, self.records, self.partitions, self.lost = group, queue.Queue(), [], []
        self.threads = [threading.Thread(target=read, daemon=True) for read in (self.read_records, self.read_words)]
        for thread in self.threads:
            thread.start()

    def read_records(self):
        for line in self.process.stdout:
            self.records.put(shown(json.loads(line)))

    def read_words(self):
        for line in self.process.stderr:
            changed = re.search(r"rebalanced.*?(assign|revoke)", line)
            if not changed:
                continue
            named = {int(one) for one in re.findall(r"\[(\d+)\]", line)}
            if changed[1] == "assign":
                self.partitions = sorted(named.union(self.partitions))
            else:
                self.lost += sorted(named)
                self.partitions = sorted(set(self.partitions) - named)

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(CALL_SECONDS_MAX)
        for thread in self.threads:
            thread.join()


class Kcat:
    """What kcat has an option for."""

    def __init__(self):
        self.members = {}

    def hello(self):
        said = subprocess.run(["kcat", "-V"], capture_output=True, text=True, check=True).stdout
        version, librdkafka = re.search(r"Version (\S+)", said)[1], re.search(r"librdkafka (\S+)", said)[1]
        lacks = {"timestamp": "the client sets no timestamp", "abort": "the client commits every transaction, at the end of its input"}
        return {"version": f"{version} (librdkafka {librdkafka})", "lacks": lacks}

    # ---- topics

    def metadata(self):
        return {"cluster_id": None, "brokers": [one["name"] for one in listed()["brokers"]]}

    def topics(self):
        return [one["topic"] for one in listed()["topics"]]

    def partitions(self, topic):
        [found] = listed("-t", topic)["topics"]
        return len(found["partitions"])

    # ---- records

    def produce(self, topic, records, settings, partition=0):
        options = [
            "-z", settings.get("codec", "none"), "-X", f"acks={settings.get('acks', 'all')}",
            "-X", f"enable.idempotence={str(settings.get('idempotence', False)).lower()}",
            "-X", f"message.max.bytes={settings.get('max_bytes', 1_000_000)}",
        ]
        return send(topic, partition, records, *options)

    def transaction(self, id, topic, records, commit):
        if not commit:
            raise Unsupported(self.hello()["lacks"]["abort"])
        send(topic, 0, records, "-X", f"transactional.id={id}")

    def offset_at(self, topic, partition, at):
        time_at = {"earliest": -2, "latest": -1}.get(at, at)
        offset = int(re.search(r"offset (-?\d+)", kcat("-Q", "-t", f"{topic}:{partition}:{time_at}").stdout)[1])
        return None if offset < 0 else offset

    # ---- consumers

    def open(self, consumer, topic, start, partition=0, group=None, strategy="range", instance=None, session_ms=45_000,
             fetch_wait_ms=500, isolation="read_uncommitted"):
        if strategy not in STRATEGIES:
            raise Unsupported(f"the client has {', '.join(STRATEGIES)}")
        settings = {"enable.auto.commit": "false", "isolation.level": isolation, "fetch.wait.max.ms": fetch_wait_ms}
        if group:
            settings.update({
                "session.timeout.ms": session_ms, "heartbeat.interval.ms": HEARTBEAT_MS, "auto.offset.reset": start,
                "partition.assignment.strategy": strategy, **({"group.instance.id": instance} if instance else {}),
            })
        options = [part for name, value in settings.items() for part in ("-X", f"{name}={value}")]
        offset = {"earliest": "beginning", "latest": "end"}.get(start, str(start))
        what = ["-G", group, topic] if group else ["-C", "-t", topic, "-p", str(partition), "-o", offset]
        self.members[consumer] = Member(["kcat", "-b", BOOTSTRAP, "-J", "-u", *options, *what], group)

    def poll(self, consumer, count, wait_ms):
        member, end, found = self.members[consumer], time.monotonic() + wait_ms / 1000, []
        while len(found) < count and (left := end - time.monotonic()) > 0:
            try:
                found.append(member.records.get(timeout=left))
            except queue.Empty:
                break
        return found

    def assignment(self, consumer, wait_ms):
        member = self.members[consumer]
        member.process.poll()
        try:
            member.process.wait(wait_ms / 1000)
        except subprocess.TimeoutExpired:
            return {"partitions": member.partitions, "lost": member.lost}
        raise KcatFailed(f"the member ended with {member.process.returncode}")

    def commit(self, consumer, topic, partition, offset):
        raise Unsupported("the client commits all that it has read, by itself, or nothing")

    def close(self, consumer):
        self.members.pop(consumer).close()

    def close_all(self):
        for consumer in list(self.members):
            self.close(consumer)


def kcat(*arguments, given=""):
    done = subprocess.run(
        ["kcat", "-b", BOOTSTRAP, *arguments], input=given, capture_output=True, text=True, timeout=CALL_SECONDS_MAX,
    )
    if done.returncode:
        raise KcatFailed(done.stderr)
    return done


def listed(*arguments):
    return json.loads(kcat("-L", "-J", *arguments).stdout)


def send(topic, partition, records, *options):
    """A process for each run of records that have the same headers and, since there is an option for it, a value or none."""
    offsets, at = [], 0
    while at < len(records):
        end = at + 1
        while end < len(records) and kind(records[end]) == kind(records[at]):
            end += 1
        offsets += send_alike(topic, partition, records[at:end], *options)
        at = end
    return offsets


def kind(record):
    return record.get("headers", []), record.get("value") is None, record.get("key") is None


def send_alike(topic, partition, records, *options):
    headers, is_null, has_no_key = kind(records[0])
    options = [*options, *(part for name, value in headers for part in ("-H", f"{name}={value}"))]
    options += ["-Z"] * is_null + ["-K", KEY_ENDS] * (not has_no_key)
    keys = ("" if has_no_key else f"{one['key']}{KEY_ENDS}" for one in records)
    lines = (f"{key}{one.get('value') or ''}\n" for key, one in zip(keys, records))
    told = ["-v", "-v", "-v", "-X", "topic.produce.offset.report=true"]
    said = kcat("-P", "-t", topic, "-p", str(partition), *told, *options, given="".join(lines)).stderr
    return [int(offset) for offset in re.findall(r"delivered to partition \d+ \(offset (-?\d+)\)", said)]


def shown(line):
    headers = line.get("headers", [])
    return {
        "partition": line["partition"], "offset": line["offset"], "timestamp": line["ts"],
        "timestamp_type": {"create": "CreateTime", "logappend": "LogAppendTime"}[line["tstype"]],
        "key": line["key"], "value": line["payload"],
        "headers": [list(pair) for pair in zip(headers[::2], headers[1::2])],
    }


def name_of(error):
    """It has texts only."""
    return next((name for text, name in NAMES.items() if text in str(error)), type(error).__name__)


NAMES = {
    "Broker: Message size too large": "MESSAGE_TOO_LARGE",
    "Broker: Broker failed to validate record": "INVALID_RECORD",
    "Broker: Transactional Id authorization failed": "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
}

if __name__ == "__main__":
    adapter = Kcat()
    serve(adapter, name_of)
    adapter.close_all()
