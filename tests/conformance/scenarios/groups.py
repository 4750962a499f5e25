"""Members of groups share partitions, come, leave, die and come back."""

import time

from scenario import SETTLE_SECONDS_MAX, TURN_MS, equal, feature, true, until, values, values_of

AREA = "Group members"
PARTITIONS = 4
# Kafka's shortest session; and one that no scenario lives to see the end of.
SESSION_MS_MIN, SESSION_MS_LONG = 6_000, 45_000
DEATH_SECONDS_MAX = 25


@feature(AREA)
def group_range(world):
    """Two members with range: each has two partitions that are neighbours, and every record is consumed once"""
    shares = sorted(shared(world, "range")[1])
    equal(shares, [[0, 1], [2, 3]], "assignments")


@feature(AREA)
def group_round_robin(world):
    """Two members with round robin: each has every second partition, and every record is consumed once"""
    shares = sorted(shared(world, "roundrobin")[1])
    equal(shares, [[0, 2], [1, 3]], "assignments")


@feature(AREA)
def group_sticky(world):
    """Two members with sticky: the first keeps two of its four partitions, and every record is consumed once"""
    shared(world, "sticky")


@feature(AREA)
def group_cooperative_sticky(world):
    """Two members with cooperative-sticky: the first gives two partitions away and never stops to have the others"""
    group, shares = shared(world, "cooperative-sticky")
    lost = world.client.assignment(consumer=group, wait_ms=TURN_MS)["lost"]
    equal(sorted(lost), shares[1], "partitions that the first has lost")


def shared(world, strategy):
    """A group of two members that share four partitions, and who has which; the records are read once each."""
    topic = world.topic(partitions=PARTITIONS)
    group, shares = pair(world, topic, strategy=strategy)
    for partition in range(PARTITIONS):
        world.client.produce(topic=topic, partition=partition, records=values(f"p{partition}-", 10), settings={})
    wanted = {f"p{partition}-{number}" for partition in range(PARTITIONS) for number in range(10)}
    equal(sorted(read_by_both(world, group, len(wanted))), sorted(wanted), "records")
    return group, shares


def read_by_both(world, group, count):
    """So many records by two members at once: one that nobody asks holds up the other if that wants a rebalance."""
    found = []

    def are_there():
        for answer in both(world, "poll", consumer=group, count=count, wait_ms=TURN_MS):
            found.extend(values_of(answer))
        return len(found) >= count

    until(are_there, lambda: f"{len(found)} of {count} records are read")
    return found


def pair(world, topic, instances=(None, None), **how):
    """Two members that have agreed: the first was there before the second came."""
    group = world.name("group")
    how = {"topic": topic, "group": group, "start": "earliest", "session_ms": SESSION_MS_LONG, **how}
    how.setdefault("strategy", "roundrobin")
    world.client.open(consumer=group, instance=instances[0], **how)
    alone(world, group)
    world.other.open(consumer=group, instance=instances[1], **how)
    return group, agreed(world, group)


def alone(world, group, seconds=SETTLE_SECONDS_MAX):
    """Waits until the first member has all partitions."""
    has = []

    def all_of_them():
        has[:] = world.client.assignment(consumer=group, wait_ms=TURN_MS)["partitions"]
        return has == list(range(PARTITIONS))

    until(all_of_them, lambda: f"one member has all partitions, it has {has}", seconds)


def agreed(world, group):
    """Waits until two members have half of the partitions each."""
    shares = []

    def halves():
        answers = both(world, "assignment", consumer=group, wait_ms=TURN_MS)
        shares[:] = [answer["partitions"] for answer in answers]
        return [len(share) for share in shares] == [2, 2] and sorted(sum(shares, [])) == list(range(PARTITIONS))

    until(halves, lambda: f"two members have two partitions each, they have {shares}")
    return shares


def both(world, operation, **arguments):
    """What both members answer, asked at once, since a rebalance needs both."""
    members = (world.client, world.other)
    for member in members:
        member.send(operation, **arguments)
    return [member.receive(operation) for member in members]


@feature(AREA)
def group_leave(world):
    """When a member leaves, the other has its partitions long before the session would have run out"""
    group, _ = pair(world, world.topic(partitions=PARTITIONS))
    world.other.close(consumer=group)
    alone(world, group)


@feature(AREA)
def group_crash(world):
    """When a member is killed, the other has its partitions once the session of 6 s has run out, and not before"""
    group, _ = pair(world, world.topic(partitions=PARTITIONS), session_ms=SESSION_MS_MIN)
    world.other.kill()
    killed = time.monotonic()
    alone(world, group, DEATH_SECONDS_MAX)
    # The last heartbeat was up to a third of the session before the death.
    true(time.monotonic() - killed > SESSION_MS_MIN / 2 / 1000, "the dead member's partitions were given away too soon")


@feature(AREA)
def group_static(world):
    """A static member goes and comes back: it has the same partitions, and the other has lost none meanwhile"""
    topic = world.topic(partitions=PARTITIONS)
    group, shares = pair(world, topic, instances=("first", "second"))
    lost = world.client.assignment(consumer=group, wait_ms=TURN_MS)["lost"]
    world.other.close(consumer=group)
    again = {"topic": topic, "group": group, "start": "earliest", "session_ms": SESSION_MS_LONG, "strategy": "roundrobin"}
    world.other.open(consumer=group, instance="second", **again)
    equal(agreed(world, group), shares, "assignments")
    equal(world.client.assignment(consumer=group, wait_ms=TURN_MS)["lost"], lost, "partitions that the other has lost")
