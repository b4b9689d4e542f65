#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The audit trail at a real server: `claviger audit verify` says that it is whole, names what a stranger's hand did to
# the database while the server was stopped (exit 5, event 2003), holds it against what the key holder has seen and
# against heads that the group signed. Among 10,000 rows: tests/unit/test_audit.c. (Issue's Must show 6.)
# shellcheck source-path=SCRIPTDIR source=../lib/group.sh
. "$(dirname "$0")/../lib/group.sh"
g_begin
# shellcheck disable=SC2119
g_init || g_end
db=$G/rms1/state/OperationsManager.db
verify() { clv audit verify >"$G/out" 2>"$G/err"; echo $?; }
said() { grep -qF -- "$1" "$G/out"; }
sql() { sqlite3 "$db" "$1"; }

for n in $(seq 130); do
	quiet clv role grant "user:u$n" viewer --yes || { bad "act $n"; break; }
done
equal 'a trail of 131 rows is whole' "$(verify) $(head -1 "$G/out")" '0 Chain whole, rows 1 to 131'
seen() { [ "$(clv audit verify -o json | jq .seen)" = "$1" ]; }
check 'the key holder has seen the last' wait_for 10 seen 131
signed() { [ "$(clv audit verify -o json | jq .signed_upto)" -ge 1 ]; } # the first head is due at once, the next 100 rows later
check 'the group signed a head of it' wait_for 20 signed
equal 'as JSON' "$(clv audit verify -o json | jq -c '[.whole, .first, .last, .rows, .found, .unsigned_heads]')" '[true,1,131,131,0,0]'
equal 'another form is refused' "$(clv audit verify -o csv 2>&1; echo $?)" $'claviger: audit verify takes -o text or json\n2'
g_stop rms1
cp "$db" "$G/good.db"
cp -a "$G/rms1/state/vault" "$G/good.vault"
good() {
	cp "$G/good.db" "$db"
	rm -rf "$db-journal" "$G/rms1/state/vault"
	cp -a "$G/good.vault" "$G/rms1/state/vault"
}

# broken WHAT SQL WORDS [OTHER WORDS of the command]: each from the good one
broken() {
	good
	sql "$2"
	: >"$G/rms1/log"
	g_start rms1
	wait_for 30 g_server_up || { bad "$1: the server does not answer: $(tail -2 "$G/rms1/log")"; return; }
	equal "$1: exit 5" "$(verify)" 5
	check "$1: ${4:-$3}" said "Chain broken: ${4:-$3}"
	check "$1: an event" grep -qF "event 2003: The audit trail is broken: $3" "$G/rms1/log"
	g_stop rms1
}
broken 'edited' "UPDATE audit SET who='user:eve' WHERE seq=77" 'row 77 was changed after writing'
check 'rows before it hold' said 'Rows 1 to 76 hold'
broken 'deleted' 'DELETE FROM audit WHERE seq=50' 'row 50 is missing'
broken 'two in each other'"'"'s place' 'UPDATE audit SET seq=0 WHERE seq=30; UPDATE audit SET seq=30 WHERE seq=40; UPDATE audit SET seq=40 WHERE seq=0' 'rows 30 to 31 were changed after writing'
broken 'inserted' "UPDATE audit SET seq=-(seq+1) WHERE seq>=60; UPDATE audit SET seq=-seq WHERE seq<0; INSERT INTO audit SELECT 60, time, 'user:eve', origin, act, object, result, detail, randomblob(32) FROM audit WHERE seq=59" 'row 60 was inserted'
broken 'cut off' 'DELETE FROM audit WHERE seq>125' 'rows 126 to 131 at the end are missing: the key holder has seen them'
broken 'a checkpoint that nobody signed' "INSERT INTO checkpoints SELECT 20, hash, x'00', x'00', time FROM audit WHERE seq=20; DELETE FROM audit WHERE seq<=20" 'its checkpoint at row 20 is not signed' 'the checkpoint at row 20 is not signed by this group'"'"'s key'

# --- after a cut the hole stays, whatever is written later ---
good
sql 'DELETE FROM audit WHERE seq>125'
g_start rms1
wait_for 30 g_server_up
check 'acts go on' clv role grant user:later viewer --yes
g_stop rms1; g_start rms1
wait_for 30 g_server_up
equal 'the hole stays' "$(verify)" 5
check 'with its numbers' said 'Chain broken: rows 126 to 131 are missing'
equal 'and the new row is above it' "$(clv get audit --limit 1 -o json | jq -r '.[0].seq')" 132

# --- heads ---
g_stop rms1
good
unsigned=$(sql 'SELECT max(seq) FROM audit WHERE seq < 131 AND seq NOT IN (SELECT seq FROM heads)')
sql "INSERT INTO heads SELECT seq, hash, x'0a04726d7331', randomblob(70), 1 FROM audit WHERE seq=$unsigned"
g_start rms1
wait_for 30 g_server_up
equal 'a head that nobody signed proves nothing' "$(clv audit verify -o json | jq -c '[.whole, .unsigned_heads]')" '[true,1]'
g_end
