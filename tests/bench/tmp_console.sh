#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The console on ROWS agents: rows made in the store, the protocol real. Beside it less, fzf, tig, htop and ncdu where
# they are installed, with the same keys in the same pseudo terminal, and sqlite3 on the same rows.
BIN=$(cd "${B:-build}" && pwd)
export CLAVIGER_BIN=$BIN
# shellcheck source-path=SCRIPTDIR source=../lib/group.sh
. "$(dirname "$0")/../lib/group.sh"
rows=${ROWS:-100000}
g_begin
g_init || g_end
clv get events --limit 1 >/dev/null 2>&1
g_stop rms1
db=$G/rms1/state/OperationsManager.db
as_key() { if [ "$(id -u)" = 0 ]; then setpriv --reuid 64132 --regid 64132 --clear-groups "$@"; else "$@"; fi; }
mkdir "$G/made"
cp "$G/rms1/machine.secret" "$G/made/secret"
[ "$(id -u)" != 0 ] || chown -R 64132:64132 "$G/made"
as_key "$BIN/tests/bench/inventory" "$G/rms1/state/vault/vault.db" "$G/made/secret" OMMG1 "$rows" "$G/made/rows.db" || { bad 'no inventory'; g_end; }
sqlite3 "$db" <<END
PRAGMA synchronous=OFF;
ATTACH '$G/made/rows.db' AS made;
BEGIN;
INSERT INTO agents(name, role, approval, node_key, machine, pinned_at, pinned_by, generation, config_version,
  config_ordinal, config_confirmed, config_confirmed_ordinal, config_confirmed_at, last_seen)
SELECT name, 'agent', 1, node_key, machine, 1763715600000, 'bench', 1763715600000, 1763715600000, 1, 1763715600000, 1,
  1763715600000, 1763715600000 FROM made.agents ORDER BY name;
INSERT INTO keys(agent, generation, ordinal, state, cert, publication, signature, sha1, sha256, bits, not_before, not_after,
  made, published, stored, in_use, confirmed)
SELECT agent, 1763715600000, 1, 5, cert, publication, signature, sha1, sha256, 3072, 1763715600000, not_after, 1763715600000,
  1763715600000, 1763715600000, 1763715600000, 1763715600000 FROM made.keys ORDER BY agent;
INSERT INTO rows(kind, key, seq, body, mac) SELECT 'approval', key, 1, body, mac FROM made.rows ORDER BY key;
COMMIT;
END
rm -rf "$G/made"
[ "$(id -u)" != 0 ] || chown 64131 "$db"*
began=$SECONDS
g_start rms1
wait_for 600 g_server_up || bad "the server does not answer: $(tail -3 "$G/rms1/log")"
printf 'console, %s agents; the server answered %s s after its start\n' "$rows" "$((SECONDS - began))"
mine=$(clv get agents --limit 1 -o json | jq length)
[ "$mine" = 1 ] || bad "the server has no agents: $(grep -c 'event 2004' "$G/rms1/log") rows are not used"
for p in core keyholder; do
	awk -v p="$p" '/^VmRSS/ { printf "memory of %s: %.0f MiB\n", p, $2 / 1024 }' "/proc/$(g_proc rms1 "$p")/status"
done
"$BIN/tests/bench/console" "$BIN/claviger" "$CLAVIGER_SERVER" || bad "the probe ended with $?"
pid=$(g_proc rms1 core)
perf record -o /tmp/perf.data -p "$pid" >/dev/null 2>&1 & pp=$!
"$BIN/tests/bench/console" "$BIN/claviger" "$CLAVIGER_SERVER" | grep -i 'letter\|G '
kill -INT $pp; wait $pp
g_end
