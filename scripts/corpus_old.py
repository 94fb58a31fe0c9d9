"""What old versions wrote, and what every later version must read from it.

tests/old/VERSION has archives and an `expected.tsv`. In each archive are the folder `journal` (segments, a snapshot, and
what else the version kept there: stored streams, the NODE file of a cluster's node), `venue.toml`, and the record of the
cluster if there is one. HOST in these two stands for an address that each start of a venue chooses.

A row of `expected.tsv` is a step (a command, or a venue that is served), what came out of it, and the value. A later
version may refuse a step if the last column says so: it has words that the refusal must contain, or `-`.
"""

import datetime
import json
import pathlib
import re
import socket
import subprocess
import tarfile
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from corpus_flow import CALLS, MARKET, ORDERS, SESSIONS, VENUE, Flow
from corpus_venue import JOURNAL_CONFIG, OPERATOR_PORT, ORDERS_PORT, SERVE_CONFIG, Refused, Served, digest

ROOT = pathlib.Path(__file__).resolve().parent.parent
OLD = ROOT / "tests/old"
HEADER = "archive\tstep\twhat\tvalue\trefusal"
ENGINE = "[engine]\nhash_probe_interval = 1000\n"
NODE = """\
[cluster]
node = "a"
listen = "HOST:26500"
coordinator = "file:RECORD"
nodes = [{ node = "a", address = "HOST:26500" }]
"""
EARLIER_BOOT = "00000000-0000-4000-8000-000000000000"
STAYING = '[[sessions]]\nuser = "DEMO01"\nfirm = "ALFA"\n'
DISCONNECTING = STAYING + "cancel_on_disconnect_ms = 200\n"
SYMBOLS = ["AAPL", "MSFT", "AMZN", "NVDA", "GOOG", "META"]
# What a person types who trades on META, and on GOOG during its call.
CLIENT = """\
buy 100 META 99.00
sell 120 META 101.00
buy 20 META 101.00
ioc buy 300 META 101.00
buy 50 META market
sell 300 META 100.50 show 20
buy 45 META 100.50
buy 90 META 100.00 hide
sell 60 META 100.00 hide min 50
short 40 META 103.00
short-exempt 10 META 104.00
buy 10 META 110.00 post
buy 30 META 97.00 until {soon}
replace 10 50 103.50
modify 1 60
cancel 11
buy 100 GOOG 100.10
sell 70 GOOG 99.90
buy 10 NONE 1.00
buy 10 META 100.00001
"""
# The rate and the symbols of this session are limited.
LIMITED = "buy 1 META 90.00\nbuy 1 AAPL 90.00\nbuy 2 AAPL 90.00\nbuy 3 AAPL 90.00\n"
BEFORE = [
    {"op": "risk", "firm": "LD02", "qty_max": 1000, "notional_max": 150_000},
    {"op": "state", "symbol": "GOOG", "state": "pre_open"},
    {"op": "quote", "symbol": "META", "bid": "99.50", "offer": "100.50"},
    {"op": "bands", "symbol": "META", "low": "80.00", "high": "120.00"},
]
AFTER = [
    {"op": "state", "symbol": "GOOG", "state": "open"},
    {"op": "bands", "symbol": "META", "low": "80.00", "high": "103.25"},
    {"op": "short_sale", "symbol": "META", "restricted": True},
    {"op": "mass_cancel", "session": "DESK", "of_session": "LOAD02", "symbol": "AAPL", "cause": "operator"},
    {"op": "order_entry", "session": "LOAD01", "enabled": False},
    {"op": "order_entry", "session": "LOAD01", "enabled": True},
    {"op": "state", "symbol": "MSFT", "state": "halted"},
    {"op": "state", "symbol": "MSFT", "state": "reopening_call"},
    {"op": "state", "symbol": "MSFT", "state": "open"},
    {"op": "risk", "session": "LOAD03", "killed": True},
    {"op": "risk", "session": "LOAD03"},
    {"op": "symbol", "symbol": "LATE", "tick": "0.0001", "reference": "5.00"},
]


def make(program, version, names):
    """Has the program write archives, all or those with these names, and measures them."""
    folder, rows = OLD / version, {}
    folder.mkdir(parents=True, exist_ok=True)
    writers = {"file": write_file, "served": write_served, "node": write_node, "poison": write_poison}
    for name in names or writers:
        write = writers[name]
        with tempfile.TemporaryDirectory(prefix="ringside-old-") as place:
            write(program, pathlib.Path(place))
            pack(pathlib.Path(place), folder / f"{name}.tar.xz")
        rows |= measure(program, folder / f"{name}.tar.xz")
    lines = ["\t".join([*key, value, "-"]) for key, value in rows.items()]
    (folder / "expected.tsv").write_text("\n".join([HEADER, *lines, ""]))
    print(f"{folder.relative_to(ROOT)}: {len(rows)} rows, {sum(path.stat().st_size for path in folder.iterdir()):,} bytes")


