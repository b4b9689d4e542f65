#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Alerts a second from an agent to the root, over one hop and over three (two gateways between, each of which decrypts,
# signs its record and encrypts again): raised through the local socket, durable in the agent's outbox, in parcels under
# hop records, verified, stored with them and acknowledged. Beside it, in the same run on the same machine, rsyslog
# forwarding as many lines of the same text over as many hops of mutual TLS into a file (it signs nothing, acknowledges
# nothing to the sender, and writes without fsync).
set -u
CLAVIGER_BIN=${CLAVIGER_BIN:-$(cd "$(dirname "$0")/../.." && pwd)/${B:-build}}
export CLAVIGER_BIN
# shellcheck source-path=SCRIPTDIR source=../lib/group.sh
. "$(dirname "$0")/../lib/group.sh"
n=${ALERTS:-20000}
g_begin
g_init >/dev/null || { g_end; exit 1; }
g_agent web01 agent >/dev/null || { tail -5 "$G/web01/log"; exit 1; }
g_agent gw1 gateway >/dev/null || { tail -5 "$G/gw1/log"; exit 1; }
VIA=gw1 g_agent gw2 gateway >/dev/null || { tail -5 "$G/gw2/log"; exit 1; }
VIA=gw2 g_agent web02 agent >/dev/null || { tail -5 "$G/web02/log"; exit 1; }
now_ms() { echo $(($(date +%s%N) / 1000000)); }
rate() { echo $((n * 1000 / ($1 > 0 ? $1 : 1))); }

for i in $(seq "$n"); do printf 'warning\tline %d\tDisk / is nearly full: 97 %% of 20 GB used\n' "$i"; done >"$G/lines"
declare -A ours=()
measure() { # agent hops
	local start raised stored parcels end="the end of $1"
	ended() { [ "$("$BIN/claviger" get alerts --filter "name:\"$end\"" --limit 1 -o json 2>/dev/null | jq length)" = 1 ]; }
	start=$(now_ms)
	{ cat "$G/lines"; printf 'critical\t%s\t\n' "$end"; } | "$BIN/clavigerd" alert -c "$G/$1/clavigerd.conf" --lines >/dev/null || bad "raising alerts"
	raised=$(($(now_ms) - start))
	wait_for 120 ended || bad "the last alert did not come"
	stored=$(($(now_ms) - start))
	ours[$2]=$(rate $stored)
	parcels=$("$BIN/claviger" proof "$1" -o json | jq .parcels)
	printf 'alerts over %d hop(s): %d a second durable at the agent, %d a second stored and verified at the root (%d in %d parcels)\n' \
		"$2" "$(rate $raised)" "${ours[$2]}" "$n" "$parcels"
	start=$(now_ms)
	"$BIN/claviger" proof "$1" -o json >"$G/proof.json" || bad "the proof: $(jq -c '[.parcels,.verified]' "$G/proof.json")"
	printf 'all %d paths of %d nodes verified anew by proof in %d ms\n' "$parcels" $(($2 + 1)) $(($(now_ms) - start))
}
measure web01 1
measure web02 3

# rsyslog: web01 feeds, each relay takes and forwards, the last one writes. NAME:PORT is where a stage listens.
rs_tls() { printf 'global(workDirectory="%s" defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="%s/ca/ca.pem" defaultNetstreamDriverCertFile="%s/channel.pem" defaultNetstreamDriverKeyFile="%s/channel.key")\n' "$1" "$G" "$2" "$2"; }
rs_take() { # port, from whom
	printf 'module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/name" permittedPeer=["%s.ops.test"])\n' "$2"
	printf 'input(type="imtcp" address="127.0.0.1" port="%s")\n' "$1"
}
rs_send() { # port, to whom
	printf 'action(type="omfwd" target="127.0.0.1" port="%s" protocol="tcp" streamDriver="ossl" streamDriverMode="1" streamDriverAuthMode="x509/name" streamDriverPermittedPeers="%s.ops.test")\n' "$1" "$2"
}
rs_start() { # stage folder
	rsyslogd -n -f "$1.conf" -i "$1.pid" >"$1.log" 2>&1 &
	PID[rs_${1##*/}]=$!
	sleep 0.5
}
beside_rsyslog() { # the nodes from the first to the last
	local hops=$(($# - 1)) d=$G/rs$# names=("$@") port i start took theirs
	mkdir -p "$d"
	: >"$d/feed"
	for ((i = hops; i >= 0; i--)); do
		local stage=$d/${names[i]} next=${port:-}
		mkdir -p "$stage"
		port=$(g_port)
		{
			rs_tls "$stage" "$G/${names[i]}"
			if [ "$i" = 0 ]; then
				printf 'module(load="imfile")\ninput(type="imfile" file="%s/feed" tag="bench")\n' "$d"
			else
				rs_take "$port" "${names[i - 1]}"
			fi
			if [ "$i" = "$hops" ]; then
				printf 'template(name="plain" type="string" string="%%msg%%\\n")\naction(type="omfile" file="%s/out" template="plain")\n' "$d"
			else
				rs_send "$next" "${names[i + 1]}"
			fi
		} >"$stage.conf"
		rs_start "$stage"
	done
	arrived() { grep -q "$1" "$d/out" 2>/dev/null; }
	echo 'first line' >>"$d/feed"
	wait_for 20 arrived 'first line' || { echo "rsyslog does not forward here: $(tail -qn 1 "$d"/*.log | head -1)"; return; }
	start=$(now_ms)
	{ cat "$G/lines"; echo 'the end'; } >>"$d/feed"
	wait_for 120 arrived 'the end' || { echo 'rsyslog did not finish'; return; }
	took=$(($(now_ms) - start))
	theirs=$(rate $took)
	printf 'rsyslog, the same lines over %d hop(s) of mutual TLS into a file: %d a second (ours is %d %% of it)\n' "$hops" "$theirs" $((ours[$hops] * 100 / (theirs > 0 ? theirs : 1)))
	for i in "${names[@]}"; do g_stop "rs_$i"; done
}
if command -v rsyslogd >/dev/null && [ -e /usr/lib/"$(uname -m)"-linux-gnu/rsyslog/lmnsd_ossl.so ]; then
	beside_rsyslog web01 rms1
	beside_rsyslog web02 gw2 gw1 rms1
else
	echo 'rsyslog with rsyslog-openssl is not installed: nothing beside it'
fi
g_end >/dev/null
