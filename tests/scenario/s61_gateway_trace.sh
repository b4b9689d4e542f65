#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An alert over a gateway: agent —Kerberos→ gateway —certificate→ server, three records, two links, verified from
# what is stored; captures on both links show no plaintext; the gateway's row deleted, altered or moved is a broken
# chain. The probe, the proof and the report know the way. (Issue 5: Must show 1, 2; S6.)
# shellcheck source-path=SCRIPTDIR source=../lib/group.sh source=../lib/realm.sh
. "$(dirname "$0")/../lib/group.sh"
. "$(dirname "$0")/../lib/realm.sh"
g_begin
r_begin || g_end
g_init 'heartbeat = 1s' || g_end # the server has no keytab: certificates alone
mkdir -p "$G/gw1"
r_keytab "$G/gw1/keytab" MSOMHSvc/gw1.ops.test || g_end
r_section "$G/gw1/keytab" >"$G/gw1/profiles"
# What passes on a link is kept: relay NAME TO_PORT
tools=$BIN/tests/tools
relay() {
	mkdir "$G/wire.$1"
	PORT[wire.$1]=$(g_port)
	"$tools/wire" relay "${PORT[wire.$1]}" "$2" "$G/wire.$1" >"$G/wire.$1.out" 2>&1 &
	PID[wire.$1]=$!
	wait_for 10 grep -q listening "$G/wire.$1.out" || bad "the relay does not listen: $(cat "$G/wire.$1.out")"
}
relay gw1 "$NODE_PORT"
SERVER_PORT=${PORT[wire.gw1]} g_agent gw1 gateway 'heartbeat = 1s' || g_end
relay web01 "${PORT[gw1]}"
equal "the gateway links by certificate" "$(field_of gw1 mechanism)" certificate
VIA=gw1 r_node web01
sed -i -e '/^retry/a heartbeat = 1s' -e "s/^server = .*/server = gw1.ops.test@127.0.0.1:${PORT[wire.web01]}/" "$G/web01/clavigerd.conf"
g_enroll web01 || bad "enroll: $(cat "$G/web01/enroll.out")"
equal "the request came by Kerberos, through the gateway" "$(clv get pending -o json 2>/dev/null | jq -r '.[0].came_by')" "Kerberos, own name, via gw1.ops.test"
g_approve web01 >/dev/null
g_start web01
check "an agent behind it by Kerberos" wait_for 40 is_confirmed web01
check "is in touch" wait_for 20 is_here web01
equal "its link is shown as the gateway sees it" "$(field_of web01 mechanism) $(field_of web01 gateway)" "kerberos gw1.ops.test"
VIA=gw1 g_agent db01 agent 'heartbeat = 1s' || g_end
alert() { "$BIN/clavigerd" alert -c "$G/$1/clavigerd.conf" --severity warning --name "$2" --text "${3:-}" >/dev/null; }
has() { [ "$(clv get alerts --filter "name:$1" -o json 2>/dev/null | jq length)" = 1 ]; }
id_of() { clv get alerts --filter "name:$1" -o json 2>/dev/null | jq '.[0].id'; }

for i in 1 2 3 4 5 6; do
	alert web01 "krb$i" 'disk sda1 is nearly full'
	check "alert $i comes" wait_for 20 has "krb$i"
