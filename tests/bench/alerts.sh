#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Alerts a second from an agent to the root: raised through the local socket, durable in the agent's outbox, in
# parcels under a hop record, verified, stored with it and acknowledged. Beside it, in the same run on the same
# machine, rsyslog forwarding as many lines of the same text over mutual TLS into a file (it signs nothing,
# acknowledges nothing to the sender, and writes without fsync).
set -u
CLAVIGER_BIN=${CLAVIGER_BIN:-$(cd "$(dirname "$0")/../.." && pwd)/${B:-build}}
export CLAVIGER_BIN
# shellcheck source-path=SCRIPTDIR source=../lib/group.sh
. "$(dirname "$0")/../lib/group.sh"
n=${ALERTS:-20000}
g_begin
g_init >/dev/null || { g_end; exit 1; }
g_agent web01 agent >/dev/null || { tail -5 "$G/web01/log"; exit 1; }
now_ms() { echo $(($(date +%s%N) / 1000000)); }
rate() { echo $((n * 1000 / ($1 > 0 ? $1 : 1))); }

for i in $(seq "$n"); do printf 'warning\tline %d\tDisk / is nearly full: 97 %% of 20 GB used\n' "$i"; done >"$G/lines"
printf 'critical\tthe end\t\n' >>"$G/lines"
ended() { [ "$("$BIN/claviger" get alerts --limit 1 -o json 2>/dev/null | jq -r '.[0].name')" = 'the end' ]; }
start=$(now_ms)
"$BIN/clavigerd" alert -c "$G/web01/clavigerd.conf" --lines <"$G/lines" >/dev/null || bad "raising alerts"
raised=$(($(now_ms) - start))
wait_for 120 ended || bad "the last alert did not come"
stored=$(($(now_ms) - start))
parcels=$("$BIN/claviger" proof web01 -o json | jq .parcels)
ours=$(rate $stored)
printf 'alerts, agent to root: %d a second durable at the agent, %d a second stored and verified at the root (%d in %d parcels)\n' \
	"$(rate $raised)" "$ours" "$n" "$parcels"
start=$(now_ms)
"$BIN/claviger" proof web01 -o json >"$G/proof.json" || bad "the proof: $(jq -c '[.parcels,.verified]' "$G/proof.json")"
printf 'all %d paths verified anew by proof in %d ms\n' "$parcels" $(($(now_ms) - start))

beside_rsyslog() {
	local port pid
	port=$(g_port)
	mkdir -p "$G/rs/client" "$G/rs/server"
	tls() { printf 'global(workDirectory="%s" defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="%s/ca/ca.pem" defaultNetstreamDriverCertFile="%s/channel.pem" defaultNetstreamDriverKeyFile="%s/channel.key")\n' "$1" "$G" "$2" "$2"; }
	{
		tls "$G/rs/server" "$G/rms1"
		printf 'module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/name" permittedPeer=["web01.ops.test"])\n'
		printf 'input(type="imtcp" address="127.0.0.1" port="%s")\n' "$port"
		printf 'template(name="plain" type="string" string="%%msg%%\\n")\naction(type="omfile" file="%s/rs/out" template="plain")\n' "$G"
	} >"$G/rs/server.conf"
	{
		tls "$G/rs/client" "$G/web01"
		printf 'module(load="imfile")\ninput(type="imfile" file="%s/rs/feed" tag="bench")\n' "$G"
		printf 'action(type="omfwd" target="127.0.0.1" port="%s" protocol="tcp" streamDriver="ossl" streamDriverMode="1" streamDriverAuthMode="x509/name" streamDriverPermittedPeers="rms1.ops.test")\n' "$port"
	} >"$G/rs/client.conf"
	: >"$G/rs/feed"
	for pid in server client; do
		rsyslogd -n -f "$G/rs/$pid.conf" -i "$G/rs/$pid.pid" >"$G/rs/$pid.log" 2>&1 &
		PID[rs_$pid]=$!
		sleep 0.5
	done
	arrived() { [ "$(grep -c "$1" "$G/rs/out" 2>/dev/null)" -ge "$2" ]; }
	echo 'first line' >>"$G/rs/feed"
	wait_for 20 arrived 'first line' 1 || { echo "rsyslog does not forward here: $(tail -1 "$G/rs/client.log") $(tail -1 "$G/rs/server.log")"; return; }
	start=$(now_ms)
	cat "$G/lines" >>"$G/rs/feed"
	wait_for 120 arrived 'the end' 1 || { echo 'rsyslog did not finish'; return; }
	local took=$(($(now_ms) - start)) theirs
	theirs=$(rate $took)
	printf 'rsyslog, the same lines over mutual TLS into a file: %d a second (ours is %d %% of it)\n' "$theirs" $((ours * 100 / (theirs > 0 ? theirs : 1)))
}
if command -v rsyslogd >/dev/null && [ -e /usr/lib/"$(uname -m)"-linux-gnu/rsyslog/lmnsd_ossl.so ]; then
	beside_rsyslog
else
	echo 'rsyslog with rsyslog-openssl is not installed: nothing beside it'
fi
g_end >/dev/null
