"""The parts of bench/run about the control plane: durable operations, daemons that share a catalog, the API under load."""
import datetime, http.client, json, os, pathlib, random, re, signal, socket, sqlite3, subprocess, tempfile, threading, time

from __main__ import BIN, OUT, PORT, REKINDLE, ROOT, USER, as_user, figure, sql, step

OPS = ROOT / "target/release/examples/bench_ops"
STEPS = 300
MINUTES = float(os.environ.get("BENCH_MINUTES", "10"))
KILL_EVERY = 20
CLIENTS, CLIENT_SECONDS = 200, 60


def control_steps(_):
    """What a durable step costs beside its work: began and done are committed, each with an fsync."""
    step("durable steps")
    rounds = [float(ops("steps", OUT / f"steps-{n}.db", STEPS)) for n in range(3)]
    figure("durable step overhead, SQLite on this disk", sorted(rounds)[1], "ms", 20, 8, f"{STEPS} steps, three rounds: {rounds}")


def ops(*words):
    return subprocess.run([OPS, *map(str, words)], check=True, text=True, stdout=subprocess.PIPE).stdout


def control_daemons(_):
    """Three daemons on one catalog, their servers simulated, one of them killed every 20 s; backups are asked of whoever serves."""
    step(f"three daemons on one PostgreSQL catalog for {MINUTES:g} min, one killed every {KILL_EVERY} s")
    as_user([BIN / "createdb", "-h", OUT, "-p", str(PORT), "shared"])
    folder = OUT / "daemons"
    houses = [folder / f"d{n}" for n in range(3)]
    for house in houses:
        house.mkdir(parents=True)
    rk = [REKINDLE, "--config", houses[0] / "rekindle.toml", "init", "--vault", f"file:{folder}/vault", "--key-file", folder / "key",
          "--data-folder", houses[0] / "data", "--socket", houses[0] / "socket"]
    subprocess.run(rk, check=True, stdout=subprocess.DEVNULL)
    config = (houses[0] / "rekindle.toml").read_text().replace("[catalog]\n", f'[catalog]\nurl = "host={OUT} port={PORT} user={USER} dbname=shared"\n')
    for house in houses:
        (house / "rekindle.toml").write_text(config.replace(str(houses[0]), str(house)))
    end(fleet(houses[0]))
    rows = ", ".join(f"('s{n}', 'postgres://backup@simulated/s{n}', 'rekindle_{n}', '{n + 1}', '/nowhere', '2026-01-01T00:00:00Z')" for n in range(40))
    # The tables are fenced against all but who leads, and nobody does now.
    sql(f"SET session_replication_role = replica; INSERT INTO source (name, url, slot, system_identifier, data_directory, created) VALUES {rows}", database="shared")
    daemons = [fleet(house) for house in houses]
    seed, heard, kills = random.Random(7), {}, 0
    begun = last = time.monotonic()
    asked = 0
    try:
        while time.monotonic() - begun < MINUTES * 60:
            asked += 1
            id = insist(houses, f"s{seed.randrange(40)}", f"key-{asked}")
            if id:
                heard[f"key-{asked}"] = id
            time.sleep(0.1)
            if time.monotonic() - last >= KILL_EVERY:
                last, kills, victim = time.monotonic(), kills + 1, seed.randrange(3)
                daemons[victim].kill()
                daemons[victim].wait()
                daemons[victim] = fleet(houses[victim])
        patience = time.monotonic() + 300
        while sql("SELECT count(*) FROM run WHERE ended IS NULL", database="shared") != "0" and time.monotonic() < patience:
            time.sleep(1)
    finally:
        for daemon in daemons:
            daemon.kill()
            daemon.wait()
    runs = dict(line.split("|") for line in sql("SELECT id, status FROM run WHERE kind = 'backup'", database="shared").splitlines())
    made = sql("SELECT state::json->'steps'->0->'output'->>'id' FROM run WHERE kind = 'backup' AND status = 'succeeded'", database="shared").split()
    there = [manifest.parent.name for manifest in (folder / "vault/backups").glob("*/*/manifest*")]
    lost = [id for id in heard.values() if runs.get(id) != "succeeded"]
    twice = set(there) ^ set(made)
    figure("three daemons, one killed every 20 s: lost or twice", len(lost) + len(twice) + len(made) - len(set(made)), "", 0, 0,
           f"{len(heard)} backups asked for, {len(there)} in the vault, {kills} kills, {MINUTES:g} min")


def insist(houses, source, key):
    """Asks until one of them takes it, or it is refused because the source has one that runs. The same key is the same operation."""
    while True:
        for house in houses:
            client = Local(house / "socket", timeout=30)
            try:
                client.request("POST", f"/api/v1/sources/{source}/backups", json.dumps({"label": key}),
                               {"Content-Type": "application/json", "Idempotency-Key": key})
                answer = client.getresponse()
                said = json.loads(answer.read())
            except (OSError, http.client.HTTPException, ValueError):
                continue
            finally:
                client.close()
            if answer.status == 200:
                return said["id"]
            if said.get("code") == "RK-3012":
                return None
        time.sleep(0.2)