def check(program):
    """Holds what the program reads from every archive against what the version that wrote it read."""
    archives, rows, differ = 0, 0, 0
    for folder in sorted(path for path in OLD.iterdir() if path.is_dir()):
        path = folder / "expected.tsv"
        expected, found = read(path), {}
        packed = sorted(path.parent.glob("*.tar.xz"))
        with ThreadPoolExecutor() as pool:
            for measured in pool.map(lambda archive: measure(program, archive), packed):
                found |= measured
        archives += len(packed)
        differing = differences(expected, found)
        for key, value, refusal in differing:
            print(f"{path.parent.name} {', '.join(key)}:\n    expected {value}\n    found    {refusal}")
        rows, differ = rows + len(expected), differ + len(differing)
    outcome = f"{differ} differ" if differ else "equal"
    print(f"{archives} archives of old versions, {rows} rows: {outcome}")
    return 1 if differ or not rows else 0


def read(path):
    lines = [line.split("\t") for line in path.read_text().splitlines()[1:]]
    return {tuple(key): (value, refusal) for *key, value, refusal in lines}


def differences(expected, found):
    """(row, expected value, found value) of each row that differs and is not refused as it may be."""
    differing = []
    for key in expected | found:
        value, refusal = expected.get(key, ("no such row", "-"))
        refused = found.get((*key[:2], "refused"))
        may_be_refused = refusal != "-" and refused is not None and refusal in refused
        if key in expected and not may_be_refused and found.get(key) != value:
            differing.append((key, value, found.get(key, refused)))
        if key not in expected and key[2] != "refused":
            differing.append((key, value, found[key]))
    return differing


def measure(program, archive):
    """(archive, step, what) and the value; a step that is refused has the one row `refused`."""
    name, rows = archive.name.split(".")[0], {}
    for steps in ALONE:
        with tempfile.TemporaryDirectory(prefix="ringside-old-") as place:
            old = unpack(archive, pathlib.Path(place))
            for step, run in steps.items():
                try:
                    values = run(program, old)
                except (Refused, OSError) as refused:
                    values = {"refused": str(refused)}
                rows |= {(name, step, what): str(value) for what, value in values.items()}
    return rows


class Unpacked:
    """An archive in a folder of its own."""

    def __init__(self, folder):
        self.folder, self.journal = folder, folder / "journal"
        self.config = (folder / "venue.toml").read_text()
        self.users = re.findall(r'^user = "(.*)"$', self.config, re.MULTILINE)
        reading = folder / "reading.toml"
        reading.write_text(self.config.replace("HOST", "127.0.0.1"))
        self.store = ["--config", reading, "--journal", self.journal]

    def served(self, program):
        """A venue that goes on with this journal."""
        record = self.folder / "record.json"
        venue = Served(program, self.folder, self.journal, self.config.replace("RECORD", str(record)))
        if record.exists():
            record.write_text(record.read_text().replace("HOST", venue.host))
        return venue


def unpack(archive, folder):
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return Unpacked(folder)


def pack(folder, archive):
    names = [name for name in ("journal", "venue.toml", "record.json") if (folder / name).exists()]
    words = ["--sparse", "--owner=0", "--group=0", "--mtime=@0", "--sort=name", "--use-compress-program=xz -9e"]
    subprocess.run(["tar", "--create", *words, "--file", archive, "--directory", folder, *names], check=True)


# What is read from an archive


def info(program, old):
    said = json.loads(program.run("journal", "info", "--json", *old.store))
    said["kinds"] = json.dumps(said["kinds"], sort_keys=True)
    return {what: said[what] for what in ("first_seqno", "last_seqno", "last_time_ns", "epoch", "segments", "frames", "frame_bytes", "kinds", "tail")}


def verify(program, old):
    return {"ok": json.loads(program.run("journal", "verify", "--json", *old.store))["ok"]}


def dump(program, old):
    return {"frames": digest(program.run("journal", "dump", "--json", *old.store).splitlines())}


def export(program, old):
    # Version 0.1 cannot write all commands as CSV.
    forms = {"commands": [], "reports": ["--reports"], "reports csv": ["--reports", "--csv"]}
    return {what: digest(program.run("journal", "export", *words, *old.store).splitlines()) for what, words in forms.items()}


