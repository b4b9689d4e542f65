#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The reference path: an agent by Kerberos to a gateway, by certificate to a management server without a database that
# came by `clavigerd join`, by Kerberos to the root. Four nodes, three links, each with its mechanism and its equal
# fingerprints; drawn from stored records: without the gateway's row the chain is broken. RunAs goes through all of it.
# (S6, Issue 5: Servers, Must show 1.)
# shellcheck source-path=SCRIPTDIR source=../lib/group.sh source=../lib/realm.sh
. "$(dirname "$0")/../lib/group.sh"
. "$(dirname "$0")/../lib/realm.sh"
g_begin
r_begin || g_end
r_server 'heartbeat = 1s' || g_end

# Each link passes a relay that keeps what it sees: what the wire shows.
wire() { # NODE PORT: WIRE[NODE] is where that node dials instead of PORT
	mkdir "$G/wire.$1"
	WIRE[$1]=$(g_port)
	"$BIN/tests/tools/wire" relay "${WIRE[$1]}" "$2" "$G/wire.$1" >"$G/wire.$1.out" 2>&1 &
	PID[wire.$1]=$!
	wait_for 10 grep -q listening "$G/wire.$1.out" || bad "the relay does not listen: $(cat "$G/wire.$1.out")"
}
declare -A WIRE=()

# --- ms1 joins, and carries ---
ROOT_PORT=$NODE_PORT MS_PORT=$(g_port)
wire ms1 "$ROOT_PORT"
mkdir -p "$G/ms1" "$G/gw1" "$G/web01"
r_keytab "$G/ms1/keytab" MSOMHSvc/ms1.ops.test || g_end
r_section "$G/ms1/keytab" >"$G/ms1/profiles"
NODE_PORT=$MS_PORT CONSOLE_PORT=$(g_port) g_node ms1 management-server "server = rms1.ops.test@127.0.0.1:${WIRE[ms1]}" 'retry = 500ms' 'heartbeat = 1s' "alert_socket = $G/ms1.alert"
"$BIN/clavigerd" join -c "$G/ms1/clavigerd.conf" >"$G/ms1/join.out" 2>&1 </dev/null &
PID[ms1]=$!
code() { sed -n 's/^Code *//p' "$G/ms1/join.out"; }
has_code() { [ -n "$(code)" ]; }
check 'ms1 asks to join' wait_for 40 has_code
check 'by its code it gets the keys' clv approve ms1.ops.test --fingerprint "$(code)" --yes
joined() { grep -q 'has joined' "$G/ms1/join.out"; }
check 'it has joined' wait_for 30 joined
wait "${PID[ms1]}"; unset 'PID[ms1]'
"$BIN/clavigerd" run -c "$G/ms1/clavigerd.conf" >"$G/out" 2>&1 </dev/null
equal 'without a store it does not serve, and says so' "$? $(grep -c 'store = via' "$G/out")" '1 1'
for bad in 'store = via' 'store = somewhere' 'store = via other.ops.test'; do
	sed "s/^role = .*/&\n$bad/" "$G/ms1/clavigerd.conf" >"$G/bad.conf"
	"$BIN/clavigerd" run -c "$G/bad.conf" >"$G/out" 2>&1 </dev/null
	rc=$?
	equal "$bad: $(head -1 "$G/out" | cut -c1-80)" "$rc $(grep -c 'bad.conf:[0-9]*: .*store' "$G/out") $(wc -l <"$G/out")" '2 1 1'
done
sed -i "s/^role = .*/&\nstore = via rms1.ops.test/; s/^\[channel\]/&\nmechanism = kerberos/" "$G/ms1/clavigerd.conf"
g_start ms1
check 'with a store of another it runs, and its own key is confirmed' wait_for 40 is_confirmed ms1
equal 'by Kerberos' "$(field_of ms1 mechanism)" kerberos
equal 'it is listed as a server' "$(clv get servers -o json 2>/dev/null | jq -r '.[] | select(.name=="ms1.ops.test") | .role')" management-server

