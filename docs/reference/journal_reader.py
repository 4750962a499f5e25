"""Which records of Sagaline's journal count: the validity function, for readers that are not Sagaline.

A fenced owner can still write. Its records are in the log, and only this function tells that they are void: whoever
counts records of the journal without it counts too many.

Feed it all records of one partition of `<namespace>.journal` in offset order, from offset 0, each as (offset, headers,
value): headers a dict from name to bytes (of a repeated header the last counts), value bytes or None. It yields every
valid batch as (epoch, batch number, offsets of its records). To go on later from a batch that it gave, feed it what
lies behind the batch's last offset, and give it that epoch and batch number.

With confluent-kafka: `(m.offset(), dict(m.headers() or ()), m.value())`. The values of the records that count are Avro
(schemas/avro/transition.avsc): skip ten bytes, read the rest with any Avro library; records with sl-kind `mark` have none.
"""

import re

PLACE = re.compile(rb"([1-9][0-9]{0,17})/([1-9][0-9]{0,17})/(0|[1-9][0-9]{0,17})")


def valid_batches(records, epoch=0, batch=0):
    open_offsets = []
    for offset, headers, value in records:
        kind, footer = headers.get("sl-kind"), headers.get("sl-footer")
        if kind == b"claim" and is_avro(value):
            (claimed,) = longs(value, 1)
            if claimed == epoch + 1:
                epoch, open_offsets = claimed, []
        place = PLACE.fullmatch(headers.get("sl-batch") or b"")
        if kind not in (b"transition", b"mark") or not place or (footer is not None and not is_avro(footer)):
            continue  # a claim, or a stranger's record
        e, b, index = map(int, place.groups())
        if (e, b) != (epoch, batch + 1):
            continue  # void: of an owner that was fenced, or of a batch that is not in turn
        if index == 0:
            open_offsets = [offset]
        else:
            open_offsets = open_offsets + [offset] if index == len(open_offsets) else []
        if footer is not None:
            _, _, count = longs(footer, 3)
            if count == len(open_offsets) > 0:
                batch = b
                yield epoch, batch, open_offsets
            open_offsets = []


def is_avro(value):
    """Whether these bytes are an Avro single object: C3 01, eight bytes of fingerprint, the datum."""
    return value is not None and len(value) >= 10 and value[:2] == b"\xc3\x01"


def longs(value, count):
    """The first numbers of an Avro datum. A claim begins with its epoch, a footer with epoch, batch number and count."""
    numbers, number, shift = [], 0, 0
    for byte in value[10:]:
        number, shift = number | (byte & 0x7F) << shift, shift + 7
        if byte < 0x80:
            numbers.append(number >> 1 ^ -(number & 1))
            number = shift = 0
            if len(numbers) == count:
                return numbers
    raise ValueError("a claim or footer is cut short: the journal is damaged")
