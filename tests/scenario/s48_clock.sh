#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Times of two nodes are compared with the measured offset of their clocks, or not at all (design 3, hop records): an
# agent whose clock is right, one that is two minutes ahead, one that is 90 s behind.
. "$(dirname "$0")/../lib/group.sh"
g_begin
g_init 'heartbeat = 1s' || g_end
declare -A off=([web01]=0 [web02]=120 [web03]=-90)
for a in web01 web02 web03; do
	g_node "$a" agent 'heartbeat = 1s'
	g_enroll "$a" && g_approve "$a" >/dev/null
	g_start "$a" CLAVIGER_TEST_CLOCK="${off[$a]}"
done
for a in web01 web02 web03; do check "$a, ${off[$a]} s off, is confirmed" wait_for 40 is_confirmed "$a"; done
alert() { "$BIN/clavigerd" alert -c "$G/$1/clavigerd.conf" --severity warning --name "of $1" >/dev/null; }
has() { [ "$(clv get alerts --filter "name:\"of $1\"" -o json 2>/dev/null | jq length)" = 1 ]; }
clock() { clv describe agent "$1" -o json 2>/dev/null; }
measured() { clock "$1" | jq -e '.clock_ahead_ms != null'; }
on_screen() { "$BIN/tests/tools/drive" "$BIN/claviger" "$CLAVIGER_SERVER" "trace $1" <<<"wait $2"; }
for a in web01 web02 web03; do
	alert "$a"
	check "$a: its alert is here" wait_for 20 has "$a"
	check "$a: its clock is measured" wait_for 20 measured "$a"
	clock "$a" >"$G/clock.json"
	equal "$a: by what it is off, within what it says" "$(jq --argjson off "$((off[$a] * 1000))" '((.clock_ahead_ms - $off) | fabs) <= .clock_error_ms + 2 and .clock_error_ms < 5000' "$G/clock.json")" true
	check "$a: the trace compares by it" on_screen "$a" 'give or take'
done
check 'and says whose clock is off' on_screen web02 's ahead.'
g_stop web02
down() { [ "$(field_of web02 contact)" != up ]; }
check 'a node out of touch' wait_for 20 down
equal 'has no measured clock' "$(clock web02 | jq -c '[.clock_ahead_ms,.clock_error_ms]')" '[null,null]'
check 'so nothing is compared' on_screen web02 'How long it was under way is not known'
g_end
