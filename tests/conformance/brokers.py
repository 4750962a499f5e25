"""The brokers, each with fresh data on a free port, for as long as the run takes."""

import os
import shutil
import subprocess
import sys
import tempfile

from clients import ROOT, TARGET, WORK

# Kafka's own defaults, where the tool's are made for tests of something else.
APACHE_SETTINGS = {"auto.create.topics.enable": "true", "group.min.session.timeout.ms": "6000"}


def embedded():
    """Builds it, and starts a copy: whatever is built meanwhile, one binary runs to the end."""
    subprocess.run(["cargo", "binaries", "--quiet", "--locked"], cwd=ROOT, check=True)
    WORK.mkdir(parents=True, exist_ok=True)
    return Embedded(shutil.copy2(TARGET / "debug" / "sagaline", WORK / "sagaline"), WORK / "embedded.log")


class Embedded:
    """`sagaline broker`."""

    name, title = "embedded", "Embedded broker"

    def __init__(self, binary, log):
        self.data = tempfile.TemporaryDirectory(prefix="conformance-embedded-")
        self.process = subprocess.Popen(
            [binary, "broker", "--data", self.data.name, "--port", "0"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=log.open("wb"), text=True, start_new_session=True,
        )
        self.bootstrap = self.process.stdout.readline().strip()
        if not self.bootstrap:
            raise RuntimeError(f"the embedded broker did not start, see {log}")

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.data.cleanup()


class Apache:
    """Apache Kafka, by tools/apache-kafka."""

    name, title = "apache", "Apache Kafka 4.3.1"

    def __init__(self):
        self.data = tempfile.TemporaryDirectory(prefix="conformance-apache-")
        settings = [f"--config={name}={value}" for name, value in APACHE_SETTINGS.items()]
        self.bootstrap = self.act("start", "--port", "0", "--owner", str(os.getpid()), *settings)

    def act(self, act, *arguments):
        command = [sys.executable, str(ROOT / "tools" / "apache-kafka"), act, "--dir", self.data.name, *arguments]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def stop(self):
        self.act("stop", "--kill")
        self.data.cleanup()
