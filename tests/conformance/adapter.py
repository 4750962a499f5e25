"""One client in a process of its own, which is asked for one operation after the other; adapters/ADAPTERS.md lists them."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading

# Longer than any operation takes, a rebalance that waits for a dead member included.
ANSWER_SECONDS_MAX = 60

# All that were ever started, for the end of a run that is stopped.
ADAPTERS = []


class KafkaError(Exception):
    """What the client was told by the broker, under Kafka's name for it."""

    def __init__(self, name, text):
        super().__init__(f"{name} ({text})")
        self.name = name


class Unsupported(Exception):
    """The client has no such call."""


class Died(Exception):
    """The process ended, or did not answer in time."""


class Adapter:
    """Every operation is a method: `adapter.delete_topic(topic="t")`. One at a time."""

    def __init__(self, command, environment, log):
        self.log = log
        self.process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=log.open("ab"), start_new_session=True, text=True,
        )
        self.answers, self.is_asked = queue.Queue(), False
        threading.Thread(target=self._read, daemon=True).start()
        ADAPTERS.append(self)

    def __getattr__(self, operation):
        return lambda **arguments: self.ask(operation, **arguments)

    def ask(self, operation, **arguments):
        self.send(operation, **arguments)
        return self.receive(operation)

    def send(self, operation, **arguments):
        if self.is_asked:  # by a scenario that has failed before it came to the answer
            self._answer(operation)
        self.is_asked = True
        try:
            self.process.stdin.write(json.dumps({"op": operation, **arguments}) + "\n")
            self.process.stdin.flush()
        except OSError as error:
            raise Died(f"{operation}: the client's process has ended, see {self.log}") from error

    def receive(self, operation):
        answer = json.loads(self._answer(operation))
        if "unsupported" in answer:
            raise Unsupported(answer["unsupported"])
        if "error" in answer:
            raise KafkaError(answer["error"], answer["text"])
        return answer["ok"]

    def _answer(self, operation):
        self.is_asked = False
        try:
            line = self.answers.get(timeout=ANSWER_SECONDS_MAX)
        except queue.Empty:
            self.kill()
            raise Died(f"{operation}: no answer in {ANSWER_SECONDS_MAX} s, see {self.log}") from None
        if line is None:
            raise Died(f"{operation}: the client's process ended with {self.process.wait()}, see {self.log}")
        return line

    def alive(self):
        return self.process.poll() is None

    def kill(self):
        """The client and what it has started end at once, without a word to the broker."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _read(self):
        for line in self.process.stdout:
            self.answers.put(line)
        self.answers.put(None)
