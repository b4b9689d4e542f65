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
clv get agents -o csv >"$G/rows.csv" || bad "get agents ended with $?"

# The first 20 of a filter, of an order, and the last 20: the batch command from its start to its end, beside
# sqlite3 on a table of the same rows (from its start, no index: as one would load them) and what works on the file.
sqlite3 "$G/rows.sqlite" ".mode csv" ".import $G/rows.csv agents"
timed() { # WHAT COMMAND...: the median of 5 in ms
	local what=$1 t0 all=''; shift
	for _ in 1 2 3 4 5; do
		t0=$(date +%s%N)
		"$@" >"$G/out" 2>&1 || { bad "$what: $(head -c 200 "$G/out")"; return; }
		all+="$((($(date +%s%N) - t0) / 1000000))"$'\n'
	done
	printf '%-58s %6s ms\n' "$what" "$(sort -n <<<"${all%?}" | sed -n 3p)"
}
end=$((rows - 20))
timed 'claviger get agents --filter "web fra" --limit 20' "$BIN/claviger" get agents --filter 'web fra' --limit 20
timed 'sqlite3 name LIKE, count and first 20' sqlite3 "$G/rows.sqlite" "SELECT count(*) FROM agents WHERE name LIKE '%web%' AND name LIKE '%fra%'; SELECT * FROM agents WHERE name LIKE '%web%' AND name LIKE '%fra%' ORDER BY name LIMIT 20"
timed 'grep twice, on the file' sh -c "grep web '$G/rows.csv' | grep fra | wc -l"
for column in key_id not_after; do
	timed "claviger get agents --sort $column --limit 20" "$BIN/claviger" get agents --sort "$column" --limit 20
	timed "sqlite3 ORDER BY $column LIMIT 20" sqlite3 "$G/rows.sqlite" "SELECT * FROM agents ORDER BY $column LIMIT 20"
done
timed 'claviger status' "$BIN/claviger" status
timed 'claviger find web0000123' "$BIN/claviger" find web0000123
timed 'claviger get expiry --limit 20' "$BIN/claviger" get expiry --limit 20
timed "sqlite3 the last 20 by name" sqlite3 "$G/rows.sqlite" "SELECT * FROM agents ORDER BY name LIMIT 20 OFFSET $end"
for other in less fzf tig htop ncdu; do
	program=$(command -v "$other") || continue
	printf 'beside it: %s\n' "$other"
	case $other in
	less) "$BIN/tests/bench/console" --beside "$program" -S "$G/rows.csv" ;;
	fzf) "$BIN/tests/bench/console" --beside /bin/sh -c "exec $program --bind j:down,ctrl-f:page-down,G:last,g:first <'$G/rows.csv'" ;;
	tig) "$BIN/tests/bench/console" --beside /bin/sh -c "exec $program <'$G/rows.csv'" ;;
	htop) "$BIN/tests/bench/console" --beside "$program" ;;
	ncdu)
		# An export of a folder with a file for each row.
		{
			printf '[1,0,{},[{"name":"/rows"}'
			awk -F, 'NR > 1 { printf ",\n{\"name\":\"%s\",\"asize\":1}", $1 }' "$G/rows.csv"
			printf ']]\n'
		} >"$G/rows.ncdu"
		"$BIN/tests/bench/console" --beside "$program" -f "$G/rows.ncdu"
		;;
	esac
done
g_end