done
alert db01 cert1
check "and one of the agent by certificate" wait_for 20 has cert1
alert gw1 own1
check "and one of the gateway's own" wait_for 20 has own1
for w in web01 gw1; do
	if grep -qa 'nearly full' "$G/wire.$w"/*; then bad "the text is on $w's link"; else ok "what passed on $w's link shows no text ($(cat "$G/wire.$w"/* | wc -c) bytes)"; fi
done

trace() { clv trace "$@" -o json >"$G/trace.json" 2>"$G/trace.err"; }
trace "$(id_of krb1)"
equal "it verifies" "$? $(jq -r .verified "$G/trace.json")" "0 true"
equal "three nodes" "$(jq -r '.nodes|map(.name+" "+.role)|join(",")' "$G/trace.json")" "web01.ops.test agent,gw1.ops.test gateway,rms1.ops.test root"
equal "two links by their mechanisms" "$(jq -r '.links|map(.mechanism)|join(",")' "$G/trace.json")" "kerberos,certificate"
equal "both ends of each say the same" "$(jq -c '.links|map(.fingerprint_from==.fingerprint_to and (.fingerprint_from|length)==32)' "$G/trace.json")" "[true,true]"
ticket() { KRB5_CONFIG=$R/krb5.conf klist -e -c "$G/web01/state/kerberos/ccache" | grep -A1 MSOMHSvc/gw1.ops.test | sed -n 's/.*tkt): //p' | tr -d ' '; }
cipher=$(jq -r '.links[0].cipher' "$G/trace.json")
equal "with the enctype that klist shows" "$(ticket)" "$cipher,$cipher"
equal "the gateway says when it came and went" "$(jq '.nodes[1]|(.received!=null and .sent!=null)' "$G/trace.json")" true
trace "$(id_of cert1)"
equal "the agent by certificate" "$? $(jq -r '.links|map(.mechanism)|join(",")' "$G/trace.json")" "0 certificate,certificate"
trace "$(id_of own1)"
equal "the gateway's own has two nodes" "$? $(jq -r '.nodes|map(.role)|join(",")' "$G/trace.json")" "0 gateway,root"
clv trace --probe web01 -o json >"$G/trace.json" 2>/dev/null
equal "the probe: the way of now" "$? $(jq -r '.nodes|map(.role)|join(",")' "$G/trace.json")" "0 agent,gateway,root"
clv proof web01 -o json >"$G/proof.json" 2>/dev/null
equal "the proof verifies all" "$? $(jq -r '[.encrypted,.parcels,.verified]|map(tostring)|join(",")' "$G/proof.json")" "0 true,6,6"
clv report encryption -o json >"$G/report.json" 2>/dev/null
equal "the report has the links" "$? $(jq -r '[.links[]|select(.parcels>0)|.from+" "+.mechanism+" "+(.parcels|tostring)+" "+(.verified|tostring)]|sort|join(",")' "$G/report.json")" \
	"0 db01.ops.test certificate 1 1,gw1.ops.test certificate 8 8,web01.ops.test kerberos 6 6"

# --- what is stored is altered while nobody runs ---
g_stop web01; g_stop db01; g_stop gw1; g_stop rms1
db=$G/rms1/state/OperationsManager.db
parcel() { sqlite3 "$db" "select parcel from alerts where name='$1'"; }
id() { sqlite3 "$db" "select id from alerts where name='$1'"; }
declare -A ID
for i in 1 2 3 4 5 6; do ID[krb$i]=$(id "krb$i"); done
sqlite3 "$db" "delete from hops where parcel=$(parcel krb1) and position=1"
sqlite3 "$db" "delete from hops where parcel=$(parcel krb2) and position=1; update hops set position=1 where parcel=$(parcel krb2) and position=2"
sqlite3 "$db" "update hops set signature=x'' where parcel=$(parcel krb3) and position=1"
sqlite3 "$db" "update hops set body=(select body from hops where parcel=$(parcel krb5) and position=1), signature=(select signature from hops where parcel=$(parcel krb5) and position=1) where parcel=$(parcel krb4) and position=1"
sqlite3 "$db" "delete from hops where parcel=$(parcel krb5) and position=2"
g_start rms1
check "the server is back" wait_for 20 g_server_up
verdict() { # alert verdicts text
	trace "${ID[$1]}"
	equal "$3: exit status and verdict" "$? $(jq -r '[.hops[].verdict]|map(select(.!="verified"))|unique|join(",")' "$G/trace.json") $(jq .verified "$G/trace.json")" "5 $2 false"
}
verdict krb1 "broken chain" "the gateway's row deleted"
verdict krb2 "broken chain" "deleted, and the root's moved up"
verdict krb3 "broken chain,unsigned" "the gateway's signature taken away"
verdict krb4 "broken chain" "the gateway's row of another parcel"
verdict krb5 "broken chain" "the root's row deleted"
trace "${ID[krb6]}"
equal "what was left alone verifies" $? 0
g_end
