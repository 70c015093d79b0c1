"""The parts of bench/run about mounts."""
import json, mmap, os, pathlib, random, re, shutil, signal, socket, statistics, subprocess, time

from __main__ import (BIN, OUT, PORT, REKINDLE, ROOT, ROUNDS, SCALE, USER, as_user, caught_up, cold, compare, figure, pgbackrest, pgbench,
                      rekindle, sql, step, timed)

CLONES = 20
READS = 5000
PGBENCH_SECONDS = 10
PGBENCH_ROUNDS = 7
# Some segments of log, nearly all of it whole pages.
MOMENT_TRANSACTIONS = 3_000


def moment(name):
    """A backup, some segments of log and a restore point behind it. Gives the name of the last of them."""
    rekindle("backup", "bench", "--full", "--name", name)
    pgbench(MOMENT_TRANSACTIONS)
    sql(f"SELECT pg_create_restore_point('{name}')")
    last = sql("SELECT pg_walfile_name(pg_switch_wal())")
    caught_up()
    return last


def server(into, *words):
    """The server of a directory in which its own settings say port and socket."""
    as_user([BIN / "pg_ctl", "-D", into, "-w", "-t", "600", "-l", into / "bench.log", *words], stdout=subprocess.DEVNULL)


def answered(port, folder):
    return sql("SELECT count(*) FROM pgbench_branches", port, folder) == str(SCALE)


class Opening:
    """Asks for something and waits until a query is answered there; remembers how long it took and where the time went."""
    def __init__(self):
        self.seconds, self.steps = {}, {}

    def measure(self, name, action):
        cold()
        begun = time.monotonic()
        report = action()
        self.seconds.setdefault(name, []).append(time.monotonic() - begun)
        for step in report:
            self.steps.setdefault(name, {}).setdefault(step["step"], []).append(step["seconds"])

    def median(self, name):
        return statistics.median(self.seconds[name])

    def where(self, name):
        """Medians of the daemon's own durations, and all rounds."""
        steps = ", ".join(f"{step} {statistics.median(values) * 1000:.0f}" for step, values in self.steps[name].items())
        rounds = ", ".join(f"{seconds:.2f}" for seconds in self.seconds[name])
        return f"rounds {rounds} s; in the daemon (ms): {steps}"


def clone(name, *target):
    view = rekindle("clone", "bench", *target, "--name", name)
    assert answered(view["port"], view["socket_folder"])
    return view["report"]["durations"]


def remove(name):
    """A mount that is busy for a moment must not end the whole run, but it is said."""
    for _ in range(10):
        rekindle("clone", "rm", name, "--yes", check=False)
        if all(view["name"] != name for view in rekindle("clones")):
            return
        step(f"{name} could not be removed at once")
        time.sleep(0.5)
    raise SystemExit(f"{name} cannot be removed")


def peek(*target):
    words = ["peek", "bench", *target, "-d", "bench", "--", "SELECT count(*) FROM pgbench_branches"]
    command = [REKINDLE, "--config", OUT / "rk/rekindle.toml", "--json", *words]
    with subprocess.Popen([str(w) for w in command], stdout=subprocess.PIPE, text=True) as peeking:
        answer = peeking.stdout.readline()
        ended = time.monotonic()
        answer += peeking.stdout.read()
    assert str(SCALE) in answer, answer
    return ended


def restore_opened(into, *target):
    report = rekindle("restore", "bench", *target, "--into", into, "--open", "--yes", "--port", PORT + 7)
    assert answered(PORT + 7, into)
    return report


def whole(name):
    while not rekindle("clones", name)["mount"]["whole"]:
        time.sleep(0.05)


