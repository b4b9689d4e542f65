#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An agent behind a gateway: enrolled through it, accepted with its way in the approval, its key published, its
# configuration opened, heartbeats and events through it; the gateway alone speaks for nobody who is not assigned
# to it; who accepts a gateway. (Issue 5: gateway; T4, P8, S5.)
. "$(dirname "$0")/../lib/group.sh"
g_begin
g_init 'heartbeat = 1s' || g_end

# --- a gateway becomes a member: a person's decision, an administrator's ---
g_node gw1 gateway 'heartbeat = 1s'
"$BIN/clavigerd" enroll -c "$G/gw1/clavigerd.conf" --role agent >"$G/out" 2>&1
equal "the role on the command line is the file's" $? 2
check "it asks to be accepted" g_enroll gw1
equal "as a gateway" "$(clv get pending -o json 2>/dev/null | jq -r '.[0]|[.name,.role]|join(" ")')" "gw1.ops.test gateway"
check "an administrator accepts it" g_approve gw1
g_start gw1
check "it is an agent of its own too: its key is confirmed" wait_for 40 is_confirmed gw1
equal "no process for consoles runs there" "$(g_proc gw1 net_console)" ""

# --- an agent behind it ---
VIA=gw1 g_node web01 agent 'heartbeat = 1s'
check "an agent asks through the gateway" g_enroll web01
equal "the request shows its way" "$(clv get pending -o json 2>/dev/null | jq -r '.[0].came_by')" "certificate, own name, via gw1.ops.test"
check "it is accepted" g_approve web01
g_start web01
check "its key is confirmed: published, sealed for, opened" wait_for 40 is_confirmed web01
equal "it comes by the gateway" "$(field_of web01 gateway)" gw1.ops.test
equal "the gateway comes directly" "$(field_of gw1 gateway)" ""
seen=$(field_of web01 last_seen)
later() { [ "$(field_of web01 last_seen)" != "$seen" ]; }
check "heartbeats come through" wait_for 20 later
check "its events come through" wait_for 20 has_event 'node:web01.ops.test id:1210'
clv rotate web01 --yes >"$G/out" 2>&1
second() { [ "$(clv get agents --filter name:web01.ops.test -o json 2>/dev/null | jq -r '.[0]|[.generation,.key_state]|map(tostring)|join(" ")')" = "${1:-} confirmed" ]; }
turned() { clv describe agent web01 -o json 2>/dev/null | jq -e '[.keys[]?|select(.state=="destroyed")]|length>0'; }
check "an order to rotate comes through, and the old key is destroyed" wait_for 40 turned

# --- who is not assigned does not come through it ---
g_agent db01 agent 'heartbeat = 1s'
g_stop db01
g_route db01 gw1
g_start db01
check "an agent that was accepted directly is refused through it, and named" wait_for 20 has_event 'id:20002 text:"not assigned"'
equal "it is not up" "$(field_of db01 contact)" silent
g_stop db01
g_route db01 rms1
g_start db01
up() { [ "$(field_of "$1" contact)" = up ]; }
check "directly it comes" wait_for 20 up db01
# A member may always link with a management server.
g_stop web01
g_route web01 rms1
g_start web01
check "who is assigned to a gateway may come directly" wait_for 20 up web01
equal "and is shown so" "$(field_of web01 gateway)" ""
g_stop web01
g_route web01 gw1
g_start web01
through() { [ "$(field_of web01 contact) $(field_of web01 gateway)" = "up gw1.ops.test" ]; }
check "and through it again" wait_for 20 through

# --- the gateway restarts; then its processes are killed one after the other ---
g_stop gw1
check "a lost gateway is one event that counts who is behind it" wait_for 20 has_event 'id:20022 text:"1 node behind"'
equal "and none for the agent" "$(event_count 'id:20022 text:"web01.ops.test"')" 0
g_start gw1
check "the agent is back with it" wait_for 30 through
for p in net_node core keyholder; do
	kill -KILL "$(g_proc gw1 "$p")"
	sleep 0.3
	check "after the gateway's $p was killed the agent is back by it" wait_for 40 through
	check "and the gateway" wait_for 40 up gw1
done
kill -KILL "$(g_proc rms1 core)"
check "after the server's core was killed all are back" wait_for 40 through
equal "nobody raised an alarm in the meantime that is wrong" "$(event_count 'id:20028')" 0

# Who was accepted as an agent is no gateway because it says so.
g_agent web09 agent >/dev/null
g_stop web09
sed -i "s/^role = agent/role = gateway/; s/^server = /listen = 127.0.0.1:$(g_port)\n&/" "$G/web09/clavigerd.conf"
g_start web09
check "an agent that comes as a gateway is refused, and named" wait_for 20 has_event 'id:20002 text:"comes as gateway, and was accepted as agent"'
g_stop web09
g_end