def replay(program, old, *words):
    said = json.loads(program.run("replay", "--json", *words, *old.store))
    return {what: said[what] for what in ("from_seqno", "seqno", "reports", "state_hash", "output_hash", "live_orders", "probes_checked")}


def reports(program, old):
    return {"lines": digest(program.run("replay", "--reports", *old.store).splitlines())}


def snapshots(program, old):
    entries = [json.loads(line) for line in program.run("snapshot", "--list", "--json", *old.store).splitlines()]
    return {f"at {entry['seqno']}": entry["state_hash"] for entry in entries} | {"number": len(entries)}


def trades(program, old):
    """The trades of the day, with proved totals."""
    first = json.loads(program.run("journal", "info", "--json", *old.store))["first_time_ns"]
    date = datetime.datetime.fromtimestamp(first // 10**9, datetime.timezone.utc).strftime("%Y-%m-%d")
    out = old.folder / "trades.csv"
    program.run("report", date, "--out", out, *old.store)
    return {"csv": digest(out.read_bytes().splitlines())}


def served(program, old):
    """The streams of a venue that goes on with the journal, and the journal behind it."""
    with old.served(program) as venue:
        values = venue.streams(old.users)
    return values | {f"then {what}": value for what, value in replay(program, old).items() if what != "probes_checked"} | node(old)


def served_without_streams(program, old):
    """The same when the stored streams are gone: they are made again from the journal."""
    for path in old.journal.glob("streams-*"):
        path.unlink()
    return served(program, old)


def node(old):
    """Who the node is after a start."""
    path = old.journal / "NODE"
    if not path.exists():
        return {}
    stored = json.loads(path.read_text())
    return {f"node {what}": stored[what] for what in ("node", "incarnation", "promised")}


READING = {
    "journal info": info,
    "journal verify": verify,
    "journal dump": dump,
    "journal export": export,
    "snapshot list": snapshots,
    "replay": replay,
    "replay, 8 shards": lambda program, old: replay(program, old, "--shards", 8),
    "replay from snapshot": lambda program, old: replay(program, old, "--from-snapshot"),
    "replay from snapshot, 3 shards": lambda program, old: replay(program, old, "--from-snapshot", "--shards", 3),
    "replay reports": reports,
    "report": trades,
}
# Steps that share an unpacked archive: those that only read it, and each that goes on with it.
ALONE = [READING, {"serve": served}, {"serve without streams": served_without_streams}]


# What is written into an archive


def write_file(program, folder):
    """One shard, two runs of `exec` with a snapshot between them: commands of all kinds."""
    lines = Flow(40, 6, ORDERS | MARKET | CALLS | VENUE).run(12_000)
    roles = [(session, firm, "order_entry") for session, firm in SESSIONS.items()]
    roles += [("DROP", "F1", "firm_drop_copy"), ("ALL", "F9", "venue_drop_copy")]
    (folder / "venue.toml").write_text(SERVE_CONFIG + ENGINE + sections("instruments", [{"symbol": "S00", "tick": "0.01"}]) + users(roles))
    executing = folder / "exec.toml"
    executing.write_text(JOURNAL_CONFIG + ENGINE)
    store = ["--config", executing, "--journal", folder / "journal"]
    for part in (lines[:7000], lines[7000:]):
        program.run("exec", "-", "--quiet", *store, stdin="\n".join(part).encode())
        if part[0] == lines[0]:
            program.run("snapshot", *store)


def write_served(program, folder):
    """Eight shards, a venue on the network: load, a client, an operator, a snapshot, and two lives that a kill ends."""
    lasting = served_config(SERVE_CONFIG.replace("[pipeline]", "[pipeline]\nshards = 8") + ENGINE)
    (folder / "venue.toml").write_text(lasting + DISCONNECTING)
    old = Unpacked(folder)
    with old.served(program) as venue:
        operate(venue, BEFORE)
        load(program, venue, "w1")
        client(program, venue, "DEMO01", CLIENT)
        operate(venue, AFTER)
        program.run("snapshot", *old.store)
        load(program, venue, "walk")
        venue.kill()
    with old.served(program) as venue:
        client(program, venue, "SLOW01", LIMITED)
        client(program, venue, "DEMO01", CLIENT)
        operate(venue, corrections(program, old))
        time.sleep(3)  # until all orders that expire have expired
        venue.kill()
    # Whoever reads the stream of this session must not cancel its orders.
    (folder / "venue.toml").write_text(lasting + STAYING)


def write_node(program, folder):
    """The one node of a cluster whose record is a file; it was written before the machine was started again."""
    config = served_config(SERVE_CONFIG.replace("[journal]", '[journal]\ndurability = "fsync"') + ENGINE + NODE)
    (folder / "venue.toml").write_text(config + STAYING)
    old = Unpacked(folder)
    record, node_file = folder / "record.json", old.journal / "NODE"
    for _ in range(2):
        with old.served(program) as venue:
            client(program, venue, "DEMO01", "buy 100 META 99.00\nsell 40 META 98.00\nsell 10 META 101.00\n")
            program.run("snapshot", *old.store)
        record.write_text(record.read_text().replace(venue.host, "HOST"))
    stored = json.loads(node_file.read_text())
    node_file.write_text(json.dumps(stored | {"boot": EARLIER_BOOT}, separators=(",", ":")))


def write_poison(program, folder):
    """One command with more trades than match numbers: rules up to 6 gave numbers twice."""
    (folder / "venue.toml").write_text(SERVE_CONFIG + STAYING)
    executing = folder / "exec.toml"
    executing.write_text(JOURNAL_CONFIG)
    symbol = {"op": "symbol", "symbol": "S", "tick": "0.01"}
    offer = {"op": "enter", "session": "A", "symbol": "S", "side": "sell", "qty": 1000, "price": "10.00", "display_qty": 1}
    sweep = {"op": "enter", "session": "B", "id": 1, "symbol": "S", "side": "buy", "qty": 1_100_000, "price": "10.00"}
    lines = [symbol, *(offer | {"id": number} for number in range(1, 1101)), sweep]
    session = "\n".join(map(json.dumps, lines)).encode()
    program.run("exec", "-", "--quiet", "--config", executing, "--journal", folder / "journal", stdin=session)


def served_config(head):
    instruments = [{"symbol": symbol, "tick": "0.01", "reference": "100.00", "collar_bps": 1000} for symbol in SYMBOLS]
    roles = [(f"LOAD{number:02}", f"LD{number:02}", "order_entry") for number in range(1, 5)]
    roles += [("DROP01", "ALFA", "firm_drop_copy"), ("DROP02", "VENU", "venue_drop_copy")]
    limited = '[[sessions]]\nuser = "SLOW01"\nfirm = "BETA"\norders_per_second = 2\nsymbols = ["AAPL"]\n'
    return head + sections("instruments", instruments) + users(roles) + limited


def users(roles):
    return sections("sessions", [dict(zip(("user", "firm", "role"), role)) for role in roles])


def sections(name, items):
    fields = lambda item: "".join(f"{key} = {json.dumps(value)}\n" for key, value in item.items())
    return "".join(f"[[{name}]]\n{fields(item)}" for item in items)


def load(program, venue, mix):
    with tempfile.TemporaryDirectory() as out:
        words = ["--rate", 1000, "--seconds", 1, "--warmup-seconds", 0.1, "--mix", mix, "--symbols", "AAPL", "--out", out]
        program.run("load", "--address", f"{venue.host}:{ORDERS_PORT}", "--sessions", 4, *words)


def client(program, venue, user, lines):
    """A person at a terminal, who leaves a second after the last line."""
    words = ["client", "--address", f"{venue.host}:{ORDERS_PORT}", "--user", user, "--from", "0"]
    child = subprocess.Popen([program.path, *words], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)
    child.stdin.write(lines.format(soon=soon.strftime("%H:%M:%S")).encode())
    child.stdin.flush()
    time.sleep(1)
    _, said = child.communicate(b"quit\n")
    if child.returncode != 0:
        raise Refused(said.decode())


def operate(venue, lines):
    """Sends lines as the operator; none may be an error."""
    with socket.create_connection((venue.host, OPERATOR_PORT)) as line:
        for operation in lines:
            line.sendall(json.dumps(operation).encode() + b"\n")
            time.sleep(0.1)
        said = line.recv(1 << 20).decode()
    if '"error"' in said or '"rejected"' in said:
        raise Refused(said)


def corrections(program, old):
    """Breaks the first trade and corrects the second."""
    lines = [json.loads(line) for line in program.run("journal", "export", "--reports", *old.store).splitlines()]
    sides = [line for line in lines if line["report"] == "executed"]
    for operation, (resting, incoming) in (("break_trade", sides[0:2]), ("correct_trade", sides[2:4])):
        trade = {"op": operation, "match": resting["match"]}
        trade |= {"resting_session": resting["session"], "resting_id": resting["id"]}
        trade |= {"incoming_session": incoming["session"], "incoming_id": incoming["id"]}
        yield trade | ({"price": "99.99", "qty": 1} if operation == "correct_trade" else {})
