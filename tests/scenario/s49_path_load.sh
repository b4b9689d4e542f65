#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Agents behind two gateways in a chain raise alerts at once while every process on the way is killed, gateways and the
# server are stopped and started, links are cut and the database is held by somebody else: whatever was said to be
# stored at an agent arrives once, in the order of its agent, over four nodes; then the paths verify.
# --long: 50 agents, 400 alerts each, 40 blows. (Issue 5: Must show 6, over the full path.)
. "$(dirname "$0")/../lib/group.sh"
. "$(dirname "$0")/../lib/load.sh"
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
load_begin "$agents" "$each" 0.2
# Somebody else has the database for a while: nothing can be stored, nothing may be acknowledged.
hold_database() {
	local p
	p=$(g_proc rms1 core)
	[ -n "$p" ] || return 0
	kill -STOP "$p" 2>/dev/null && blows_fallen=$((blows_fallen + 1))
	sleep 1.5
	kill -CONT "$p" 2>/dev/null
}
for k in $(seq "$blows"); do
	n=n$((1 + RANDOM % agents))
	case $((k % 14)) in
	0) load_restart rms1 ;;
	1) load_kill gw1:core ;;
	2) load_kill gw2:net_node ;; # every link of it is cut
	3) load_kill rms1:core ;;
	4) load_kill gw1:keyholder ;;
	5) load_restart gw2 ;;
	6) load_kill rms1:net_node ;;
	7) load_kill "$n:core" ;;
	8) hold_database ;;
	9) load_kill gw2:core ;;
	10) load_restart gw1 ;;
	11) load_kill gw1:net_node ;;
	12) load_kill rms1:keyholder ;;
	13) load_kill "$n:net_node" ;;
	esac
	sleep 0.4
done
load_end
load_verifies n1
load_verifies n2
id=$(clv get alerts --filter 'name:"n1 the end"' -o json 2>/dev/null | jq '.[0].id')
clv trace "$id" -o json >"$G/trace.json" 2>/dev/null
equal "a path verifies when it is over" "$(jq -r '.verified' "$G/trace.json")" true
g_stop rms1
equal "all came over all four nodes" "$(sql "select count(*) from parcels p where p.agent glob 'n[0-9]*' and (select count(*) from hops where parcel=p.id)<>4")" 0
check "in more than one parcel each" test "$(sql "select count(*) from parcels where agent glob 'n[0-9]*'")" -gt $((2 * agents))
load_rows
g_end