def mount_first_query(_):
    """From asking until a query is answered, each against all others in turn; then how long until all of it is here."""
    step("mount to first query, and hydration")
    sql(f"ALTER SYSTEM SET archive_command = 'pgbackrest --config={OUT}/pgbackrest.conf --stanza=bench archive-push %p'")
    sql("SELECT pg_reload_conf()")
    pgbackrest("backup", "--type=full")
    last = moment("moment")
    while sql("SELECT last_archived_wal FROM pg_stat_archiver") < last:
        time.sleep(0.2)
    sql("ALTER SYSTEM SET archive_command = 'true'")
    sql("SELECT pg_reload_conf()")
    target, into, peer_into, plain = ("--restore-point", "moment"), OUT / "opened", OUT / "restored-peer", OUT / "plain"
    opening, hydrated, alone = Opening(), {"open, until whole": [], "restore": []}, []
    for _ in range(ROUNDS):
        opening.measure("clone", lambda: clone("first", *target))
        remove("first")

        cold()
        begun = time.monotonic()
        opening.seconds.setdefault("peek", []).append(peek(*target) - begun)

        instance = []

        def open_restore():
            report = restore_opened(into, *target)
            instance.append(report["instance"])
            return report["durations"]
        opening.measure("restore --open", open_restore)
        opened = time.monotonic()
        whole(instance[0])
        alone.append(time.monotonic() - opened)
        hydrated["open, until whole"].append(opening.seconds["restore --open"][-1] + alone[-1])
        rekindle("detach", instance[0], "--yes")
        server(into, "-m", "fast", "stop")
        shutil.rmtree(into)

        hydrated["restore"].append(timed(lambda: rekindle("restore", "bench", *target, "--into", plain, "--no-start", "--yes")))
        shutil.rmtree(plain)

        def peer():
            pgbackrest("restore", "--type=name", "--target=moment", "--target-action=promote", f"--pg1-path={peer_into}")
            options = f"-p {PORT + 8} -k {peer_into} -c archive_mode=off"
            server(peer_into, "-o", options, "start")
            while sql("SELECT pg_is_in_recovery()", PORT + 8, peer_into) == "t":
                time.sleep(0.02)
            assert answered(PORT + 8, peer_into)
            return []
        peer_into.mkdir(mode=0o700)
        shutil.chown(peer_into, USER, USER)
        opening.measure("pgbackrest", peer)
        server(peer_into, "-m", "immediate", "stop")
        shutil.rmtree(peer_into)
    peer = opening.median("pgbackrest")
    for name in ["peek", "clone", "restore --open"]:
        figure(f"{name} to first query, a few segments of log", opening.median(name), "s", 1.5, 0.7,
               opening.where(name) if name in opening.steps else f"rounds {', '.join(f'{s:.2f}' for s in opening.seconds[name])} s")
    figure("clone to first query, ratio to pgBackRest restore and start", opening.median("clone") / peer, "x", 0.3, 0.12,
           f"rekindle {opening.median('clone'):.2f} s, pgbackrest {peer:.2f} s")
    compare("until whole / plain restore, idle", hydrated, 1.3, 1.05,
            f"; hydration without the opening {statistics.median(alone):.2f} s")


