#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A service that is restarted, or whose key holder is, keeps nobody from a credential: who asks in that moment
# waits a little. (Seen as one unanswered `clavigerd credential` while an agent was started anew.)
. "$(dirname "$0")/../lib/group.sh"
g_begin
mkdir -p "$G/web01"
printf '[profile Backup]\nusers = %s\n' "$(id -un)" >"$G/web01/profiles"
g_init
g_agent web01 agent
cred() { timeout 60 "$BIN/clavigerd" credential -c "$G/web01/clavigerd.conf" Backup; }
has() { [ "$(cred 2>/dev/null)" = 'kept throughout' ]; }
{ clv account add backup --type simple --user backup && clv account distribute backup --to web01 --yes &&
	clv profile add Backup && clv profile associate Backup backup --all; } >"$G/out" 2>&1 || bad "accounts: $(tail -2 "$G/out")"
printf 'kept throughout' | clv reenter backup --password-fd 0 --all-at-once >"$G/out" 2>&1
check 'a credential is there' wait_for 30 has

asks() { # N: asks without a pause until told to end
	local n=0 f=0 got
	while [ ! -e "$G/enough" ]; do
		got=$(cred 2>"$G/asks.$1.err")
		n=$((n + 1))
		[ "$got" = 'kept throughout' ] || { f=$((f + 1)); printf "'%s' %s\n" "$got" "$(tr '\n' ' ' <"$G/asks.$1.err")" >>"$G/asks.bad"; }
	done
	echo "$n $f" >"$G/asks.$1"
}
# Both askers, a command ten times over, then what they counted.
meanwhile() { # text command...
	local text=$1 one two i; shift
	rm -f "$G/enough" "$G/asks.bad"
	asks 1 & one=$!
	asks 2 & two=$!
	for i in 1 2 3 4 5 6 7 8 9 10; do "$@"; has || printf 'not back: round %s\n' "$i" >>"$G/asks.bad"; done
	: >"$G/enough"
	wait $one $two
	equal "$text: unanswered of $(awk '{n += $1} END {print n}' "$G"/asks.[12])" "$(awk '{n += $2} END {print n}' "$G"/asks.[12])" 0
	[ ! -e "$G/asks.bad" ] || head -5 "$G/asks.bad"
}
restart() { g_stop web01; g_start web01; }
kill_keyholder() { # and wait for another one
	local old
	old=$(g_proc web01 keyholder)
	kill -KILL "$old"
	another() { [ -n "$(g_proc web01 keyholder)" ] && [ "$(g_proc web01 keyholder)" != "$old" ]; }
	wait_for 10 another
}
meanwhile 'restarted ten times' restart
meanwhile 'its key holder killed ten times' kill_keyholder

g_stop web01
cred >"$G/out" 2>"$G/err"
equal 'a service that does not run: status' $? 1
equal 'nothing is written' "$(wc -c <"$G/out")" 0
equal 'and one line says so' "$(grep -c 'does clavigerd run here?' "$G/err") $(wc -l <"$G/err")" '1 1'
g_end
