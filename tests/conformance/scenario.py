"""What a scenario is written with: a name, clients, topics of its own, and checks that say what was found."""

import time

from adapter import Died, KafkaError, Unsupported
from clients import MAKER

# How long members may take to agree on who reads what, when nobody has died.
SETTLE_SECONDS_MAX = 30
# Between two looks at something that is waited for: a busy broker takes longer if it is asked all the time.
PAUSE_SECONDS = 0.02
# One turn of a consumer that is expected to find nothing yet.
TURN_MS = 100

FEATURES = []  # every scenario, in the order of the table


class Mismatch(Exception):
    """What was found is not what Kafka does."""


class Feature:
    """A scenario: its area in the table, its name, and the sentence that it proves."""

    def __init__(self, area, run):
        self.area, self.run = area, run
        self.name = run.__name__.replace("_", "-")
        self.sentence = " ".join(run.__doc__.split())


def feature(area):
    """Adds a function as a scenario; its first line of documentation is the sentence of the table."""
    return lambda run: FEATURES.append(Feature(area, run)) or run


def outcome_of(scenario, world):
    """Runs one: ("ok" | "failed" | "unsupported", why)."""
    try:
        return "ok", scenario.run(world) or ""
    except Unsupported as reason:
        return "unsupported", str(reason)
    except Exception as failure:  # whatever a client answers, the others go on
        return "failed", f"{type(failure).__name__}: {failure}"
    finally:
        world.tidy_up()


class World:
    """One client at one broker. Names that it gives out are used by nobody else."""

    def __init__(self, client, bootstrap, spawn):
        """`spawn` gives an adapter of a client."""
        self.what, self.bootstrap, self.spawn = client, bootstrap, spawn
        self.adapters, self.maker, self.names = [], None, 0

    @property
    def client(self):
        return self.adapter(0)

    @property
    def other(self):
        """A second process of the same client."""
        return self.adapter(1)

    def adapter(self, index):
        while len(self.adapters) <= index:
            self.adapters.append(self.spawn(self.what))
        if not self.adapters[index].alive():
            self.adapters[index] = self.spawn(self.what)
        return self.adapters[index]

    def name(self, of):
        self.names += 1
        return f"{self.what.name}-{of}-{self.names}"

    def topic(self, partitions=1, **configs):
        topic = self.name("topic")
        wanted = {"topic": topic, "partitions": partitions, "configs": configs}
        try:
            self.client.create_topic(**wanted)
        except Unsupported:
            self.maker = self.maker or self.spawn(MAKER)
            self.maker.create_topic(**wanted)
        self.until_known(topic, partitions)
        return topic

    def until_known(self, topic, partitions):
        """Waits until the client is told of a topic: a cluster has created it a moment before it says so."""
        found = []

        def is_known():
            try:
                found[:] = [self.client.partitions(topic=topic)]
            except KafkaError as failure:
                found[:] = [str(failure)]
            return found == [partitions]

        until(is_known, lambda: f"{topic} has {partitions} partitions, found {found}")

    def lacks(self, *parts):
        """Which of these parts of records and transactions the client cannot set, and why."""
        found = self.client.hello()["lacks"]
        return {part: found[part] for part in parts if part in found}

    def filled(self, count, **settings):
        """A topic of one partition with so many records: r0, r1, …"""
        topic = self.topic()
        self.client.produce(topic=topic, records=values("r", count), settings=settings)
        return topic

    def tidy_up(self):
        """No consumer of a scenario outlives it."""
        for adapter in self.adapters:
            if adapter.alive():
                try:
                    adapter.close_all()
                except (KafkaError, Died):
                    adapter.kill()

    def end(self):
        for adapter in (*self.adapters, self.maker):
            if adapter:
                adapter.kill()


def values(prefix, count):
    return [{"value": f"{prefix}{number}"} for number in range(count)]


def values_of(records):
    return [record["value"] for record in records]


def equal(found, wanted, what):
    if found != wanted:
        raise Mismatch(f"{what}: found {short(found)}, wanted {short(wanted)}")


def true(holds, what):
    if not holds:
        raise Mismatch(what)


def refused(error, operation, **arguments):
    """The operation fails with that error of Kafka's, or one of those."""
    wanted = (error,) if isinstance(error, str) else error
    try:
        result = operation(**arguments)
    except KafkaError as failure:
        true(failure.name in wanted, f"refused with {failure}, not with {' or '.join(wanted)}")
    else:
        raise Mismatch(f"not refused with {' or '.join(wanted)}: {short(result)}")


def short(value):
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:200]} … {text[-80:]}"


def read(client, consumer, count, seconds=SETTLE_SECONDS_MAX):
    """That many records, in the order in which the consumer gives them."""
    records, deadline = [], time.monotonic() + seconds
    while len(records) < count:
        records += client.poll(consumer=consumer, count=count - len(records), wait_ms=500)
        if time.monotonic() > deadline:
            raise Mismatch(f"{len(records)} of {count} records in {seconds} s: {short(values_of(records))}")
    return records


def read_all(client, topic, count, partition=0, **how):
    """That many records of a partition from the beginning, by a consumer without a group."""
    client.open(consumer=topic, topic=topic, partition=partition, start="earliest", **how)
    try:
        return read(client, topic, count)
    finally:
        client.close(consumer=topic)


def until(holds, what, seconds=SETTLE_SECONDS_MAX):
    """Asks again until it holds: what the broker does meanwhile cannot be waited for otherwise."""
    deadline = time.monotonic() + seconds
    while not (result := holds()):
        if time.monotonic() > deadline:
            raise Mismatch(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(PAUSE_SECONDS)
    return result
