#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# B3, T10: who can write the database cannot have a password sealed for a stranger, nor an old one used. Rows
# that decide (approval, distribution, profile, role, account) and passwords are inserted, swapped, altered,
# restored and taken away while the server is stopped; each is named, and nothing of it is used.
# shellcheck disable=SC2016 # the third word of try is evaluated there
. "$(dirname "$0")/../lib/group.sh"
g_begin
g_init
for n in web01 db01; do g_agent "$n" agent; done
db=$G/rms1/state/OperationsManager.db
sql() { sqlite3 "$db" "$@"; }
enter() { printf '%s' "$2" | clv reenter "$1" --password-fd 0 "${@:3}" >/dev/null 2>&1; }
confirmed_at() { [ "$(clv get accounts --filter "name:$1" -o json 2>/dev/null | jq -r '.[0].confirmed')" = "$2" ]; }
for a in one two; do
	clv account add $a --type simple --user $a >/dev/null 2>&1
	clv account distribute $a --to web01 --yes >/dev/null 2>&1
	enter $a "the first password of $a" --all-at-once
done
clv profile add P >/dev/null 2>&1
clv profile associate P one --all >/dev/null 2>&1
clv group add G web01 >/dev/null 2>&1
clv role grant user:eve viewer --yes >/dev/null 2>&1
check 'a group with accounts' wait_for 20 confirmed_at one 1
g_stop web01; g_stop db01; g_stop rms1
cp "$db" "$G/old.db" # what a thief may bring back later
g_start rms1; g_start web01; g_start db01
wait_for 20 g_server_up
enter one 'the second password of one' --all-at-once
clv account distribute two --to db01 --yes >/dev/null 2>&1
clv profile associate P two --class X >/dev/null 2>&1
clv group edit G --add db01 --yes >/dev/null 2>&1
clv role revoke user:eve viewer --yes >/dev/null 2>&1
check 'and changes to them' wait_for 20 confirmed_at two 2
clv remove agent db01 --yes >/dev/null 2>&1
check 'and a node that was removed' bash -c "[ \$($BIN/claviger get agents -o json 2>/dev/null | jq length) = 1 ]"
g_stop web01; g_stop db01; g_stop rms1
cp "$db" "$G/good.db"
one=$(sql "SELECT key FROM rows WHERE kind='account' AND instr(body, CAST('one' AS BLOB)) LIMIT 1")
two=$(sql "SELECT key FROM rows WHERE kind='account' AND key<>'$one'")

named=0 used=0 tried=0
# try WORDS-OF-THE-EVENT SQL: on a good copy; the server is started, must name it, and must not use it.
try() {
	cp "$G/good.db" "$db"
	sql "ATTACH '$G/old.db' AS old; $2" || { bad "the statement: $2"; return; }
	[ "$(id -u)" != 0 ] || chown 64131 "$db"
	: >"$G/rms1/log"
	g_start rms1
	tried=$((tried + 1))
	if wait_for 15 grep -qE "event 2004:.*$1" "$G/rms1/log"; then named=$((named + 1)); else bad "not named: $1: $2: $(grep -c 'event 2004' "$G/rms1/log") events"; fi
	[ -z "${3:-}" ] || { wait_for 10 g_server_up; eval "$3" && { used=$((used + 1)); bad "used: $2"; }; }
	g_stop rms1
}
targets_of() { clv get accounts --filter "name:$1" -o json 2>/dev/null | jq -r '.[0].targets // 0'; }
# A bit of every row of every kind: body, MAC, sequence.
for kind in account approval group profile role; do
	try "row of $kind" "UPDATE rows SET body=zeroblob(length(body)) WHERE kind='$kind'"
	try "row of $kind" "UPDATE rows SET body=substr(body,1,length(body)-1) WHERE kind='$kind' AND length(body)>0"
	try "row of $kind" "UPDATE rows SET mac=zeroblob(36) WHERE kind='$kind'"
	try "row of $kind" "UPDATE rows SET mac=x'' WHERE kind='$kind'"
	try "row of $kind" "UPDATE rows SET seq=seq+1 WHERE kind='$kind'"
	try "row of $kind" "UPDATE rows SET seq=9223372036854775807 WHERE kind='$kind'"
	try "row of $kind" "DELETE FROM rows WHERE kind='$kind'"
	try "row of $kind" "INSERT INTO rows SELECT kind, key || 'x', seq, body, mac FROM rows WHERE kind='$kind' LIMIT 1"
done
# Restored: what was true once.
try "account.*older" "REPLACE INTO rows SELECT * FROM old.rows WHERE kind='account' AND key='$one'"
try "account.*older" "REPLACE INTO rows SELECT * FROM old.rows WHERE kind='account' AND key='$two'" '[ "$(targets_of two)" -gt 1 ]'
try "profile.*older" "REPLACE INTO rows SELECT * FROM old.rows WHERE kind='profile'"
try "group.*older" "REPLACE INTO rows SELECT * FROM old.rows WHERE kind='group'"
try "role.*eve.*older" "REPLACE INTO rows SELECT * FROM old.rows WHERE kind='role'" 'clv get roles -o json 2>/dev/null | jq -e ".[]|select(.principal==\"user:eve\")" >/dev/null'
try "approval.*db01.*older" "REPLACE INTO rows SELECT * FROM old.rows WHERE kind='approval'; REPLACE INTO agents SELECT * FROM old.agents" '[ "$(clv get agents -o json 2>/dev/null | jq length)" -gt 1 ]'
# Inserted and altered in the nodes' own table.
try "node .stranger" "INSERT INTO agents(name, role, approval, node_key, machine, pinned_at, pinned_by) SELECT 'stranger.ops.test', role, approval, node_key, machine, pinned_at, pinned_by FROM agents WHERE name='web01.ops.test'" '[ "$(clv get agents -o json 2>/dev/null | jq length)" -gt 1 ]'
try "approval.*web01.*altered" "UPDATE agents SET node_key=x'30' WHERE name='web01.ops.test'" '[ "$(clv get agents -o json 2>/dev/null | jq length)" -gt 0 ]'
try "approval.*web01.*altered" "UPDATE agents SET machine=zeroblob(32) WHERE name='web01.ops.test'" '[ "$(clv get agents -o json 2>/dev/null | jq length)" -gt 0 ]'
# Swapped between accounts.
try "row of account" "UPDATE rows SET body=(SELECT body FROM rows WHERE kind='account' AND key='$two'), mac=(SELECT mac FROM rows WHERE kind='account' AND key='$two'), seq=(SELECT seq FROM rows WHERE kind='account' AND key='$two') WHERE kind='account' AND key='$one'"
equal "$tried ways to write the database: each is named" "$named" "$tried"
equal 'none is used' "$used" 0

