#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A gateway is lost: one event that counts who is behind it, and its agents come another way where they know one.
# Agents are moved from one gateway to another, make before break, without a heartbeat gap, by their signed
# configuration; the old gateway cannot be removed while somebody depends on it, and then it can. (Issue 5: Must show
# 8; P7, P8.)
. "$(dirname "$0")/../lib/group.sh"
g_begin
g_init 'heartbeat = 1s' || g_end
g_agent gw1 gateway 'heartbeat = 1s' || g_end
g_agent gw2 gateway 'heartbeat = 1s' || g_end
N=6
agents() { seq -f 'a%02g' $N; }
for n in $(agents); do VIA=gw1 g_agent "$n" agent 'heartbeat = 1s' >"$G/out" 2>&1 || bad "$n: $(cat "$G/out")"; done
via() { clv get agents --filter "via:$1.ops.test contact:up" -o json 2>/dev/null | jq length; }
all_by() { [ "$(via "$1")" = "${2:-$N}" ]; }
check "all come by the first gateway" wait_for 30 all_by gw1
equal "the configuration says so too" "$(grep -c '<Server name="gw1.ops.test"' "$G/a01/state/Connector Configuration Cache/OMMG1/OpsMgrConnector.Config.xml")" 1
equal "a host without a gateway is told nothing of servers" "$(grep -c '<Server' "$G/gw1/state/Connector Configuration Cache/OMMG1/OpsMgrConnector.Config.xml")" 0

# --- make before break ---
clv remove gateway gw1 --yes >"$G/out" 2>&1
rc=$?
equal "it is not removed while they come by it: $(cut -c1-70 "$G/out")" $rc 1
clv move a01 --to nowhere --yes >"$G/out" 2>&1
equal "nobody is moved to what is no gateway" $? 1
clv move a01 --to gw1 --yes >"$G/out" 2>&1
equal "nor to where it is" $? 1
clv move gw1 --to gw1 --yes >"$G/out" 2>&1
equal "nor a gateway through itself" $? 2
check "a gateway may be moved behind another" clv move gw1 --to gw2 --yes
behind() { [ "$(field_of gw1 gateway) $(field_of gw1 contact)" = "gw2.ops.test up" ]; }
check "and comes by it" wait_for 40 behind
clv move gw2 --to gw1 --yes >"$G/out" 2>&1
equal "but not two through each other" $? 2
clv move gw1 --to rms1 --yes >"$G/out" 2>&1
direct() { [ "$(field_of gw1 gateway)" = "" ] && [ "$(field_of gw1 contact)" = up ]; }
check "that is taken back" wait_for 40 direct
check "all are by the first gateway again" wait_for 40 all_by gw1
silent=$(event_count 'id:20022')
alerts() { clv get alerts --filter 'agent:a0' -o json 2>/dev/null | jq length; }
# shellcheck disable=SC2046
check "all are moved" clv move $(agents) --to gw2 --yes
check "and come by the second" wait_for 60 all_by gw2
equal "without a gap that anybody noticed" "$(event_count 'id:20022')" "$silent"
equal "and without an alert" "$(alerts)" 0
check "the link was taken over, not lost" grep -q 'link to gw2.ops.test takes over from the one before' "$G/a01/log"
settled() { [ "$(clv get audit --filter 'act:move who:service' -o json --limit 100 2>/dev/null | jq "[.[]|select(.object|startswith(\"a0\"))]|length")" -ge $N ]; }
check "each arrival is in the audit trail" wait_for 20 settled
equal "and the move, by whom" "$(clv get audit --filter 'act:move object:a01' -o json 2>/dev/null | jq -r '[.[].detail]|map(select(startswith("from gw1")))|length')" 1
# What they knew of the old one counts no more.
g_stop a01
g_route a01 gw1
g_start a01
check "a node that starts with its old configuration goes by the group's word" wait_for 40 all_by gw2

# --- the old one goes ---
check "now it can be removed" clv remove gateway gw1 --yes
gone() { ! clv get agents -o csv 2>/dev/null | grep -q '^gw1'; }
check "and is gone" wait_for 10 gone
g_stop gw1
sleep 1
equal "nobody noticed" "$(via gw2)" "$N"

# --- a lost gateway; its agents know the server too ---
before=$(event_count 'id:20022')
g_stop gw2
check "a lost gateway is one event, with a count" wait_for 10 has_event "id:20022 text:\"$N nodes behind\""
directly() { [ "$(clv get agents --filter 'name:a0 contact:up' -o json 2>/dev/null | jq '[.[]|select(.gateway==null)]|length')" = $N ]; }
check "they come directly: the group told them how" wait_for 60 directly
equal "no event for each of them" "$(($(event_count 'id:20022') - before))" 1
g_start gw2
check "and return to it when it is back" wait_for 90 all_by gw2
equal "no alert storm" "$(alerts)" 0

# --- to the server itself ---
check "one is moved to the server" clv move a02 --to rms1 --yes
check "it comes directly" wait_for 40 all_by gw2 $((N - 1))
sleep 1
equal "and stays" "$(field_of a02 gateway) $(field_of a02 contact)" " up"

# --- what decides lies under a MAC ---
for n in $(agents) gw2; do g_stop "$n"; done
g_stop rms1
sqlite3 "$G/rms1/state/OperationsManager.db" "update agents set via='evil.ops.test' where name='a03.ops.test'"
g_start rms1
check "the server is back" wait_for 20 g_server_up
check "an assignment that was written into the database is named and not used" wait_for 10 has_event 'id:2004 text:a03'
g_end