class Local(http.client.HTTPConnection):
    """Over a Unix socket."""
    def __init__(self, path, timeout):
        super().__init__("rekindle", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


SOURCES = int(os.environ.get("BENCH_SOURCES", "10000"))
FLEET_SECONDS = int(os.environ.get("BENCH_FLEET_SECONDS", "600"))


def control_fleet(_):
    """The real daemon, its servers simulated: each source is backed up every hour, put off by jitter."""
    step(f"{SOURCES} sources on one daemon for {FLEET_SECONDS} s")
    folder = OUT / "fleet"
    folder.mkdir()
    rk = lambda *words: subprocess.run([REKINDLE, "--config", folder / "rekindle.toml", *map(str, words)], check=True, stdout=subprocess.DEVNULL)
    rk("init", "--vault", f"file:{folder}/vault", "--key-file", folder / "key", "--data-folder", folder / "data", "--socket", folder / "socket")
    daemon = fleet(folder)
    end(daemon)
    fill(folder / "data/catalog.db")
    daemon = fleet(folder)
    caught_up(folder / "data/catalog.db")
    begun = time.time()
    asked, threads = [], []
    over = threading.Event()
    for path in ["operations?limit=50", "stacks?limit=100", "alarms?limit=100", "operations?unfinished=true"]:
        threads.append(threading.Thread(target=ask_again, args=(folder / "socket", f"/api/v1/{path}", asked, over)))
        threads[-1].start()
    time.sleep(FLEET_SECONDS)
    over.set()
    for thread in threads:
        thread.join()
    peak = int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{daemon.pid}/status").read_text())[1]) / 1024
    end(daemon)
    late = sorted(lateness(folder / "data/catalog.db", begun))
    p99 = lambda values: values[int(len(values) * 0.99)]
    figure(f"{SOURCES} sources: schedule lateness p99", p99(late), "s", 5, 1, f"{len(late)} backups begun, worst {late[-1]:.1f} s")
    asked.sort()
    figure(f"{SOURCES} sources: API list p99", p99(asked) * 1000, "ms", 100, 30, f"{len(asked)} questions, median {asked[len(asked) // 2] * 1000:.1f} ms")
    figure(f"{SOURCES} sources: peak memory of the daemon", peak, "MB", 500, 250, "")


def caught_up(catalog):
    """What fell due in this hour before the daemon was there is done first, and is not what is measured."""
    db, quiet = sqlite3.connect(catalog), 0
    while quiet < 5:
        time.sleep(2)
        waiting = db.execute("SELECT count(*) FROM run WHERE ended IS NULL").fetchone()[0]
        done = db.execute("SELECT count(*) FROM run").fetchone()[0]
        quiet = quiet + 1 if done > SOURCES * datetime.datetime.now().minute / 120 and waiting < 20 else 0


def fleet(folder):
    (folder / "socket").unlink(missing_ok=True)
    process = subprocess.Popen([ROOT / "target/release/examples/fleet", folder / "rekindle.toml"], stderr=open(folder / "log", "a"))
    while not (folder / "socket").exists():
        time.sleep(0.05)
    return process


def end(process):
    process.send_signal(signal.SIGTERM)
    process.wait(120)


FLEET_POLICY = ('[policy.log]\nkeep = "7 d"\n'
                '[[policy.backup]]\nname = "hourly"\nschedule = "every 60 min"\njitter = "60 min"\nkeep = "60 h"\n')


def fill(catalog, sources=SOURCES, policy=FLEET_POLICY, rule="hourly"):
    db = sqlite3.connect(catalog)
    now = datetime.datetime.now(datetime.timezone.utc)
    text = lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ")
    # The slot of this hour is not served yet: each source has its turn when its jitter says so, and what is past is caught up with.
    hour = text(now.replace(minute=0, second=0, microsecond=0) - datetime.timedelta(hours=1))
    for n in range(sources):
        name = f"shop-{n:05}"
        url = f"postgres://backup@simulated/{name}"
        db.execute("INSERT INTO source (name, url, slot, system_identifier, data_directory, created) VALUES (?, ?, ?, ?, '/nowhere', ?)",
                   (name, url, f"rekindle_{n}", str(n + 1), text(now)))
        file = f'[stack]\nname = "{name}"\n[[source]]\nname = "{name}"\nurl = "{url}"\n{policy}'
        db.execute("INSERT INTO stack (name, file, applied, applied_by) VALUES (?, ?, ?, 'bench')", (name, file, text(now)))
        for timer in [f"backup {name} {rule}", f"expire {name}"]:
            db.execute("INSERT INTO timer (name, slot) VALUES (?, ?)", (timer, hour if timer[0] == "b" else text(now)))
    db.execute("INSERT INTO timer (name, slot) VALUES ('stacks changed', ?)", (text(now),))
    db.commit()
    db.close()


def ask_again(path, question, asked, over):
    client = Local(path, timeout=60)
    while not over.wait(0.1):
        begun = time.monotonic()
        client.request("GET", question)
        answer = client.getresponse()
        answer.read()
        assert answer.status == 200, (question, answer.status)
        asked.append(time.monotonic() - begun)


def lateness(catalog, begun):
    """What was due before the daemon began is not its fault."""
    db = sqlite3.connect(catalog)
    for created, head in db.execute("SELECT created, head FROM run WHERE kind = 'backup'"):
        due = re.search(r"due ([0-9T:.Z-]+)", json.loads(head)["why"])
        at = datetime.datetime.fromisoformat(re.sub(r"(\.\d{6})\d*Z|Z$", lambda m: (m[1] or "") + "+00:00", due[1])).timestamp()
        if at >= begun + 5:
            yield created / 1e6 - at


class Api:
    """A daemon of its own that listens on loopback, and a token of an admin."""
    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="api-", dir=OUT))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        f = self.folder
        self.run("init", "--vault", f"file:{f}/vault", "--key-file", f / "key", "--data-folder", f / "data", "--socket", f / "socket")
        with open(f / "rekindle.toml", "a") as config:
            config.write(f"\n[listen]\naddress = \"{self.address}\"\n")
        self.log = open(f / "log", "a")
        self.process = subprocess.Popen([REKINDLE, "--config", f / "rekindle.toml", "serve"], stderr=self.log)
        while not (f / "socket").exists():
            time.sleep(0.05)
        self.token = self.run("tokens", "add", "bench", "--role", "admin")["token"]
        return self

    def run(self, *words):
        done = subprocess.run([REKINDLE, "--config", self.folder / "rekindle.toml", "--json", *map(str, words)], check=True, text=True,
                              stdout=subprocess.PIPE)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def control_clients(_):
    step(f"{CLIENTS} clients for {CLIENT_SECONDS} s")
    with Api() as api:
        said = subprocess.run(["wrk", "-t2", f"-c{CLIENTS}", f"-d{CLIENT_SECONDS}s", "--latency", "-H", f"Authorization: Bearer {api.token}",
                               f"http://{api.address}/api/v1/operations?limit=50"], check=True, text=True, stdout=subprocess.PIPE).stdout
    requests = int(re.search(r"(\d+) requests in", said)[1])
    wrong = sum(map(int, re.findall(r"(?:connect|read|write|timeout) (\d+)", said)))
    answers = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    late = re.search(r"99%\s+(\S+)", said)[1]
    figure(f"API, {CLIENTS} clients for {CLIENT_SECONDS} s: errors", wrong + (int(answers[1]) if answers else 0), "", 0, 0,
           f"{requests} requests, p99 {late}")