def mount_reads(_):
    """Single pages, each once, past the kernel's cache, from a clone that nobody uses."""
    step("random reads of pages that are not here")
    rekindle("backup", "bench", "--full", "--name", "reads")
    view = rekindle("clone", "bench", "--backup", "reads", "--name", "reads")
    files = [f for f in pathlib.Path(view["data_directory"]).glob("base/*/*") if f.stat().st_size >= 16 << 20]
    seconds = random_reads(files, READS)
    # The same from the vault's own files: what the disk makes of it at this moment.
    bare = random_reads([f for f in OUT.glob("rk/vault/packs/*/*") if f.stat().st_size >= 1 << 20], READS // 5)
    remove("reads")
    settled = statistics.quantiles(seconds[len(seconds) // 2:], n=100)[98]
    cuts, disk = statistics.quantiles(seconds, n=1000), statistics.quantiles(bare, n=1000)
    figure("random read of an absent page, 99th percentile", cuts[989] * 1000, "ms", 2, 0.7,
           f"{len(seconds)} pages of {len(files)} files; median {cuts[499] * 1000:.2f} ms, 99.9th {cuts[998] * 1000:.2f} ms, "
           f"worst {max(seconds) * 1000:.1f} ms; 99th of the second half {settled * 1000:.2f} ms; the disk itself median {disk[499] * 1000:.2f} ms, 99th {disk[989] * 1000:.2f} ms")


def random_reads(files, most):
    """Seconds that single pages took, no page twice."""
    pages = [(f, page) for f in files for page in range(f.stat().st_size // 8192)]
    pages = random.Random(1).sample(pages, min(most, len(pages) // 4))
    opened = {f: os.open(f, os.O_RDONLY | os.O_DIRECT) for f in files}
    page_in, seconds = mmap.mmap(-1, 8192), []
    cold()
    for f, page in pages:
        begun = time.perf_counter()
        os.preadv(opened[f], [page_in], page * 8192)
        seconds.append(time.perf_counter() - begun)
    for descriptor in opened.values():
        os.close(descriptor)
    return seconds


def mount_clones(_):
    step(f"{CLONES} clones of one point")
    rekindle("backup", "bench", "--full", "--name", "clones")
    for number in range(1, CLONES + 1):
        view = rekindle("clone", "bench", "--backup", "clones", "--name", f"clone-{number}")
        for text in ["SELECT count(*) FROM pgbench_branches", "SELECT count(*) FROM pgbench_accounts WHERE aid BETWEEN 70000 AND 90000",
                     "UPDATE pgbench_accounts SET abalance = 1 WHERE aid BETWEEN 1000 AND 2000"]:
            sql(text, view["port"], view["socket_folder"])
    home = pathlib.Path(view["data_directory"]).parent
    taken = sum(f.lstat().st_blocks * 512 for f in home.joinpath("mount").rglob("*"))
    rollup = pathlib.Path(f"/proc/{mount_process(home / 'mount')}/smaps_rollup").read_text()
    memory = {word: int(re.search(rf"^{word}:\s+(\d+)", rollup, re.M)[1]) / 1024 for word in ["Rss", "Pss", "Pss_Anon"]}
    words = ", ".join(f"{word} {value:.1f}" for word, value in memory.items())
    figure(f"clone number {CLONES} of one point, extra disk", taken / 1e6, "MB", 50, None, "after two queries and 1001 updates; all of its mount's folder")
    figure(f"clone number {CLONES} of one point, extra memory", memory["Pss"], "MB", 30, None, f"its mount's process: {words} MB; no server counted")
    for number in range(1, CLONES + 1):
        remove(f"clone-{number}")


def mount_process(home):
    words = f"mount-serve\0{home}\0".encode()
    return next(line.parent.name for line in pathlib.Path("/proc").glob("[0-9]*/cmdline") if read_quietly(line).endswith(words))


def read_quietly(f):
    """Of a process that may be gone."""
    try:
        return f.read_bytes()
    except OSError:
        return b""


def mount_pgbench(daemon):
    """On files that are all here, with the mount still between, and on the same without."""
    step("pgbench on a hydrated mount and on a plain directory")
    rekindle("backup", "bench", "--full", "--name", "pgbench")
    into, plain = OUT / "opened", OUT / "plain"
    name = restore_opened(into, "--backup", "pgbench")["instance"]
    whole(name)
    rekindle("restore", "bench", "--backup", "pgbench", "--into", plain, "--no-start", "--yes", "--port", PORT + 8)
    # Else it would detach what is whole as soon as the server stops. Files that were opened before are open through us until then.
    daemon.stop()
    server(into, "-m", "fast", "stop")
    places = {"mount": (into, PORT + 7), "plain": (plain, PORT + 8)}
    for folder, _ in places.values():
        server(folder, "-o", "-c autovacuum=off", "start")
    for folder in [OUT / "opened.rekindle/skeleton", plain]:
        for f in folder.rglob("base/*/*"):
            f.read_bytes()
    for words, title in [(["-S"], "pgbench -S"), ([], "pgbench")]:
        speeds = {place: [] for place in places}
        for round in range(1 + PGBENCH_ROUNDS):
            for place, (folder, port) in places.items():
                sql("CHECKPOINT", port, folder)
                seconds = PGBENCH_SECONDS if round else 5
                done = as_user([BIN / "pgbench", "-h", folder, "-p", str(port), "-n", "-c", "4", "-j", "2", "-T", str(seconds), *words, "bench"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                # The first round warms.
                speeds[place] += [float(re.search(r"tps = ([\d.]+)", done.stdout)[1])] if round else []
        told = "; ".join(f"{place} {', '.join(f'{speed:.0f}' for speed in values)}" for place, values in speeds.items())
        # Round by round: the disk's own speed drifts by more than the two differ.
        ratio = statistics.median(ours / bare for ours, bare in zip(speeds["mount"], speeds["plain"]))
        figure(f"{title} on a hydrated mount / plain", ratio, "x", 0.9, 0.98,
               f"tps: {told}", smaller_is_better=False)
    for folder, _ in places.values():
        server(folder, "-m", "fast", "stop")
    daemon.begin()
    while into.is_mount():
        time.sleep(0.05)
    shutil.rmtree(into)
    shutil.rmtree(plain)


def mount_terabyte(_):
    """A process of a mount alone, on a vault that was made up."""
    step("a made-up terabyte")
    made = OUT / "terabyte"
    made.mkdir()
    subprocess.run([ROOT / "target/release/examples/terabyte", made / "vault", made / "key", made / "backup"], check=True)
    seconds, peaks = [], []
    for number in range(ROUNDS):
        home, at = made / f"home-{number}", made / f"at-{number}"
        home.mkdir()
        at.mkdir()
        words = {"vault": f"file:{made}/vault", "s3": {"path_style": False, "allow_http": False}, "key_file": f"{made}/key",
                 "cache_folder": f"{made}/cache", "cache_bytes": 1 << 30}
        order = {"name": "terabyte", "source": "shop", "backup": (made / "backup").read_text(), "at": str(at), "keep": False, "limit": 0,
                 "layout": {"owner": None, "moved": []}, "vault": words}
        (home / "mount.json").write_text(json.dumps(order))
        cold()
        begun = time.monotonic()
        tunables = {"GLIBC_TUNABLES": "glibc.malloc.arena_max=1:glibc.malloc.mmap_threshold=262144"}
        serving = subprocess.Popen([REKINDLE, "mount-serve", home], env={**os.environ, **tunables}, stderr=open(made / "log", "a"))
        while not asked(home, '"status"'):
            assert serving.poll() is None, (made / "log").read_text()
            time.sleep(0.002)
        seconds.append(time.monotonic() - begun)
        peaks.append([peak(serving.pid)])
        chance = random.Random(1)
        for _ in range(2000):
            with open(at / f"base/{chance.randrange(1000):04}", "rb", buffering=0) as f:
                assert len(os.pread(f.fileno(), 8192, chance.randrange(1 << 17) * 8192)) == 8192
        peaks[-1].append(peak(serving.pid))
        asked(home, '"unmount"')
        serving.wait(60)
    there, used = (statistics.median(values) for values in zip(*peaks))
    figure("1 TB of data, mount time", statistics.median(seconds), "s", 5, 2, f"rounds {', '.join(f'{s:.2f}' for s in seconds)} s")
    figure("1 TB of data, peak memory of the mount's process", used, "MB", 300, 100, f"{there:.0f} MB when it is there, {used:.0f} MB after 2000 random reads in all files")
    shutil.rmtree(made)


def peak(process):
    return int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{process}/status").read_text())[1]) / 1024


def asked(home, words):
    """What the process of a mount answers; nothing while it does not."""
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(str(home / "socket"))
            line.sendall(f"{words}\n".encode())
            return line.makefile().readline()
        except OSError:
            return None


def mount_ten_times(_):
    """The same cluster with a table of pages never used, nine times as large as all else: they take no room, but all have a map."""
    step("mount to first query at ten times the size")
    moment("once")
    sql("CREATE TABLE room (nothing int)")
    first = OUT / "pg" / sql("SELECT pg_relation_filepath('room')")
    left = 9 * sum(f.stat().st_size for f in OUT.glob("pg/base/*/*"))
    as_user([BIN / "pg_ctl", "-D", OUT / "pg", "-m", "fast", "-w", "stop"], stdout=subprocess.DEVNULL)
    number = 0
    while left > 0:
        segment = pathlib.Path(f"{first}.{number}" if number else first)
        with open(segment, "ab") as f:
            f.truncate(min(left, 1 << 30) // 8192 * 8192)
        shutil.chown(segment, USER, USER)
        left, number = left - (1 << 30), number + 1
    as_user([BIN / "pg_ctl", "-D", OUT / "pg", "-l", OUT / "pg.log", "-w", "start"], stdout=subprocess.DEVNULL)
    moment("ten-times")
    opening = Opening()
    for round in range(ROUNDS):
        for name in ["ten-times", "once"]:
            opening.measure(name, lambda: clone(f"{name}-{round}", "--restore-point", name))
            remove(f"{name}-{round}")
    sql("DROP TABLE room")
    figure("clone to first query, 10x the size, ratio", opening.median("ten-times") / opening.median("once"), "x", 1.2, 1.05,
           "; ".join(f"{name}: {opening.median(name):.2f} s, {opening.where(name)}" for name in ["once", "ten-times"]))


def leave_none():
    """When a part ended in the middle, servers and mounts live on."""
    mounted = lambda: [line.split()[1] for line in open("/proc/mounts") if line.split()[1].startswith(f"{OUT}/")]
    for at in mounted():
        home = pathlib.Path(at).parent / "mount" if at.endswith("/data") else pathlib.Path(f"{at}.rekindle")
        lock = home / "skeleton/postmaster.pid"
        if lock.exists():
            os.kill(int(lock.read_text().split()[0]), signal.SIGQUIT)
        for _ in range(100):
            if "done" in (asked(home, '"unmount"') or ""):
                break
            time.sleep(0.1)
    for at in mounted():
        subprocess.run(["umount", "-l", at])


parts = [mount_first_query, mount_reads, mount_clones, mount_pgbench, mount_terabyte, mount_ten_times]