# --- a gateway behind it, an agent behind that ---
wire gw1 "$MS_PORT"
PORT[ms1]=${WIRE[gw1]}
r_keytab "$G/gw1/keytab" MSOMHSvc/gw1.ops.test || g_end
r_section "$G/gw1/keytab" >"$G/gw1/profiles"
VIA=ms1 g_agent gw1 gateway 'heartbeat = 1s' 'mechanism = certificate' || g_end
r_keytab "$G/web01/keytab" MSOMHSvc/web01.ops.test || g_end
{ r_section "$G/web01/keytab"; printf '[profile Backup]\nusers = %s\n' "$(id -un)"; } >"$G/web01/profiles"
GW_PORT=${PORT[gw1]}
wire web01 "$GW_PORT"
PORT[gw1]=${WIRE[web01]}
VIA=gw1 g_agent web01 agent 'heartbeat = 1s' 'mechanism = kerberos' || g_end
equal 'the gateway comes by the server' "$(field_of gw1 gateway) $(field_of gw1 mechanism)" 'ms1.ops.test certificate'
equal 'the agent by the gateway' "$(field_of web01 gateway) $(field_of web01 mechanism)" 'gw1.ops.test kerberos'
"$BIN/clavigerd" alert -c "$G/web01/clavigerd.conf" --severity critical --name far --text "the Word on no wire" >/dev/null
far() { [ "$(clv get alerts --filter name:far -o json 2>/dev/null | jq length)" = 1 ]; }
check 'an alert comes' wait_for 30 far
id=$(clv get alerts --filter name:far -o json 2>/dev/null | jq '.[0].id')
clv trace "$id" -o json >"$G/trace.json" 2>/dev/null
equal 'its path verifies' $? 0
equal 'four nodes' "$(jq -r '.nodes|map(.name|sub(".ops.test";""))|join(" ")' "$G/trace.json")" 'web01 gw1 ms1 rms1'
equal 'by their roles' "$(jq -r '.nodes|map(.role)|join(" ")' "$G/trace.json")" 'agent gateway server root'
equal 'three links, each by its mechanism' "$(jq -r '.links|map(.mechanism)|join(" ")' "$G/trace.json")" 'kerberos certificate kerberos'
equal 'equal fingerprints, three different ones' "$(jq -c '[(.links|all(.fingerprint_from==.fingerprint_to)),(.links|map(.fingerprint_from)|unique|length)]' "$G/trace.json")" '[true,3]'
ticket() { KRB5_CONFIG=$R/krb5.conf klist -e -c "$G/$1/state/kerberos/ccache" | grep -A1 "MSOMHSvc/$2.ops.test" | sed -n 's/.*tkt): //p' | tr -d ' '; }
equal 'klist at the agent shows the enctype that the trace names' "$(ticket web01 gw1)" "$(jq -r '.links[0].cipher' "$G/trace.json"),$(jq -r '.links[0].cipher' "$G/trace.json")"
equal 'and at the server' "$(ticket ms1 rms1)" "$(jq -r '.links[2].cipher' "$G/trace.json"),$(jq -r '.links[2].cipher' "$G/trace.json")"
check 'the probe finds the same way' bash -c "[ \"\$('$BIN/claviger' trace --probe web01 -o json 2>/dev/null | jq '.nodes|length')\" = 4 ]"

# --- a password through all of it ---
{ clv account add backup --type simple --user backup && clv account distribute backup --to web01 --yes && clv profile add Backup && clv profile associate Backup backup --all; } >"$G/out" 2>&1 || bad "accounts: $(cat "$G/out")"
printf 'through three hops' | clv reenter backup --password-fd 0 --all-at-once >"$G/out" 2>&1
gives() { [ "$("$BIN/clavigerd" credential -c "$G/web01/clavigerd.conf" Backup 2>/dev/null)" = 'through three hops' ]; }
check 'a password arrives' wait_for 40 gives
equal 'and is nowhere under the gateway or the server' "$(grep -rlaF 'through three hops' "$G/gw1/state" "$G/ms1/state" "$G/gw1/log" "$G/ms1/log" 2>/dev/null | wc -l)" 0

for n in web01 gw1 ms1; do
	bytes=$(cat "$G/wire.$n"/* | wc -c)
	check "the link up from $n carried something ($bytes bytes)" test "$bytes" -gt 10000
	equal 'no word of the alert or the password' "$(cat "$G/wire.$n"/* | grep -caE 'the Word on no wire|through three hops')" 0
done

# --- the KDC falls silent, for all of them ---
kill -STOP "${PID[kdc]}"
worst=0
limit=$((SECONDS + ${LONG:+100} + 15))
said=0
while [ $SECONDS -lt "$limit" ]; do
	said=$((said + 1))
	"$BIN/clavigerd" alert -c "$G/web01/clavigerd.conf" --severity information --name "silent $said" >/dev/null
	age=$(clv get agents -o json 2>/dev/null | jq '[.[] | (now - (.last_seen | sub("\\.[0-9]+"; "") | fromdate))] | max * 1000 | floor')
	[ "${age:-9999}" -le "$worst" ] || worst=$age
	sleep 0.5 # between two looks
done
check "no heartbeat of agent, gateway or server was late (the oldest $worst ms ago; twice the interval, and what a look takes)" test "$worst" -lt 3500
all_came() { [ "$(clv get alerts --filter 'name:silent' --limit 1000 -o json 2>/dev/null | jq length)" = "$said" ]; }
check "all $said alerts came meanwhile" wait_for 20 all_came
equal 'nobody was told as missed' "$(event_count id:20022)" 0
# A node that starts anew with the tickets it has comes; without them it waits for the KDC.
g_stop web01
rm -f "$G/web01/state/kerberos/ccache"
g_start web01
fails() { grep -q 'event 20057' "$G/web01/log"; }
check 'without a ticket a new link fails, and says so' wait_for 30 fails
kill -CONT "${PID[kdc]}"
back() { [ "$(field_of web01 contact)" = up ]; }
check 'all are back within 60 s' wait_for 60 back

# --- from stored records alone ---
g_stop rms1
sqlite3 "$G/rms1/state/OperationsManager.db" "delete from hops where position=1 and parcel=(select parcel from alerts where name='far')"
g_start rms1
wait_for 20 g_server_up
clv trace "$id" -o json >"$G/trace.json" 2>/dev/null
equal "without the gateway's row: exit status" $? 5
check 'a broken chain' jq -e '[.hops[].verdict]|index("broken chain")!=null' "$G/trace.json"
g_end
