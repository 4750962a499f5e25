"""The table of clients, features and brokers in docs: written, or compared with what is committed."""

from brokers import Apache, Embedded
from clients import CLIENTS, ROOT
from scenario import FEATURES

PAGE = ROOT / "docs" / "reference" / "broker-conformance.md"
COMMAND = "tools/conformance --apache --write"
HEAD = f"""\
<!-- Generated: {COMMAND} -->
# Clients and the embedded broker

Stock clients are asked to do the same on the [embedded broker](../../engine/broker/src/lib.rs) and on {Apache.title}, with one
expectation for both. `yes`: both brokers do it. `–`: the client has no call for it, and the note says why. Where the brokers
differ, the cell says what each does.
"""
MARKS = {"ok": "yes", "unsupported": "–", "failed": "FAILED"}


def act(results, args):
    """Does what --write or --check asks for; the exit code."""
    if not (args.write or args.check):
        return 0
    if len(results.versions) < len(CLIENTS):
        print("FAILED: the table is of all clients, and some did not run here")
        return 1
    page = rendered(results)
    if args.write:
        PAGE.write_text(page)
    elif not PAGE.exists() or PAGE.read_text() != page:
        print(f"FAILED: {PAGE.relative_to(ROOT)} says something else: run {COMMAND}")
        return 1
    return 0


def rendered(results):
    names, notes = [client.name for client in CLIENTS], []
    parts = [HEAD, "| client | version |\n|---|---|\n" + "".join(f"| {name} | {version(results, name)} |\n" for name in names)]
    for area in dict.fromkeys(feature.area for feature in FEATURES):
        lines = [f"## {area}\n", f"| feature | {' | '.join(names)} |", "|---" * (1 + len(names)) + "|"]
        for feature in (one for one in FEATURES if one.area == area):
            cells = [cell(results, name, feature.name, notes) for name in names]
            lines.append(f"| {feature.sentence} | {' | '.join(cells)} |")
        parts.append("\n".join(lines) + "\n")
    parts.append("## Notes\n\n" + "".join(f"{number}. {note}\n" for number, note in enumerate(notes, 1)))
    return "\n".join(parts)


def version(results, name):
    """kcat is the one that is not brought: the page must not depend on where it was made."""
    return "of the system" if name == "kcat" else results.versions[name]


def cell(results, client, feature, notes):
    (ours, why), (apache, _) = (results.outcomes[broker.name, client, feature] for broker in (Embedded, Apache))
    text = MARKS[ours] if ours == apache else f"{Embedded.name}: {MARKS[ours]}, {Apache.name}: {MARKS[apache]}"
    if not why or "failed" in (ours, apache):
        return text
    if why not in notes:
        notes.append(why)
    return f"{text} ({notes.index(why) + 1})"
