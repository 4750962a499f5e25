"""The clients: which version of what, how it is brought into the cache, and the command of its adapter."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ADAPTERS = Path(__file__).resolve().parent / "adapters"
CACHE = Path(os.environ.get("SAGALINE_CACHE") or Path.home() / ".cache" / "sagaline").resolve()
BRING_SECONDS_MAX = 300
GO_MINOR_MIN = 21
JDK = "openjdk-17-jdk-headless"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve()
WORK = TARGET / "tmp" / "conformance"


class Absent(Exception):
    """What a client needs is not on this machine."""


class Broken(Exception):
    """It is here, and a client could not be brought nevertheless."""


class Client:
    """A client: `bring` returns the command of its adapter, once it is there; without one the reason is in `absent`."""

    def __init__(self, name, bring, unsteady=None):
        """`unsteady` says why a scenario that fails is tried once more: on every broker, whatever the broker does."""
        self.name, self.bring, self.unsteady = name, bring, unsteady
        self.command, self.absent = None, None

    def make_ready(self):
        try:
            self.command = self.bring()
        except Absent as reason:
            self.absent = str(reason)


def in_python(adapter, *packages):
    def bring():
        home = CACHE / python_home(packages)
        if not home.exists():
            with partial() as made:
                run([need("python3", "python3 python3-venv"), "-m", "venv", str(made)])
                run([str(made / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages])
                made.rename(home)
        return [str(home / "bin" / "python"), str(ADAPTERS / adapter)]

    return bring


def python_home(packages):
    """`tools/test-e2e` has the same place for a package alone."""
    name = packages[0].replace("==", "-")
    others = hashlib.sha256(" ".join(packages[1:]).encode()).hexdigest()[:8]
    return f"python-{name}" + (f"-{others}" if len(packages) > 1 else "")


def need(command, package):
    found = shutil.which(command)
    if not found:
        raise Absent(f"there is no {command} (Debian, Ubuntu: apt-get install {package})")
    return found


def run(command, **how):
    """What it said; fails with all of that when it fails."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    try:
        done = subprocess.run(command, timeout=BRING_SECONDS_MAX, **streams, **how)
    except subprocess.TimeoutExpired as late:
        raise Broken(f"{' '.join(command)} takes more than {BRING_SECONDS_MAX} s") from late
    if done.returncode:
        raise Broken(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}")
    return done.stdout


class partial:
    """A folder beside the place that it is moved to once it is whole, so that two runs at once do not meet."""

    def __enter__(self):
        CACHE.mkdir(parents=True, exist_ok=True)
        self.path = Path(tempfile.mkdtemp(dir=CACHE, prefix="conformance."))
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


def in_node(adapter, *packages):
    def bring():
        node, npm, home = need("node", "nodejs"), need("npm", "npm"), CACHE / f"node-{packages[0].replace('@', '-')}"
        if not home.exists():
            with partial() as made:
                run([npm, "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", *packages], cwd=made)
                made.rename(home)
        return ["env", f"KAFKAJS={home}", node, str(ADAPTERS / adapter)]

    return bring


def in_java():
    """Compiled each run: it takes a second, and nothing is stale."""
    javac, java, jars = need("javac", JDK), need("java", JDK), kafka_jars()
    classes = WORK / "java"
    shutil.rmtree(classes, ignore_errors=True)
    sources = sorted(map(str, (ADAPTERS / "java").glob("*.java")))
    run([javac, "-Xlint:all", "-cp", f"{jars}/*", "-d", str(classes), *sources])
    quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Xmx256m"]
    log = f"-Dlog4j2.configurationFile={ADAPTERS / 'java' / 'log4j2.properties'}"
    return [java, *quick, log, "-cp", f"{classes}:{jars}/*", "Adapter"]


def kafka_jars():
    command = [sys.executable, str(ROOT / "tools" / "apache-kafka"), "fetch"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise Broken("the jars of Apache Kafka could not be brought")
    return Path(done.stdout.strip())


def of_system(command, adapter):
    def bring():
        need(command, command)
        return [sys.executable, str(ADAPTERS / adapter)]

    return bring


def in_go():
    go, binary = need("go", "golang"), WORK / "franz-go"
    found = re.search(r"go1\.(\d+)", run([go, "version"]))
    if found and int(found[1]) < GO_MINOR_MIN:
        raise Absent(f"{go} is older than 1.{GO_MINOR_MIN}, which would bring the version that franz-go needs")
    run([go, "build", "-o", str(binary), "."], cwd=ADAPTERS / "franz-go")
    return [str(binary)]


CLIENTS = [
    Client("librdkafka", in_python("librdkafka.py", "confluent-kafka==2.16.1")),
    Client("kafka-python", in_python(
        "kafka_python.py", "kafka-python==3.0.12", "lz4==4.4.5", "zstandard==0.25.0", "python-snappy==0.7.3", "cramjam==2.14.0",
    ), unsteady="a member now and then never asks for the first offset of partitions that it was given"),
    Client("aiokafka", in_python(
        "aiokafka_client.py", "aiokafka==0.14.0", "cramjam==2.14.0", "async-timeout==5.0.1", "packaging==26.4",
        "typing_extensions==4.16.0",
    )),
    Client("Java", in_java),
    Client("franz-go", in_go),
    Client("kafkajs", in_node("kafkajs.mjs", "kafkajs@2.2.4", "kafkajs-snappy@1.1.0", "snappyjs@0.6.1")),
    Client("kcat", of_system("kcat", "kcat.py")),
]

# Creates topics for clients that cannot.
MAKER = CLIENTS[0]
