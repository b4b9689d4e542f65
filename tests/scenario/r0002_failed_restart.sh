#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A process that cannot be given what it needs when it is started anew is ended before another one is started: there
# is never a second one beside it, and with what it lacked it comes back. (Seen as a key holder more each second while
# the machine id could not be read.)
# shellcheck source-path=SCRIPTDIR source=../lib/group.sh
. "$(dirname "$0")/../lib/group.sh"
g_begin
g_init
g_agent web01 agent || g_end

holders() { pgrep -c -P "${PID[web01]}" -f '/libexec/claviger/keyholder$'; }
tried() { [ "$(grep -c 'starting a process anew' "$G/web01/log")" -ge "$1" ]; }
mv "$G/web01/machine-id" "$G/web01/away"
kill -KILL "$(g_proc web01 keyholder)"
most=0
for n in 1 2 3 4; do
	check "try $n is told" wait_for 10 tried "$n"
	now=$(holders)
	[ "$now" -le "$most" ] || most=$now
done
check 'never more than one runs' test "$most" -le 1
mv "$G/web01/away" "$G/web01/machine-id"
alone() { [ "$(holders)" = 1 ]; }
check 'one runs again' wait_for 10 alone
rotated() { timeout 30 "$BIN/claviger" rotate web01.ops.test --wait --yes; }
check 'and serves: a new key is confirmed' rotated
equal 'the service did not end' "$(grep -c 'does not stay up' "$G/web01/log")" 0
equal 'one still' "$(holders)" 1
g_end
