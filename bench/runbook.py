"""The part of bench/run about a restore in the place of the live cluster: a stack with a server and an application as services, one person
who must approve, and the same runbook by hand with pg_dump and pg_restore -j2."""
import datetime, json, os, pathlib, shutil, signal, statistics, subprocess, time

from __main__ import BIN, OUT, PORT, REKINDLE, ROUNDS, SCALE, USER, as_user, caught_up, cold, figure, pgbench, rekindle, sql, step, timed

PASSWORD = "a password of the bench"
# Some segments of log behind the backup, and some behind the moment.
TRANSACTIONS = 3_000


def program(name, text):
    path = OUT / "stack" / name
    path.write_text("#!/bin/bash\n" + text)
    path.chmod(0o755)
    return path


def write_programs():
    (OUT / "stack").mkdir()
    become = f"setpriv --reuid={USER} --regid={USER} --init-groups " if os.geteuid() == 0 else ""
    control = f"{become}{BIN}/pg_ctl -D {OUT}/pg"
    program("server", f"""cd /
case $1 in
start) {control} -w -s -l {OUT}/pg.log start;;
stop) {control} -w -s -m fast stop;;
status) [ -e {OUT}/pg/PG_VERSION ] || exit 3; {control} status >/dev/null;;
esac
""")
    # When a statement of its own was answered, by the clock.
    program("application", f"""while :; do
  {BIN}/psql -U {USER} -h {OUT} -p {PORT} -XAtqc "UPDATE pgbench_branches SET bbalance = bbalance + 1 WHERE bid = 1" bench 2>/dev/null &&
    date +%s.%N >> {OUT}/stack/answered
  sleep 0.03
done
""")
    program("app", f"""runs() {{ [ -e {OUT}/stack/pid ] && kill -0 $(cat {OUT}/stack/pid) 2>/dev/null; }}
case $1 in
start) runs || {{ setsid {OUT}/stack/application </dev/null >/dev/null 2>&1 & echo $! > {OUT}/stack/pid; }};;
stop) runs && {{ kill $(cat {OUT}/stack/pid); while runs; do sleep 0.02; done; }}; rm -f {OUT}/stack/pid;;
status) runs || exit 3;;
esac
""")


def app(word):
    subprocess.run([OUT / "stack/app", word], check=False)


def answered():
    path = OUT / "stack/answered"
    return [float(line) for line in path.read_text().split()] if path.exists() else []


def apply():
    command = lambda name: "driver = 'command'\n" + "".join(
        f"{word} = ['{OUT}/stack/{name}', '{word}']\n" for word in ["start", "stop", "status"])
    looks = f"{BIN}/psql -U {USER} -h {OUT} -p {PORT} -XAtqc 'SELECT count(*) FROM pgbench_branches' bench"
    file = (f"[stack]\nname = 'bench'\n[[source]]\nname = 'bench'\nurl = 'postgres://{USER}@/bench?host={OUT}&port={PORT}'\n"
            f"[policy.approvals]\nrestore = 1\n"
            f"[[service]]\nname = 'app'\n{command('app')}[[service]]\nname = 'server'\nserver_of = 'bench'\n{command('server')}"
            f"[[health]]\nname = 'bench'\nin_a_row = 1\ndriver = 'command'\ncommand = ['sh', '-c', \"{looks}\"]\n")
    (OUT / "stack/stack.toml").write_text(file)
    rekindle("apply", OUT / "stack/stack.toml")


def typed(*words):
    command = [REKINDLE, "--config", OUT / "rk/rekindle.toml", "--json", *words]
    done = subprocess.run([str(word) for word in command], input=PASSWORD + "\n", text=True, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout) if done.stdout.strip() else None


def approver():
    typed("users", "add", "lead", "--role", "approver")
    return typed("tokens", "add", "bench", "--user", "lead", "--role", "approver")["token"]


def approve(token, operation):
    subprocess.run(["curl", "-sS", "--fail", "--unix-socket", OUT / "rk/socket", "-X", "POST", "-H", f"Authorization: Bearer {token}",
                    "-d", '{"why": "bench"}', f"http://rekindle/api/v1/operations/{operation}/approve"], check=True, stdout=subprocess.DEVNULL)