def control_schema(_):
    """Questions that the document allows, thousands of them, and whether the answers are what it says."""
    step("schemathesis against docs/openapi.json")
    with Api() as api:
        done = subprocess.run([ROOT / ".venv/bin/st", "run", ROOT / "docs/openapi.json", "--url", f"http://{api.address}", "-H",
                               f"Authorization: Bearer {api.token}", "--checks", "not_a_server_error,response_schema_conformance",
                               "--exclude-path-regex", "/events$",
                               # It would end the token that it asks with.
                               "--exclude-operation-id", "delete_tokens_id", "--max-examples", "50", "--seed", "7", "--request-timeout", "20"],
                              # It keeps what it found in the folder where it runs.
                              cwd=OUT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    (OUT / "schemathesis.log").write_text(done.stdout)
    found = re.search(r"(\d+) (?:unique )?failures?", done.stdout)
    wrong = int(found[1]) if found else done.returncode
    if wrong:
        print(done.stdout[-6000:], flush=True)
    figure("schemathesis: server errors, schema violations", wrong, "", 0, 0, "50 examples a route and phase")


HOURS, SEED = int(os.environ.get("BENCH_HOURS", "8")), int(os.environ.get("BENCH_SEED", "7"))
FEW = 20
OFTEN = ('[policy.log]\nkeep = "2 h"\n[policy]\nmanual = "1 h"\n'
         '[[policy.backup]]\nname = "often"\nschedule = "every 10 min"\njitter = "3 min"\nkeep = "last 6"\n')


def control_hours(_):
    """The daemon's real code through hours of simulated time and trouble, see crates/control/examples/hours.rs; judged here."""
    step(f"{HOURS} h of simulated time with faults from seed {SEED}")
    folder = OUT / f"hours-{SEED}"
    folder.mkdir()
    config = folder / "rekindle.toml"
    rk = lambda *words: subprocess.run([REKINDLE, "--config", config, *map(str, words)], check=True, stdout=subprocess.DEVNULL)
    rk("init", "--vault", f"file:{folder}/vault", "--key-file", folder / "key", "--data-folder", folder / "data", "--socket", folder / "socket")
    config.write_text(config.read_text().replace("copy_seconds = 300", "copy_seconds = 120"))
    end(fleet(folder))
    fill(folder / "data/catalog.db", FEW, OFTEN, "often")
    begun = time.monotonic()
    with open(folder / "log", "a") as log:
        done = subprocess.run([ROOT / "target/release/examples/hours", config, str(SEED), str(HOURS)], check=True, text=True,
                              env={**os.environ, "SOURCES": " ".join(f"shop-{n:05}" for n in range(FEW))}, stdout=subprocess.PIPE, stderr=log)
    took, world = time.monotonic() - begun, json.loads(done.stdout)
    wrong, operations = broken(folder, world)
    for line in wrong:
        print(f"BROKEN: {line}", flush=True)
    figure(f"{HOURS} h of simulated time with faults, seed {SEED}: invariants broken", len(wrong), "", 0, 0,
           f"{operations} operations, {world['happened']}, in {took:.0f} s")


def broken(folder, world):
    """What is not as it must be after all that."""
    wrong = []
    db = sqlite3.connect(folder / "data/catalog.db")
    over = datetime.datetime.fromisoformat(re.sub(r"(\.\d{6})\d*Z|Z$", lambda m: (m[1] or "") + "+00:00", world["now"])).timestamp()
    runs = [(id, kind, subject, created, status, json.loads(head), json.loads(state), ended) for id, kind, subject, created, status, head, state, ended
            in db.execute("SELECT id, kind, subject, created, status, head, state, ended FROM run")]
    known = {run[0]: run for run in runs}
    for key, id in world["asked"].items():
        if id is not None and id not in known:
            wrong.append(f"{key} was acknowledged as operation {id}, and is lost")
    for id, kind, subject, created, status, _, _, _ in runs:
        age = (over - created / 1e6) / 60
        if status not in ("succeeded", "failed") and age > 10:
            wrong.append(f"{kind} {id} of {subject}, {age:.0f} min old, is {status} after an hour of calm")
    slots = [(run[2], re.search(r"slot ([^,]+)", run[5]["why"])[1]) for run in runs if run[1] == "backup" and "slot" in run[5]["why"]]
    wrong += [f"slot {slot} of {source} was served {slots.count((source, slot))} times" for source, slot in sorted(set(slots)) if slots.count((source, slot)) > 1]
    made = {}
    for id, kind, subject, _, status, _, state, _ in runs:
        if kind == "backup" and status == "succeeded":
            backup = (subject, state["steps"][0]["output"]["id"])
            if backup in made:
                wrong.append(f"backup {backup} is told by two operations, {made[backup]} and {id}")
            made[backup] = id
    there = {(manifest.parent.parent.name, manifest.parent.name) for manifest in (folder / "vault/backups").glob("*/*/manifest*")}
    wrong += [f"backup {backup} is in the vault, and no operation came to it" for backup in sorted(there - made.keys())]
    for n in range(FEW):
        source = f"shop-{n:05}"
        of_rule = [backup for backup in there & made.keys() if backup[0] == source and "slot" in known[made[backup]][5]["why"]]
        if not 1 <= len(of_rule) <= 7:
            wrong.append(f"{source} has {len(of_rule)} backups of a rule that keeps the last 6")
        newest = max((run[7] for run in runs if run[1] == "backup" and run[2] == source and run[4] == "succeeded"), default=0)
        age = (over - newest / 1e6) / 60
        if age > 20:
            wrong.append(f"the newest backup of {source} is {age:.0f} min old after an hour of calm")
    stands = world["stands"]
    if not (stands["audit"] or {}).get("whole"):
        wrong.append(f"the audit log: {stands['audit']}")
    expected = {"restart-loop", "vault-filling", "key-untested"}
    if stands["alarms"] is None:
        wrong.append("the daemon does not tell its alarms")
    wrong += [f"alarm {alarm['kind']} still stands: {alarm['text']}" for alarm in stands["alarms"] or [] if alarm["kind"] not in expected]
    daemon = fleet(folder)
    checked = subprocess.run([REKINDLE, "--config", folder / "rekindle.toml", "check", "--read-data"], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    end(daemon)
    if checked.returncode != 0:
        wrong.append(f"check: {checked.stdout[-500:]}")
    return wrong, len(runs)


parts = [control_steps, control_clients, control_schema, control_fleet, control_daemons, control_hours]
