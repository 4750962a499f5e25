"""The loop of an adapter in Python: a request a line on standard input, its answer a line on standard output.

A request is {"op": NAME, ...arguments}; an answer is {"ok": RESULT}, {"error": KAFKA'S NAME OF IT, "text": ...} or
{"unsupported": WHY}. ADAPTERS.md says what the operations are.
"""

import json
import sys


class Unsupported(Exception):
    """The client has no call for it; why is its text."""


def serve(adapter, name_of):
    """Answers until standard input ends. `name_of` gives Kafka's name of an exception's error."""
    out = sys.stdout
    sys.stdout = sys.stderr  # whatever a client prints is no answer
    for line in sys.stdin:
        out.write(json.dumps(answer(adapter, json.loads(line), name_of)) + "\n")
        out.flush()


def answer(adapter, request, name_of):
    operation = getattr(adapter, request.pop("op"), None)
    if operation is None:
        return {"unsupported": "the client has no call for it"}
    try:
        return {"ok": operation(**request)}
    except Unsupported as reason:
        return {"unsupported": str(reason)}
    except Exception as error:  # every failure of a client is an answer
        return {"error": name_of(error), "text": f"{type(error).__name__}: {error}"}


def encoded(text):
    return None if text is None else text.encode()


def decoded(data):
    return None if data is None else data.decode()


def name_by_message(error):
    """For the clients whose errors carry a name of the protocol as their message: Kafka's, but for a few."""
    name = getattr(error, "message", None) or type(error).__name__
    return {"INVALID_TOPIC": "INVALID_TOPIC_EXCEPTION", "MESSAGE_SIZE_TOO_LARGE": "MESSAGE_TOO_LARGE"}.get(name, name)
