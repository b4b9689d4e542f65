#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A server whose core lies in its acknowledgements, live: what the group did not sign, or signed for somebody else,
# takes nothing out of an agent's outbox; each lie is named at the agent; once the server is honest again all of it is
# there once, in order. (Issue 5, Must show 2.)
# shellcheck source-path=SCRIPTDIR source=../lib/group.sh
. "$(dirname "$0")/../lib/group.sh"
g_begin
g_init || g_end
g_agent web01 agent 'heartbeat = 1s' || g_end
db=$G/web01/state/HealthService.db
alert() { "$BIN/clavigerd" alert -c "$G/web01/clavigerd.conf" --severity warning --name "$1" >/dev/null; }
# Core has the file to itself: a copy, with its journal, is looked at.
box() {
	cp "$db" "$G/look.db" && cp "$db-journal" "$G/look.db-journal"
	sqlite3 "$G/look.db" "$1" 2>/dev/null
}
waiting() { box 'SELECT count(*) FROM item'; }
drained() { [ "$(waiting)" = 0 ]; }
up() { [ "$(field_of web01 contact)" = up ]; }
restart() { g_stop rms1; g_start rms1; }
check 'the outbox is empty' wait_for 20 drained
n=0
# lie HOW WORDS: the agent's own log has the words.
lie() {
	local how=$1 words=$2 first before
	g_stop rms1
	first=$((n + 1))
	for _ in 1 2 3; do n=$((n + 1)); alert "number $n"; done
	before=$(box 'SELECT min(seq) FROM item')
	: >"$G/web01/log"
	g_start rms1 CLAVIGER_TEST_ACK="$how"
	named() { grep -q "$words" "$G/web01/log"; }
	check "$how: named at the agent" wait_for 30 named
	# It came again and was lied to again.
	twice() { [ "$(grep -c "$words" "$G/web01/log")" -ge 2 ]; }
	[ "$how" = agent ] || [ "$how" = outbox ] || [ "$how" = beyond ] || check "$how: and again when it comes again" wait_for 60 twice
	equal "$how: nothing left the outbox" "$(box 'SELECT min(seq) FROM item')" "$before"
	equal "$how: alerts $first to $n wait" "$([ "$(waiting)" -ge 3 ] && echo yes)" yes
	restart
	check "$how: an honest server gets them" wait_for 60 drained
}
for how in signature unsigned stranger upto; do lie $how 'an acknowledgement is not signed by the group'; done
for how in agent outbox beyond; do lie $how 'an acknowledgement for something else is ignored'; done
check 'the link is back' wait_for 30 up
all() { [ "$(clv get alerts --filter 'name:number' --limit 1000 -o json 2>/dev/null | jq length)" = "$n" ]; }
check "all $n alerts are at the server" wait_for 30 all
clv get alerts --filter 'name:number' --limit 1000 --sort id -o json >"$G/alerts.json" 2>/dev/null
equal 'each once' "$(jq -r '[.[].name] | (length == (unique | length))' "$G/alerts.json")" true
equal 'in the order in which they were raised' "$(jq -r 'sort_by(.id) | [.[].name | sub("number "; "") | tonumber] | . == sort' "$G/alerts.json")" true
g_end
