#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# RunAs through a gateway, end to end: entered, sealed, carried, opened, tried, released, changed, and entered again
# while the gateway's processes are killed; its memory (every process, again and again while it passes) and its disk
# never hold a plaintext in any form. (Issue 5: Must show 7; B1.)
. "$(dirname "$0")/../lib/group.sh"
[ "$(id -u)" = 0 ] || { printf '0 passed, 0 failed, 1 skipped\n      only root reads the memory of another process\n'; exit 0; }
g_begin
leak=$BIN/tests/tools/leak
printf 'gw1.ops.test' >"$G/control"
cat >"$G/try" <<'X'
#!/bin/sh
[ "$(cat <&3)" = "$(cat "$1")" ]
X
chmod 755 "$G/try"
mkdir -p "$G/web01"
: >"$G/expected"
chmod 644 "$G/expected"
printf '[profile P]\nusers = %s\ncheck = %s %s\n' "$(id -un)" "$G/try" "$G/expected" >"$G/web01/profiles"
g_init 'heartbeat = 1s' || g_end
g_agent gw1 gateway 'heartbeat = 1s' || g_end
VIA=gw1 g_agent web01 agent 'heartbeat = 1s' || g_end
cred() { timeout 60 "$BIN/clavigerd" credential -c "$G/web01/clavigerd.conf" P 2>/dev/null; }
gives() { [ "$(cred)" = "$1" ]; }
searches=0 bytes=0 looked=0
# All processes of the gateway, and what lies on its disk, hold none of what was entered so far.
clean() {
	local all hits p n out
	looked=0
	all=$(printf '%s,' "$G"/secret.*)
	out=$("$leak" "${all%,}" "$G/gw1" 2>&1)
	hits=$(grep -c FOUND <<<"$out") searches=$((searches + 1))
	for p in "${PID[gw1]}" $(pgrep -P "${PID[gw1]}"); do
		out=$("$leak" "${all%,}" "pid:$p" 2>&1)
		hits=$((hits + $(grep -c FOUND <<<"$out")))
		n=$(sed -n 's/.*, \([0-9]*\) bytes,.*/\1/p' <<<"$out")
		bytes=$((bytes + ${n:-0})) searches=$((searches + 1))
		[ "${n:-0}" -le 1000000 ] || looked=$((looked + 1))
	done
	[ "$hits" = 0 ]
}
{ clv account add svc --type simple --user svc && clv profile add P && clv profile associate P svc --all && clv account distribute svc --to web01 --yes; } >"$G/out" 2>&1
for i in 1 2 3 4; do
	printf 'Pa55 wörd<&>"%s Zq8 number %s' "$RANDOM$RANDOM" "$i" >"$G/secret.$i"
	cp "$G/secret.$i" "$G/expected"
	clv reenter svc --password-fd 0 --first web01 <"$G/secret.$i" >"$G/out" 2>&1 || bad "entering $i: $(cat "$G/out")"
	passing=0
	for _ in 1 2 3; do clean || passing=1; done
	equal "while password $i passes nothing of it is in the gateway" "$passing" 0
	check "password $i is tried and in use at the agent" wait_for 30 gives "$(cat "$G/secret.$i")"
	check "and nothing is left in the gateway" clean
	if [ "$looked" -ge 4 ]; then ok "all its processes were looked at ($looked times)"; else bad "only $looked memories were looked at"; fi
done
equal "the agent comes by the gateway" "$(field_of web01 gateway)" gw1.ops.test
# Entered while the gateway's processes die.
printf 'an0ther Sécret 9f3e last %s' "$RANDOM" >"$G/secret.5"
cp "$G/secret.5" "$G/expected"
(for p in net_node core keyholder net_node; do
	pid=$(g_proc gw1 "$p")
	[ -z "$pid" ] || kill -KILL "$pid"
	sleep 0.4
done) &
killer=$!
clv reenter svc --password-fd 0 --all-at-once <"$G/secret.5" >"$G/out" 2>&1 || bad "entering 5: $(cat "$G/out")"
wait "$killer"
check "one that is entered while its processes die arrives all the same" wait_for 60 gives "$(cat "$G/secret.5")"
check "and nothing of it is there" clean
# What surely is there is found, so that the search is one.
equal "the search finds what is there" "$("$leak" "$G/control" "pid:$(g_proc gw1 core)" | grep -c FOUND | awk '{print ($1 > 0)}')" 1
printf '      %s searches, %s bytes of memory\n' "$searches" "$bytes"
g_end
