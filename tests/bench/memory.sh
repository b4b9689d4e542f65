#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Memory of real processes (PSS: shared pages counted by their share): what one more idle connected
# agent costs the server, and what an agent's own processes take. Beside it, where it is installed,
# stunnel with client certificates under as many idle connections.
set -u
CLAVIGER_BIN=${CLAVIGER_BIN:-$(cd "$(dirname "$0")/../.." && pwd)/${B:-build}}
export CLAVIGER_BIN
# shellcheck source-path=SCRIPTDIR source=../lib/group.sh
. "$(dirname "$0")/../lib/group.sh"
few=2
many=${AGENTS:-16}

if [ "$(id -u)" != 0 ]; then
	echo "memory: only root may read the memory figures of processes that forbid tracing"
	exit 0
fi

field=Pss
pss_of() { awk -v f="$field:" '$1 == f { kb = $2 } END { print kb + 0 }' "/proc/$1/smaps_rollup" 2>/dev/null || echo 0; }
# node NODE: PSS of its processes together, in KiB; with -v each of them too.
node_pss() {
	local sum=0 p kb
	for p in ${PID[$1]} $(pgrep -P "${PID[$1]}"); do
		kb=$(pss_of "$p")
		sum=$((sum + ${kb:-0}))
		[ -z "${2:-}" ] || printf '    %-12s %6s KiB\n' "$(tr '\0' ' ' <"/proc/$p/cmdline" | sed 's/ .*//; s/.*\///')" "$kb" >&2
	done
	echo "$sum"
}
# The figure of a process that has settled: the same twice in a row, within a limit.
settled() {
	local a b=0 i
	for ((i = 0; i < 50; i++)); do
		a=$(node_pss "$1")
		[ "$a" = "$b" ] && break
		b=$a
		sleep 0.2
	done
	echo "$a"
}


mktemp() { command mktemp -d "${TMPDIR:-/tmp}/bench.XXXXXX"; }
g_begin

g_init >/dev/null || { g_end; exit 1; }
for i in $(seq "$few"); do g_agent "m$i" agent >/dev/null || { tail -5 "$G/m$i/log"; exit 1; }; done
# Anonymous pages only: shared ones get cheaper with every agent that runs on this same host.
field=Pss_Anon
small=$(settled rms1)
for i in $(seq $((few + 1)) "$many"); do g_agent "m$i" agent >/dev/null || { tail -5 "$G/m$i/log"; exit 1; }; done
large=$(settled rms1)
field=Pss
printf 'idle connected agent at the server: %d KiB of its own each (%d KiB with %d, %d KiB with %d)\n' \
	$(((large - small) / (many - few))) "$small" "$few" "$large" "$many"
printf 'an agent'"'"'s own processes together: %d KiB\n' "$(node_pss m1 -v)"
printf 'the server'"'"'s processes with %d agents: %d KiB\n' "$many" "$(node_pss rms1 -v)"

beside_stunnel() {
	local stunnel pid i clients=() before after
	stunnel=$(command -v stunnel || command -v stunnel4) || { echo "beside: stunnel is not installed (apt-get install stunnel4)"; return; }
	local at
	at=$(g_port)
	printf 'foreground = yes\nsyslog = no\npid =\n[x]\naccept = 127.0.0.1:%s\nexec = /bin/cat\ncert = %s\nkey = %s\nCAfile = %s\nverifyChain = yes\nsslVersionMin = TLSv1.3\n' \
		"$at" "$G/rms1/channel.pem" "$G/rms1/channel.key" "$G/ca/ca.pem" >"$G/stunnel.conf"
	"$stunnel" "$G/stunnel.conf" >"$G/stunnel.log" 2>&1 &
	pid=$!
	states() { awk -v p=":$(printf '%04X' "$at")" -v s="$1" 'index($2, p) && $4 == s { n++ } END { print n + 0 }' /proc/net/tcp; }
	at_least() { [ "$(states "$1")" -ge "$2" ]; }
	wait_for 10 at_least 0A 1 || { echo "beside: stunnel does not come up"; return; }
	connect() {
		sleep 30 | openssl s_client -connect "127.0.0.1:$at" -cert "$G/m1/channel.pem" -key "$G/m1/channel.key" -quiet >/dev/null 2>&1 &
		clients+=($!)
	}
	for ((i = 0; i < few; i++)); do connect; done
	wait_for 10 at_least 01 "$few"
	field=Pss_Anon
	before=$(pss_of "$pid")
	for ((i = few; i < many; i++)); do connect; done
	wait_for 10 at_least 01 "$many"
	after=$(pss_of "$pid")
	printf 'beside: stunnel, its own process alone: %d KiB for each idle connection\n' $(((after - before) / (many - few)))
	kill "$pid" "${clients[@]}" 2>/dev/null
	wait "$pid" 2>/dev/null
}
beside_stunnel
g_end >/dev/null
