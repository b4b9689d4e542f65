#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Several agents raise alerts at once while processes of the server and of agents are killed, the server itself is
# stopped and started: whatever was said to be stored arrives once, in the order of its agent; then every path
# verifies. --long: 50 agents, 400 alerts each, 40 kills.
# (Issue 5: Must show 6, over one link.)
. "$(dirname "$0")/../lib/group.sh"
. "$(dirname "$0")/../lib/load.sh"
g_begin
agents=4 each=60 kills=16
[ -z "$LONG" ] || agents=50 each=400 kills=40
[ -z "${CLAVIGER_ASAN:-}" ] || each=30
g_init || g_end
for a in $(seq "$agents"); do g_agent "n$a" agent >/dev/null || g_end; done
ok "$agents agents"
load_begin "$agents" "$each" 0
for k in $(seq "$kills"); do
	n=n$((1 + RANDOM % agents))
	case $((k % 8)) in
	0) load_restart rms1 ;;
	1 | 4) load_kill rms1:core ;;
	2) load_kill "$n:core" ;;
	3) load_kill rms1:net_node ;;
	5) load_kill "$n:net_node" ;;
	6) load_kill rms1:keyholder ;;
	*) load_kill "$n:keyholder" ;;
	esac
	sleep 0.4
done
load_end
load_verifies n1
g_stop rms1
load_rows
g_end