def at(text):
    return datetime.datetime.fromisoformat(text[:26].rstrip("Z") + "+00:00").timestamp()


def restored(token, name):
    """One restore: seconds from approval to healthy, and without an answer as the application sees it; the operation."""
    rekindle("backup", "bench", "--name", name)
    pgbench(TRANSACTIONS)
    sql(f"SELECT pg_create_restore_point('{name}')")
    sql("UPDATE pgbench_branches SET bbalance = 0")
    sql("SELECT pg_switch_wal()")
    caught_up()
    cold()
    rekindle("restore", "bench", "--restore-point", name, "--swap", "--yes", check=False)
    operation = rekindle("ops", "--kind", "restore", "--last", "1")[0]
    assert operation["status"] == "awaiting-approval", operation
    approve(token, operation["id"])
    while (seen := rekindle("ops", "show", operation["id"]))["status"] not in ["succeeded", "paused", "failed", "cancelled"]:
        time.sleep(0.2)
    assert seen["status"] == "succeeded", seen
    time.sleep(1)
    times = {part["name"]: part for part in seen["steps"]}
    fenced, healthy = at(times["quiesce"]["began"]), at(times["health"]["ended"])
    after = [moment for moment in answered() if moment > at(times["cut-over"]["began"])]
    parts = {name: at(part["ended"]) - at(part["began"]) for name, part in times.items() if part["ended"]}
    return healthy - at(seen["approvals"][0]["at"]), after[0] - fenced, operation["id"], parts


def by_hand():
    """As the runbook says: stop the application, dump the present state, empty the target, restore in parallel, start the application."""
    dump = lambda name: as_user([BIN / "pg_dump", "-h", OUT, "-p", PORT, "-Fd", "-j2", "-f", OUT / name, "bench"])
    dump("dump")
    seconds = {}
    app("stop")
    seconds["pg_dump of the present state"] = timed(lambda: dump("snapshot"))
    as_user([BIN / "dropdb", "-h", OUT, "-p", PORT, "--force", "bench"])
    as_user([BIN / "createdb", "-h", OUT, "-p", PORT, "bench"])
    seconds["pg_restore"] = timed(lambda: as_user([BIN / "pg_restore", "-h", OUT, "-p", PORT, "-j2", "-d", "bench", OUT / "dump"]))
    app("start")
    for name in ["dump", "snapshot"]:
        shutil.rmtree(OUT / name)
    return seconds


def runbook(_):
    step("restore in the place of the live cluster, and the same by hand")
    write_programs()
    token = approver()
    app("start")
    try:
        apply()
        hand = by_hand()
        healthy, unanswered, parts = [], [], {}
        for number in range(ROUNDS):
            took, without, operation, steps = restored(token, f"moment-{number}")
            healthy.append(took)
            unanswered.append(without)
            for name, seconds in steps.items():
                parts.setdefault(name, []).append(seconds)
            go_back(operation, token)
    finally:
        app("stop")
    ours, theirs = statistics.median(healthy), sum(hand.values())
    rounds = lambda values: ", ".join(f"{value:.2f}" for value in values)
    where = ", ".join(f"{name} {statistics.median(values):.2f}" for name, values in parts.items())
    figure(f"restore in place, opened: approval to healthy, scale {SCALE}", ours, "s", 20, 8, f"rounds {rounds(healthy)}; steps: {where}")
    figure("the same, ratio to pg_dump and pg_restore -j2 by hand", ours / theirs, "x", 0.2, 0.05,
           ", ".join(f"{name} {seconds:.1f} s" for name, seconds in hand.items()))
    figure("restore in place: fence to the application's first answer", statistics.median(unanswered), "s", 8, 3, f"rounds {rounds(unanswered)}")


def go_back(operation, token):
    """For the next round; what was restored goes."""
    rekindle("rollback", operation, "--yes", check=False)
    back = rekindle("ops", "--kind", "restore", "--last", "1")[0]
    if back["status"] == "awaiting-approval":
        approve(token, back["id"])
    while (seen := rekindle("ops", "show", back["id"]))["status"] not in ["succeeded", "paused", "failed", "cancelled"]:
        time.sleep(0.2)
    assert seen["status"] == "succeeded", seen
    rekindle("retire", back["id"], "--yes")


parts = [runbook]
