#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An agent that is installed anew loses nothing silently: what it had said that it made, and that never came because a
# gateway swallowed it, is named by its numbers, once; what had come stays, what it makes from then on comes. An outbox
# that was given up for a conflict, and one whose rest came, raise nothing. (Issue 5: Must show 6.)
. "$(dirname "$0")/../lib/group.sh"
g_begin
g_init 'heartbeat = 1s' || g_end
g_agent gw1 gateway 'heartbeat = 1s' || g_end
VIA=gw1 g_agent web01 agent 'heartbeat = 1s' || g_end
sed -i 's/^server = .*/&, rms1.ops.test@127.0.0.1:9/' "$G/web01/clavigerd.conf"
g_stop web01; g_start web01
up() { [ "$(field_of web01 contact) $(field_of web01 gateway)" = "up gw1.ops.test" ]; }
wait_for 30 up
alert() { "$BIN/clavigerd" alert -c "$G/web01/clavigerd.conf" --severity warning --name "$1" >/dev/null; }
has() { [ "$(clv get alerts --filter "name:\"$1\"" -o json 2>/dev/null | jq length)" = 1 ]; }
lost() { events 'id:20030 text:"web01.ops.test came with a new outbox"' | jq -r '.[].text'; }
alert 'before'
check 'an alert comes' wait_for 20 has before

# --- what was held back and then came is not lost ---
g_stop gw1
g_start gw1 CLAVIGER_TEST_ROGUE=swallow
check 'by a gateway that swallows' wait_for 30 up
alert 'kept waiting'
check 'the server hears that it was made' wait_for 40 has_event 'id:20028 text:"hold"'
g_stop gw1
g_start gw1
check 'it comes when the gateway is honest' wait_for 40 has 'kept waiting'
equal 'nothing is called lost' "$(lost | wc -l)" 0

# --- installed anew while something is held back ---
n=$(event_count 'id:20028')
g_stop gw1
g_start gw1 CLAVIGER_TEST_ROGUE=swallow
check 'again' wait_for 30 up
for i in 1 2 3; do alert "swallowed $i"; done
more() { [ "$(event_count 'id:20028')" -gt "$n" ]; }
check 'heard of' wait_for 40 more
g_stop web01
g_stop gw1
g_start gw1
rm -rf "$G/web01/state" "$G/web01/machine.secret"
mkdir "$G/web01/state"
check 'it asks anew' wait_for 20 g_enroll web01
check 'and is accepted in place of the old one' g_approve web01 --replace
g_start web01
check 'its new key is confirmed' wait_for 40 is_confirmed web01
named() { [ "$(lost | wc -l)" = 1 ]; }
check 'what it had made and never sent is named' wait_for 20 named
equal 'three alerts at least, by their numbers' "$(lost | sed -n 's/.* before, \([0-9]*\) to \([0-9]*\) were made.*/\1 \2/p' | awk '{print ($2 - $1 >= 2)}')" 1
there() { has before && has 'kept waiting'; }
check 'what had come is still there' wait_for 20 there
alert 'after'
check 'what it makes now comes' wait_for 20 has after
g_stop web01; g_start web01
check 'it comes again' wait_for 30 up
g_stop rms1; g_start rms1
wait_for 20 g_server_up
check 'after a restart of the server too' wait_for 40 up
sleep 3 # three heartbeats in which nothing may happen
equal 'it was named once' "$(lost | wc -l)" 1
g_end
