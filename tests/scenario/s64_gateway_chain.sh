#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Gateways in a chain, of any mix of mechanisms: agent —certificate→ gw2 —Kerberos→ gw1 —certificate→ server. Keys,
# configurations, alerts and probes pass both; each leaves its record. Alerts flow while every process of both is
# killed: each once, in order. A chain has an end; nothing comes through itself. (Issue 5: two gateways in a chain;
# Must show 6, over three links.)
# shellcheck source-path=SCRIPTDIR source=../lib/group.sh source=../lib/realm.sh
. "$(dirname "$0")/../lib/group.sh"
. "$(dirname "$0")/../lib/realm.sh"
g_begin
r_begin || g_end
g_init 'heartbeat = 1s' || g_end
for n in gw1 gw2; do
	mkdir -p "$G/$n"
	r_keytab "$G/$n/keytab" "MSOMHSvc/$n.ops.test" || g_end
	r_section "$G/$n/keytab" >"$G/$n/profiles"
done
g_agent gw1 gateway 'heartbeat = 1s' || g_end
# gw2 goes up by Kerberos; it takes its agents by certificate too.
VIA=gw1 g_agent gw2 gateway 'heartbeat = 1s' 'mechanism = kerberos' || g_end
equal "the second comes by the first, by Kerberos" "$(field_of gw2 gateway) $(field_of gw2 mechanism)" "gw1.ops.test kerberos"
VIA=gw2 g_agent web01 agent 'heartbeat = 1s' || g_end
equal "the agent by the second, by certificate" "$(field_of web01 gateway) $(field_of web01 mechanism)" "gw2.ops.test certificate"
equal "its configuration names the whole way" "$(sed -n 's/.*<Server name="\([^"]*\)".*/\1/p' "$G/web01/state/Connector Configuration Cache/OMMG1/OpsMgrConnector.Config.xml" | tr '\n' ' ')" "gw2.ops.test gw1.ops.test rms1.ops.test "
alert() { "$BIN/clavigerd" alert -c "$G/$1/clavigerd.conf" --severity warning --name "$2" >/dev/null; }
has() { [ "$(clv get alerts --filter "name:$1" -o json 2>/dev/null | jq length)" = "${2:-1}" ]; }
id_of() { clv get alerts --filter "name:$1" -o json 2>/dev/null | jq '.[0].id'; }
alert web01 first
check "an alert comes" wait_for 20 has first
clv trace "$(id_of first)" -o json >"$G/trace.json" 2>/dev/null
equal "it verifies, with four nodes" "$? $(jq -r '.nodes|map(.name|sub(".ops.test";""))|join(" ")' "$G/trace.json")" "0 web01 gw2 gw1 rms1"
equal "and three links, each by its own mechanism" "$(jq -r '.links|map(.mechanism)|join(" ")' "$G/trace.json")" "certificate kerberos certificate"
equal "whose ends agree" "$(jq -c '.links|map(.fingerprint_from==.fingerprint_to)' "$G/trace.json")" "[true,true,true]"
check "the probe finds the same way" bash -c "[ \"\$('$BIN/claviger' trace --probe web01 -o json 2>/dev/null | jq '.nodes|length')\" = 4 ]"

# --- they flow while everything is killed ---
: >"$G/said"
pump() {
	local n
	for n in $(seq 1 120); do
		if alert web01 "flow $n" 2>/dev/null; then echo "$n" >>"$G/said"; fi
	done
}
pump &
pumping=$!
kills=0
for _ in 1 2; do
	for at in gw1:core gw2:net_node_krb gw1:keyholder gw2:core gw1:net_node_krb rms1:core gw2:keyholder rms1:net_node web01:core; do
		p=$(g_proc "${at%:*}" "${at#*:}")
		[ -z "$p" ] || { kill -KILL "$p" 2>/dev/null && kills=$((kills + 1)); }
		sleep 0.5
	done
done
wait "$pumping"
check "the server answers" wait_for 30 g_server_up
alert web01 'flow end'
check "the last one comes after $kills kills" wait_for 90 has '"flow end"'
clv get alerts --filter 'name:flow' -o json --sort time --limit 1000 >"$G/flow.json" 2>/dev/null
numbers() { jq -r '.[].name' "$G/flow.json" | sed -n 's/^flow \([0-9]*\)$/\1/p'; }
equal "each of the $(wc -l <"$G/said") that were said to be stored is there" "$(numbers | sort -u | comm -23 <(sort -u "$G/said") - | wc -l)" 0
equal "none twice" "$(numbers | sort | uniq -d | wc -l)" 0
equal "in order" "$(numbers | sort -n -c 2>&1 | wc -l)" 0
bad_paths=0
for id in $(jq -r '.[].id' "$G/flow.json" | shuf -n 12); do clv trace "$id" -o json >/dev/null 2>&1 || bad_paths=$((bad_paths + 1)); done
equal "twelve of their paths verify" "$bad_paths" 0

# --- one event for the inner one, which counts all behind it ---
g_stop gw1
check "the outer gateway is lost: one event counts both behind it" wait_for 20 has_event 'id:20022 text:"gw1.ops.test is not in touch" text:"2 nodes behind"'
g_start gw1
back() { [ "$(field_of web01 contact) $(field_of web01 gateway)" = "up gw2.ops.test" ]; }
check "both are back" wait_for 60 back

# --- a chain has an end ---
VIA=gw2 g_agent gw3 gateway 'heartbeat = 1s' || g_end
VIA=gw3 g_agent gw4 gateway 'heartbeat = 1s' || g_end
VIA=gw4 g_node gw5 gateway 'heartbeat = 1s'
g_enroll gw5 && g_approve gw5 >/dev/null 2>&1
VIA=gw4 g_agent deep01 agent 'heartbeat = 1s'
equal "an agent behind four" "$(field_of deep01 gateway)" gw4.ops.test
alert deep01 deepest
check "its alert comes" wait_for 20 has deepest
equal "by six nodes, verified" "$(clv trace "$(id_of deepest)" -o json 2>/dev/null | jq -r '"\(.verified) \(.nodes|length)"')" "true 6"
g_start gw5
VIA=gw5 g_node far01 agent 'heartbeat = 1s'
far() { g_enroll far01; grep -q 'more than 4 gateways' "$G/far01/enroll.out" || has_event 'id:20002 text:"more than 4 gateways"'; }
check "a fifth carries nobody" wait_for 30 far
g_end
