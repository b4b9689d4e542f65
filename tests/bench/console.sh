#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The console on ROWS agents: rows made in the store, the protocol real. Beside it less, and fzf and
# htop where they are installed, with the same keys in the same pseudo terminal.
BIN=$(cd "${B:-build}" && pwd)
export CLAVIGER_BIN=$BIN
. "$(dirname "$0")/../lib/group.sh"
rows=${ROWS:-100000}
g_begin
g_init || g_end
clv get events --limit 1 >/dev/null 2>&1
g_stop rms1
db=$G/rms1/state/OperationsManager.db
sqlite3 "$db" <<END
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $rows)
INSERT INTO agents(name, role, approval, node_key, machine, pinned_at, pinned_by, generation, config_version,
  config_ordinal, config_confirmed, config_confirmed_ordinal, config_confirmed_at, last_seen)
SELECT printf('host%07d.ops.test', i), 'agent', 1, randomblob(91), randomblob(32), 1763715600000, 'bench', 1763715600000,
  1763715600000, 1, 1763715600000, 1, 1763715600000, 1763715600000 FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $rows)
INSERT INTO keys(agent, generation, ordinal, state, cert, publication, signature, sha1, sha256, bits, not_before, not_after,
  made, published, stored, in_use, confirmed)
SELECT printf('host%07d.ops.test', i), 1763715600000, 1, 5, randomblob(900), randomblob(64), randomblob(72), randomblob(20),
  randomblob(32), 3072, 1763715600000, 1795251600000 + i * 1000, 1763715600000, 1763715600000, 1763715600000, 1763715600000,
  1763715600000 FROM n;
COMMIT;
END
[ "$(id -u)" != 0 ] || chown 64131 "$db"*
g_start rms1
wait_for 60 g_server_up || bad "the server does not answer: $(tail -3 "$G/rms1/log")"
printf 'console, %s agents\n' "$rows"
"$BIN/tests/bench/console" "$BIN/claviger" "$CLAVIGER_SERVER" || bad "the probe ended with $?"
clv get agents -o csv >"$G/rows.csv" || bad "get agents ended with $?"
wc -l "$G/rows.csv"
for other in less fzf htop; do
	program=$(command -v "$other") || continue
	printf 'beside it: %s\n' "$other"
	case $other in
	less) "$BIN/tests/bench/console" --beside "$program" -S "$G/rows.csv" ;;
	fzf) "$BIN/tests/bench/console" --beside /bin/sh -c "exec $program --bind j:down,ctrl-f:page-down,G:last,g:first <'$G/rows.csv'" ;;
	htop) "$BIN/tests/bench/console" --beside "$program" ;;
	esac
done
g_end