# Passwords: the database's ciphertext swapped, altered, restored. The host keeps what it holds, and it is said.
refused=0 tried=0
try_password() {
	cp "$G/good.db" "$db"
	sql "ATTACH '$G/old.db' AS old; $1" || bad "the statement: $1"
	[ "$(id -u)" != 0 ] || chown 64131 "$db"
	: >"$G/rms1/log"; : >"$G/web01/log"
	g_start rms1; g_start web01
	wait_for 20 g_server_up
	tried=$((tried + 1))
	# Another key is what makes it seal anew.
	clv rotate web01 --yes >/dev/null 2>&1
	if wait_for 20 grep -q 'event 7005: No configuration could be' "$G/rms1/log"; then refused=$((refused + 1)); else bad "sealed: $1"; fi
	g_stop web01; g_stop rms1
}
try_password "UPDATE passwords SET blob=(SELECT blob FROM passwords WHERE account='$two') WHERE account='$one'"
try_password "UPDATE passwords SET blob=(SELECT blob FROM old.passwords WHERE account='$one') WHERE account='$one'"
try_password "UPDATE passwords SET blob=substr(blob,1,length(blob)-1) || x'00' WHERE account='$one'"
try_password "UPDATE passwords SET blob=x'00000001' WHERE account='$one'"
try_password "DELETE FROM passwords WHERE account='$one'"
try_password "UPDATE passwords SET version=version+1"
equal "$tried ways to change a stored password: none is sealed" "$refused" "$tried"

# The good one is good again.
cp "$G/good.db" "$db"; [ "$(id -u)" != 0 ] || chown 64131 "$db"
: >"$G/rms1/log"
g_start rms1
wait_for 20 g_server_up
equal 'as it was, nothing is named' "$(grep -c 'event 2004' "$G/rms1/log")" 0
# A hundred of each at once: each has its own event.
cp "$G/good.db" "$db"; [ "$(id -u)" != 0 ] || chown 64131 "$db"
g_stop rms1
g_start rms1
wait_for 20 g_server_up
for i in $(seq 100); do
	"$ASK" account add "many$i" --type simple --user u
	"$ASK" group add "many$i" 'm*'
	"$ASK" profile add "many$i"
	"$ASK" role grant "user:many$i" viewer --yes
done >/dev/null 2>&1
g_stop rms1
cp "$db" "$G/many.db"
many() { # text, SQL, words, how many
	cp "$G/many.db" "$db"
	sql "$2"
	[ "$(id -u)" != 0 ] || chown 64131 "$db"
	: >"$G/rms1/log"
	g_start rms1
	wait_for 20 grep -q 'parent/management-server notice: ready' "$G/rms1/log"
	g_stop rms1
	equal "$1, each named" "$(sql "SELECT count(DISTINCT text) FROM events WHERE id=2004 AND text LIKE '$3'")" "$4"
}
keys="key IN (SELECT key FROM rows WHERE kind='KIND' AND length(body)>0 ORDER BY seq, key LIMIT 100)"
for kind in account group profile role; do
	many "100 rows of $kind altered" "UPDATE rows SET body=substr(body,1,length(body)-1) WHERE kind='$kind' AND ${keys/KIND/$kind}" "%row of $kind %not written by%" 100
	many "100 rows of $kind taken away" "DELETE FROM rows WHERE kind='$kind' AND ${keys/KIND/$kind}" "%row of $kind %is gone%" 100
done
many '100 rows of account swapped' "CREATE TEMP TABLE t AS SELECT key, body, mac, seq, row_number() OVER (ORDER BY key) n FROM rows WHERE kind='account' ORDER BY key LIMIT 100; UPDATE rows SET (body, mac, seq) = (SELECT b.body, b.mac, b.seq FROM t a JOIN t b ON b.n=a.n%100+1 WHERE a.key=rows.key) WHERE kind='account' AND key IN (SELECT key FROM t)" '%row of account %not written by%' 100
many '100 nodes inserted' "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c WHERE n<100) INSERT INTO agents(name, role, approval, node_key, machine, pinned_at, pinned_by) SELECT 'stranger' || n || '.ops.test', role, approval, node_key, machine, pinned_at, pinned_by FROM agents, c WHERE name='web01.ops.test'" '%row of node %stranger%' 100
many '100 approvals inserted' "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c WHERE n<100) INSERT INTO rows SELECT kind, 'stranger' || n || '.ops.test', seq, body, mac FROM rows, c WHERE kind='approval' AND key='web01.ops.test'" '%row of approval %stranger%not written by%' 100

g_end
