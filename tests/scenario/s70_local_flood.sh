#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# T36: a local user without any right connects to every local socket in a loop, and holds as many as it is let. No process
# dies, and root's credential and console are answered meanwhile, within a second each (longer by as much as other work
# takes of the machine). --long: 60 s.
# shellcheck source-path=SCRIPTDIR source=../lib/group.sh
. "$(dirname "$0")/../lib/group.sh"
[ "$(id -u)" = 0 ] || { printf '0 passed, 0 failed, 1 skipped\n      another user than this one is needed: root\n'; exit 0; }
g_begin
knock=$BIN/tests/tools/knock
[ -x "$knock" ] || knock=$top/build/test/tests/tools/knock # another commit's processes are looked at
stranger=64199 # nobody's
seconds=8
[ -z "$LONG" ] || seconds=60
mkdir -p "$G/web01"
printf '[profile P]\nusers = root\n' >"$G/web01/profiles"
g_init || g_end
g_agent web01 agent || g_end
{ clv account add svc --type simple --user svc && printf 'a pass' | clv reenter svc --password-fd 0 --all-at-once && clv account distribute svc --to web01 --yes && clv profile add P && clv profile associate P svc --all; } >"$G/out" 2>&1 ||
	bad "an account: $(tail -2 "$G/out")"
cred() { [ "$("$BIN/clavigerd" credential -c "$G/web01/clavigerd.conf" P 2>>"$G/cred.err")" = 'a pass' ]; }
check 'root is given a password' wait_for 60 cred
pids() { for n in rms1 web01; do for p in ${PID[$n]} $(pgrep -P "${PID[$n]}"); do printf '%s ' "$p"; done; done; }
before=$(pids)
sockets=("$G/rms1.sock" "$G/rms1.cred" "$G/web01.cred" "$G/web01.alert")
cp "$knock" "$G/knock" && chmod 755 "$G/knock" && knock=$G/knock
strangers=()
for hold in 1000 200; do
	setpriv --reuid $stranger --regid $stranger --clear-groups "$knock" $seconds $hold "${sockets[@]}" >"$G/knock.$hold" 2>&1 &
	strangers+=($!)
done
answered=0 silent=0 late=0 worst=0
until=$((SECONDS + seconds))
while [ $SECONDS -lt $until ]; do
	read -r load _ </proc/loadavg
	limit=$(awk -v l="$load" -v c="$(nproc)" 'BEGIN {printf "%d", 1000 * (l > c ? l / c : 1)}')
	for what in cred 'g_server_up'; do
		t=${EPOCHREALTIME/./}
		if $what >/dev/null 2>&1; then answered=$((answered + 1)); else silent=$((silent + 1)); fi
		t=$(((${EPOCHREALTIME/./} - t) / 1000))
		[ $t -le "$limit" ] || late=$((late + 1))
		[ $t -le $worst ] || worst=$t
	done
done
for p in "${strangers[@]}"; do wait "$p"; done
equal "each of root's requests is answered ($answered, the longest took $worst ms)" "$silent silent, $late late" '0 silent, 0 late'
equal 'no process died' "$(pids)" "$before"
for hold in 1000 200; do printf '      %s\n' "$(cat "$G/knock.$hold")"; done
check 'the stranger knocked a thousand times' test "$(cat "$G"/knock.* | awk '{n += $2} END {print n}')" -ge 1000
check 'and was turned away: the log says by whom' grep -q "local callers come too often, of late uid=$stranger" "$G/rms1/log"
equal 'what it holds at the end is few' "$(cat "$G"/knock.* | awk '{n += $6} END {print n <= 120 ? "few" : n}')" few
check 'afterwards as before' cred
check 'and the console' g_server_up
g_end
