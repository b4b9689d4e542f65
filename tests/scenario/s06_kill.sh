#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of core and key holder, at the agent and at the server, before every 10th call that changes a file
# under state/ (--long: every call), during enrolment, publication and rotation. Everything comes back by
# itself, generations never fall, the newest configuration opens, nothing acknowledged is lost, nothing is
# stored twice. (Must show 6; T29.)
. "$(dirname "$0")/../lib/group.sh"
g_parts enrol web01:core web01:keyholder rms1:core rms1:keyholder
g_begin
step=10
[ -z "${CLAVIGER_ASAN:-}" ] || step=50 # what the sanitizers look for does not depend on the point
[ -z "$LONG" ] || step=1
points=0 killed=0

g_init || g_end
# --- enrolment: a cut one is simply done again ---
enrolments() {
	for process in core keyholder; do
		n=1
		while [ $n -lt 400 ]; do
			name=e${process:0:1}$n
			g_node "$name" agent
			env CLAVIGER_TEST_KILL_IN=$process CLAVIGER_TEST_KILL_AT=$n \
				"$BIN/clavigerd" enroll -c "$G/$name/clavigerd.conf" --role agent >"$G/$name/enroll.out" 2>&1 && done_first=1 || done_first=''
			points=$((points + 1))
			if [ -z "$done_first" ]; then
				killed=$((killed + 1))
				g_enroll "$name" || { bad "enrolment of $name cut at $process call $n cannot be repeated: $(tail -1 "$G/$name/enroll.out")"; break; }
			fi
			mine() { [ "$(clv get pending --filter "name:$name.ops.test" -o json 2>/dev/null | jq length)" = 1 ]; }
			wait_for 10 mine || { bad "$name: $(clv get pending --filter "name:$name.ops.test" -o json | jq length) requests wait"; break; }
			rm -rf "${G:?}/$name"
			[ -n "$done_first" ] && break
			n=$((n + step))
		done
	done
	ok "enrolment cut at $killed of $points points and repeated; one request each"
}

# --- init at the server ---
inits() {
	for process in core keyholder; do
		n=1
		while [ $n -lt 400 ]; do
			g_node "i$process$n" management-server
			if env CLAVIGER_TEST_KILL_IN=$process CLAVIGER_TEST_KILL_AT=$n "$BIN/clavigerd" init -c "$G/i$process$n/clavigerd.conf" >/dev/null 2>&1; then
				break
			fi
			"$BIN/clavigerd" init -c "$G/i$process$n/clavigerd.conf" >"$G/out" 2>&1 || grep -q 'belongs to a management group already' "$G/out" ||
				bad "init cut at $process call $n: $(tail -1 "$G/out")"
			rm -rf "${G:?}/i$process$n"
			n=$((n + step))
		done
	done
	ok "init cut in core and key holder, and gone on with"
}
if [ "$CLAVIGER_SWEEP" = enrol ]; then
	enrolments
	inits
fi

# --- publication and rotation ---
g_agent web01 agent || g_end
# A field of web01, asked until it is told: the server may just be on its way back.
sure() {
	local v=''
	for _ in $(seq 200); do
		v=$(field_of web01 "$1")
		[ -z "$v" ] || break
		sleep 0.1
	done
	printf '%s' "$v"
}
generation() { sure generation; }
opened_fine() { ! grep -E 'event 7022|does not stay up' "$G/web01/log" >/dev/null; }
sweep() { # node process
	local node=$1 process=$2 n=1 before after sha total=0 hit=0 asked
	while [ $n -lt 600 ]; do
		wait_for 30 is_confirmed web01 || { bad "$node $process: not confirmed before point $n"; return; }
		before=$(generation) sha=$(sure sha256)
		g_stop "$node"
		: >"$G/$node/log"
		g_start "$node" CLAVIGER_TEST_KILL_IN="$process" CLAVIGER_TEST_KILL_AT="$n"
		wait_for 20 g_server_up || { bad "$node $process $n: the server does not answer"; return; }
		asked=''
		for _ in $(seq 100); do
			if quiet clv rotate web01 --yes; then asked=1; break; fi
			sleep 0.1
		done
		rotated() { is_confirmed web01 && [ "$(sure sha256)" != "$sha" ]; }
		if [ -z "$asked" ] || ! wait_for 60 rotated; then
			bad "$node $process killed at call $n: $(state_of web01), asked '$asked' $(tail -2 "$G/web01/log" | cut -c1-300)"
			return
		fi
		after=$(generation)
		[ "$after" -gt "$before" ] || { bad "$node $process $n: the generation went from $before to $after"; return; }
		opened_fine || { bad "$node $process $n: $(grep -E 'event 7022|does not stay' "$G/web01/log" | head -1 | cut -c1-300)"; return; }
		total=$((total + 1))
		if grep -q "$process was ended by signal 9" "$G/$node/log"; then hit=$((hit + 1)); else break; fi
		n=$((n + step))
	done
	points=$((points + total)) killed=$((killed + hit))
	ok "$node: $process killed at $hit of $total points tried (every ${step}th) while a key was rotated; each came back by itself"
}
others() {
	for p in net_node parent; do
		sha=$(sure sha256)
		if [ $p = parent ]; then kill -KILL "${PID[web01]}"; wait "${PID[web01]}" 2>/dev/null; else kill -KILL "$(g_proc web01 $p)"; fi
		[ $p != parent ] || g_start web01
		quiet clv rotate web01 --yes
		rotated() { is_confirmed web01 && [ "$(sure sha256)" != "$sha" ]; }
		check "web01: $p killed, and a rotation afterwards" wait_for 40 rotated
	done
	for node in rms1 web01; do
		sha=$(sure sha256)
		quiet clv rotate web01 --yes
		kill -KILL "$(g_proc $node keyholder)"
		rotated() { is_confirmed web01 && [ "$(sure sha256)" != "$sha" ]; }
		check "$node: key holder killed during a rotation" wait_for 60 rotated
	done
	kill -KILL "$(g_proc rms1 net_console)"
	check "rms1: net_console killed; consoles answer again" wait_for 10 g_server_up
}
case $CLAVIGER_SWEEP in
enrol) others ;;
*) sweep "${CLAVIGER_SWEEP%:*}" "${CLAVIGER_SWEEP#*:}" ;;
esac

# Nothing twice: each configuration was applied once, and told once.
g_stop web01; g_stop rms1
db=$G/rms1/state/OperationsManager.db
equal "no configuration is told twice" "$(sqlite3 "$db" "select count(*) from (select text from events where id=1210 group by node, text having count(*)>1)")" 0
equal "generations of web01 rise with their ordinals" "$(sqlite3 "$db" "select count(*) from keys a join keys b on a.agent=b.agent and a.generation<b.generation and a.ordinal>=b.ordinal")" 0
equal "one key of web01 is confirmed, the rest are destroyed or about to be" "$(sqlite3 "$db" "select count(*) from keys where agent='web01.ops.test' and state=5")" 1
equal "the audit trail has no gap" "$(sqlite3 "$db" "select count(*)=max(seq) from audit")" 1
equal "the database is whole" "$(sqlite3 "$db" 'pragma integrity_check')" ok
printf '      %s points, killed at %s\n' "$points" "$killed"
g_end
