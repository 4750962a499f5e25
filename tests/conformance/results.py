"""What was found, and whether that is what was expected."""

import json
import threading


class Results:
    """Outcomes by broker, client and feature. The run's own lines go to standard output as they come."""

    def __init__(self, clients, features):
        self.clients, self.features = clients, features
        self.versions, self.outcomes, self.lock = {}, {}, threading.Lock()

    def add(self, broker, client, feature, outcome, why, seconds):
        line = {"broker": broker, "client": client, "feature": feature, "outcome": outcome, "detail": why}
        with self.lock:
            self.outcomes[broker, client, feature] = (outcome, why)
            print(json.dumps({**line, "seconds": round(seconds, 2)}, ensure_ascii=False), flush=True)

    def problems(self):
        """Everything that is not as it should be, a line each."""
        for (broker, client, feature), (outcome, why) in self.outcomes.items():
            if outcome == "failed":
                yield f"{client} on {broker}: {feature}: {why}"
                continue
            apache = self.outcomes.get(("apache", client, feature), (None, None))[0]
            if broker == "embedded" and apache and apache != outcome and apache != "failed":
                yield f"{client}: {feature}: {outcome} on the embedded broker, {apache} on Apache Kafka"

    def report(self, require_all, seconds):
        """The closing lines; the exit code."""
        problems, absent = list(self.problems()), [client for client in self.clients if not client.command]
        for client in absent:
            print(f"SKIPPED: {client.name} did not run: {client.absent}")
        for problem in problems:
            print(f"FAILED: {problem}")
        outcomes = [outcome for outcome, _ in self.outcomes.values()]
        print(f"{outcomes.count('unsupported')} times a client has no call for it; {seconds:.0f} s")
        passed, skipped = outcomes.count("ok"), len(absent) * len(self.features)
        print(f"{passed} passed, {len(problems)} failed, {skipped} skipped")
        return 1 if problems or (require_all and absent) else 0
