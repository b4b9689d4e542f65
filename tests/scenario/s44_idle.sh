#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Nothing idle (Must show 7): a console on each screen, all at once, with a real server; over 60 s in which nothing
# happens none of them writes a byte to its terminal, none wakes up more than a heartbeat of its line may ask for, and
# none uses the processor.
# shellcheck source-path=SCRIPTDIR source=../lib/group.sh
. "$(dirname "$0")/../lib/group.sh"
g_begin
# shellcheck disable=SC2119
g_init || g_end
g_agent web01 agent || g_end
still() { is_confirmed web01; }
check 'an agent' wait_for 30 still
{
	clv account add sql-reader --type simple --user sql
	clv profile add 'SQL Monitoring'
	clv group add web 'web*'
} >/dev/null 2>&1
screens=(overview agents 'agent web01' accounts 'account sql-reader' profiles groups pending events audit expiry recover contexts 'find web01' help)
seconds=60
[ -z "${CLAVIGER_ASAN:-}" ] || seconds=10
sock=clv-idle-$$
tm() { tmux -L "$sock" "$@"; }
# exec: not every shell that an account may have replaces itself by its last command, and it would be the shell's
# rest that is counted.
i=0
for s in "${screens[@]}"; do
	tm -f /dev/null new-session -d -s "s$i" -x 80 -y 24 "exec env TERM=xterm-256color CLAVIGER_SERVER=$CLAVIGER_SERVER HOME=$HOME $BIN/claviger"
	i=$((i + 1))
done
shows() { tm capture-pane -p -t "s$1" | grep -q "$2"; }
pid_of() { tm display-message -p -t "s$1" '#{pane_pid}'; }
i=0
for s in "${screens[@]}"; do
	wait_for 20 shows $i 'live' || bad "$s: no first screen"
	tm send-keys -t "s$i" ":$s" Enter
	i=$((i + 1))
done
sleep 2 # the previews and the first pushes after the screens were opened
i=0
for s in "${screens[@]}"; do
	tm pipe-pane -t "s$i" "cat >$G/bytes.$i"
	i=$((i + 1))
done
switches() { awk '/^voluntary_ctxt_switches/ { print $2 }' "/proc/$1/status"; }
used() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
declare -a before cpu
for i in "${!screens[@]}"; do p=$(pid_of "$i"); before[i]=$(switches "$p"); cpu[i]=$(used "$p"); done
sleep "$seconds"
for i in "${!screens[@]}"; do
	p=$(pid_of "$i")
	woken=$(($(switches "$p") - before[i])) ticks=$(($(used "$p") - cpu[i]))
	tm pipe-pane -t "s$i"
	bytes=$(wc -c <"$G/bytes.$i" 2>/dev/null || echo 0)
	[ "$bytes" = 0 ] && [ "$woken" -le 4 ] && [ "$ticks" -le 1 ] && ok "${screens[i]}: 0 bytes, woken $woken times in $seconds s" ||
		bad "${screens[i]}: $bytes bytes, woken $woken times, $ticks ticks in $seconds s"
done
# The counting counts.
tm pipe-pane -t s1 "cat >$G/bytes.1"
p=$(pid_of 1); from=$(switches "$p")
tm send-keys -t s1 '?'
moved() { [ -s "$G/bytes.1" ] && [ "$(switches "$p")" -gt "$from" ]; }
if wait_for 10 moved; then
	ok 'a key is seen in both (control)'
else
	bad "a key is seen in both (control): $(wc -c <"$G/bytes.1") bytes, switches $from to $(switches "$p"), $(tm capture-pane -p -t s1 | sed -n '2p;$p' | tr '\n' '|')"
fi
tm kill-server
g_end
