#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Agents behind two gateways in a chain raise alerts at once while every process on the way is killed, gateways and the
# server are stopped and started, links are cut and the database is held by somebody else: whatever was said to be
# stored at an agent arrives once, in the order of its agent, over four nodes; then the paths verify.
# --long: 50 agents, 400 alerts each, 40 blows. (Issue 5: Must show 6, over the full path.)
. "$(dirname "$0")/../lib/group.sh"
g_begin
agents=4 each=40 blows=16
[ -z "$LONG" ] || agents=50 each=400 blows=40
[ -z "${CLAVIGER_ASAN:-}" ] || each=20
g_init 'heartbeat = 2s' || g_end
# Beyond a boundary: each reaches the next one and nobody else.
member() { # name role via
	VIA=$3 g_node "$1" "$2" 'heartbeat = 2s'
	[ "$3" = gw1 ] || sed -i 's/^server = .*/&, gw1.ops.test@127.0.0.1:9/' "$G/$1/clavigerd.conf"
	sed -i 's/^server = .*/&, rms1.ops.test@127.0.0.1:9/' "$G/$1/clavigerd.conf"
	g_enroll "$1" && g_approve "$1" >/dev/null && g_start "$1" && wait_for 40 is_confirmed "$1" || { bad "$1 did not get confirmed"; g_end; }
}
g_agent gw1 gateway 'heartbeat = 2s' >/dev/null || g_end
member gw2 gateway gw1
for a in $(seq "$agents"); do member "n$a" agent gw2; done
equal "$agents agents behind two gateways" "$(clv get agents --filter 'via:gw2' --limit 1000 -o json 2>/dev/null | jq length)" "$agents"
# One after the other, each until it is said to be stored: an alert that was stored but not told may come twice by
# its name, under two numbers, as two alerts that were raised.
raise() { # agent
	local i
	for i in $(seq "$each"); do
		for _ in $(seq 600); do
			"$BIN/clavigerd" alert -c "$G/$1/clavigerd.conf" --severity information --name "$1 $i" >/dev/null 2>&1 && break
			sleep 0.1
		done
		sleep 0.2
	done
	echo "$1" >>"$G/done"
}
: >"$G/done"
raising=()
for a in $(seq "$agents"); do raise "n$a" & raising+=($!); done
fallen=0
kill_one() { # node:process
	local p
	p=$(g_proc "${1%:*}" "${1#*:}")
	[ -z "$p" ] || { kill -KILL "$p" 2>/dev/null && fallen=$((fallen + 1)); }
}
restart() { g_stop "$1"; sleep 0.3; g_start "$1"; fallen=$((fallen + 1)); }
# Somebody else has the database for a while: nothing can be stored, nothing may be acknowledged.
hold_database() {
	local p
	p=$(g_proc rms1 core)
	[ -n "$p" ] || return 0
	kill -STOP "$p" 2>/dev/null && fallen=$((fallen + 1))
	sleep 1.5
	kill -CONT "$p" 2>/dev/null
}
for k in $(seq "$blows"); do
	n=n$((1 + RANDOM % agents))
	case $((k % 14)) in
	0) restart rms1 ;;
	1) kill_one gw1:core ;;
	2) kill_one gw2:net_node ;; # every link of it is cut
	3) kill_one rms1:core ;;
	4) kill_one gw1:keyholder ;;
	5) restart gw2 ;;
	6) kill_one rms1:net_node ;;
	7) kill_one "$n:core" ;;
	8) hold_database ;;
	9) kill_one gw2:core ;;
	10) restart gw1 ;;
	11) kill_one gw1:net_node ;;
	12) kill_one rms1:keyholder ;;
	13) kill_one "$n:net_node" ;;
	esac
	sleep 0.4
done
all_said() { [ "$(wc -l <"$G/done")" = "$agents" ]; }
check "everything was said to be stored, after $fallen blows" wait_for $((120 + agents * each / 20)) all_said
wait "${raising[@]}"
check "the server answers" wait_for 30 g_server_up
for a in $(seq "$agents"); do "$BIN/clavigerd" alert -c "$G/n$a/clavigerd.conf" --severity warning --name "n$a the end" >/dev/null 2>&1 || bad "n$a takes no last one"; done
ends() { [ "$(clv get alerts --filter 'name:"the end"' --limit 1000 -o json 2>/dev/null | jq length)" = "$agents" ]; }
check "the last of each arrives" wait_for 150 ends
for a in 1 2; do
	clv proof "n$a" -o json >"$G/proof.json" 2>/dev/null
	equal "every path of n$a verifies" "$?,$(jq '.parcels==.verified and .parcels>0' "$G/proof.json")" 0,true
done
id=$(clv get alerts --filter 'name:"n1 the end"' -o json 2>/dev/null | jq '.[0].id')
clv trace "$id" -o json >"$G/trace.json" 2>/dev/null
equal "a path verifies when it is over" "$(jq -r '.verified' "$G/trace.json")" true
g_stop rms1
db=$G/rms1/state/OperationsManager.db
sql() { sqlite3 "$db" "$1"; }
equal "all came over all four nodes" "$(sql "select count(*) from parcels p where p.agent glob 'n[0-9]*' and (select count(*) from hops where parcel=p.id)<>4")" 0
check "in more than one parcel each" test "$(sql "select count(*) from parcels where agent glob 'n[0-9]*'")" -gt $((2 * agents))
equal "each is there" "$(sql "select count(distinct name) from alerts where severity=1 and name glob 'n[0-9]* [0-9]*'")" $((agents * each))
equal "no number of an outbox twice" "$(sql "select count(*) from (select outbox, sequence from alerts group by outbox, sequence having count(*)>1)")" 0
equal "in the order of its agent" "$(sql "select count(*) from (select p.agent, cast(substr(a.name, instr(a.name,' ')+1) as integer) i, lag(cast(substr(a.name, instr(a.name,' ')+1) as integer)) over (partition by p.agent order by a.id) b from alerts a join parcels p on p.id=a.parcel where a.severity=1 and a.name glob 'n[0-9]* [0-9]*') where b>i")" 0
equal "none was taken for another's" "$(sql "select count(*) from alerts a join parcels p on p.id=a.parcel where a.severity=1 and a.name glob 'n[0-9]* [0-9]*' and p.agent<>substr(a.name,1,instr(a.name,' ')-1)||'.ops.test'")" 0
equal "the database is whole" "$(sql 'pragma integrity_check')" ok
printf '      %s alerts, %s of them raised again because nobody was told\n' "$(sql "select count(*) from alerts where severity=1")" "$(sql "select count(*)-count(distinct name) from alerts where severity=1")"
g_end
