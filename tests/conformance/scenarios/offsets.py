"""What groups have committed, and groups as an administrator sees them."""

from scenario import TURN_MS, equal, feature, read, refused, true, until, values_of

AREA = "Groups and their offsets"


@feature(AREA)
def commit_resume(world):
    """A group that has committed offset 4 goes on there"""
    topic, group = committed(world)
    equal(resumed(world, topic, group), "r4", "first record")


@feature(AREA)
def committed_list(world):
    """The offsets that a group has committed are listed"""
    topic, group = committed(world)
    equal(world.client.committed(group=group, topic=topic), {"0": 4}, "committed offsets")
    equal(world.client.committed(group=world.name("none"), topic=topic), {}, "committed offsets of an unknown group")


@feature(AREA)
def committed_reset(world):
    """The committed offset of a group without members is set to 2, and it goes on there"""
    topic, group = committed(world)
    world.client.set_offset(group=group, topic=topic, partition=0, offset=2)
    equal(resumed(world, topic, group), "r2", "first record")


@feature(AREA)
def committed_delete(world):
    """The committed offset of a group without members is deleted, and it begins anew"""
    topic, group = committed(world)
    world.client.delete_offset(group=group, topic=topic, partition=0)
    equal(world.client.committed(group=group, topic=topic), {}, "committed offsets")
    equal(resumed(world, topic, group), "r0", "first record")


@feature(AREA)
def group_list(world):
    """A group that has committed is listed"""
    _, group = committed(world)
    true(group in world.client.groups(), "the group is not listed")


@feature(AREA)
def group_describe(world):
    """A group is Stable with its member, strategy and partitions, and Empty when the member has left"""
    topic, group = committed(world)
    opened(world, topic, group)
    equal(world.client.assignment(consumer=group, wait_ms=TURN_MS)["partitions"], [0], "assignment")
    found = world.client.describe_group(group=group)
    equal(found, {"state": "Stable", "strategy": "roundrobin", "members": [[0]]}, "group")
    world.client.close(consumer=group)
    until(lambda: world.client.describe_group(group=group)["state"] == "Empty", "the group is Empty")
    equal(world.client.describe_group(group=group)["members"], [], "members")


@feature(AREA)
def group_delete(world):
    """A group with a member is not deleted: NON_EMPTY_GROUP; without, it is; and then not again: GROUP_ID_NOT_FOUND"""
    topic, group = committed(world)
    opened(world, topic, group)
    refused("NON_EMPTY_GROUP", world.client.delete_group, group=group)
    world.client.close(consumer=group)
    world.client.delete_group(group=group)
    equal(world.client.committed(group=group, topic=topic), {}, "committed offsets")
    refused("GROUP_ID_NOT_FOUND", world.client.delete_group, group=group)


def committed(world):
    """A topic of ten records and a group that has committed offset 4 of it."""
    topic, group = world.filled(10), world.name("group")
    opened(world, topic, group)
    world.client.commit(consumer=group, topic=topic, partition=0, offset=4)
    world.client.close(consumer=group)
    return topic, group


def opened(world, topic, group):
    """A member that has its partition: records come only then."""
    world.client.open(consumer=group, topic=topic, group=group, start="earliest", strategy="roundrobin")
    return read(world.client, group, 1)


def resumed(world, topic, group):
    return values_of(opened(world, topic, group))[0]
