#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A gateway that lies, by planted faults of the test build: it alters and swaps configurations, publications, lists,
# orders, receipts, parcels, records and acknowledgements, swallows alerts, shows a group of its own at enrolment, and
# plays a node that is gone. Each gets nowhere, and is named. (Issue 5: Must show 2, 7; T4, B3.)
. "$(dirname "$0")/../lib/group.sh"
case $BIN in *test | *asan) ;; *) printf '0 passed, 0 failed, 1 skipped\n      the faults are in the test build\n'; exit 0 ;; esac
g_begin
g_init 'heartbeat = 1s' || g_end
g_agent gw1 gateway 'heartbeat = 1s' || g_end
VIA=gw1 g_agent web01 agent 'heartbeat = 1s' || g_end
VIA=gw1 g_agent db01 agent 'heartbeat = 1s' || g_end
# Through the gateway: where it is gone or lies they come directly, and try it again.
up() { [ "$(field_of "$1" contact) $(field_of "$1" gateway)" = "up gw1.ops.test" ]; }
directly() { [ "$(field_of "$1" contact) $(field_of "$1" gateway)" = "up " ]; }
rogue() { # WORD [ENV...]: the gateway is started anew and does that
	g_stop gw1
	g_start gw1 "CLAVIGER_TEST_ROGUE=$1" "${@:2}"
}
honest() {
	g_stop gw1
	g_start gw1
	wait_for 40 up web01 && wait_for 40 up db01
}
alert() { "$BIN/clavigerd" alert -c "$G/$1/clavigerd.conf" --severity warning --name "$2" >/dev/null; }
has() { [ "$(clv get alerts --filter "name:$1" -o json 2>/dev/null | jq length)" -ge 1 ]; }
id_of() { clv get alerts --filter "name:$1" -o json 2>/dev/null | jq '.[0].id'; }
logged() { grep -q "$2" "$G/$1/log"; }
version() { clv describe agent "$1" -o json 2>/dev/null | jq '.config_confirmed'; }
more() { [ "$(event_count "$1")" -gt "$2" ]; }
change() { clv account distribute "acc$1" --to "$2" --yes >/dev/null 2>&1; }
for i in 1 2 3; do clv account add "acc$i" --type simple --user "u$i" >/dev/null 2>&1; printf 'pw%s' "$i" | clv reenter "acc$i" --password-fd 0 --all-at-once >/dev/null 2>&1; done

# --- downwards ---
rogue config
wait_for 40 up web01
was=$(version web01)
change 1 web01
check "an altered configuration is refused by the agent" wait_for 20 logged web01 'event 7022: A new configuration arrived but was refused'
equal "and not opened" "$(version web01)" "$was"
check "the server hears of it" wait_for 20 has_event 'id:7022 node:web01'
check "honest again, it arrives" honest
newer() { [ "$(version "$1")" != "$2" ] && [ "$(version "$1")" != null ]; }
check "in whole" wait_for 40 newer web01 "$was"

rogue config-other
wait_for 40 up web01; wait_for 40 up db01
was=$(version db01)
change 2 web01; sleep 1; change 2 db01
check "another host's configuration is refused" wait_for 20 logged db01 'event 7022: A new configuration arrived but was refused'
equal "and not opened" "$(version db01)" "$was"
honest

rogue rotate
wait_for 40 up web01
clv rotate web01 --yes >/dev/null 2>&1
check "an altered order to rotate ends the link" wait_for 20 logged web01 'a message is not signed by the group'
honest
rogue receipt
check "an altered receipt too" wait_for 20 logged db01 'a message is not signed by the group'
honest

rogue list
check "an altered list of servers proves nothing" wait_for 20 logged web01 'connected but did not prove itself'
check "the agent comes directly instead" wait_for 20 directly web01
linked=
for _ in $(seq 15); do ! quiet up web01 || linked=1; nap 0.2; done
equal "and by no link through it" "$linked" ""
honest

# A certificate's link without its thumbprint: a search by digits would read what is not there.
rogue thumbprint
check "a link without its certificate's thumbprint is refused" wait_for 20 logged rms1 'a link that is not described as one'
core_was=$(g_proc rms1 core)
quiet clv find AB12
equal "a search by digits ends nothing" "$(g_proc rms1 core)" "$core_was"
honest

# A list that is kept back: the agent has seen a newer one elsewhere.
rogue list-old
wait_for 40 up web01
g_agent gw9 gateway 'heartbeat = 1s' >/dev/null
g_stop web01; g_route web01 rms1; rm -rf "$G/web01/state/Connector Configuration Cache"; g_start web01
check "the agent sees the newest list at the server" wait_for 20 directly web01
sleep 1
g_stop web01; g_route web01 gw1; g_start web01
check "an old list is refused" wait_for 20 logged web01 'is older than'
honest

# --- upwards ---
n=$(event_count 'id:20002')
rogue publication
check "an altered publication is quarantined" wait_for 20 more 'id:20002 text:quarantined' 0
equal "the key that is known stays" "$(clv describe agent web01 -o json 2>/dev/null | jq '[.keys[]|select(.state=="confirmed")]|length')" 1
honest
n=$(event_count 'id:20002 text:quarantined')
rogue publication-other
check "another agent's publication too" wait_for 20 more 'id:20002 text:quarantined' "$n"
honest

rogue parcel
wait_for 40 up web01
alert web01 altered1
check "an altered parcel is kept as unsigned, and named" wait_for 20 has_event 'id:20028 text:"does not carry the record"'
honest
check "and arrives whole when nobody alters it" wait_for 60 has altered1
equal "by a path that verifies" "$(clv trace "$(clv get alerts --filter 'name:altered1 path:"not checked yet"' -o json 2>/dev/null | jq '.[0].id')" -o json 2>/dev/null | jq .verified)" true

rogue outbox
check "an altered batch of the outbox ends the link, and is named" wait_for 30 has_event 'id:20002 text:outbox'
honest

rogue record-none
wait_for 40 up web01
alert web01 norecord
check "an alert without the gateway's record comes" wait_for 20 has norecord
clv trace "$(id_of norecord)" -o json >"$G/trace.json" 2>/dev/null
equal "and shows as such" "$? $(jq -r '[.verified,([.hops[].verdict]|map(select(.!="verified"))|unique|join(","))]|map(tostring)|join(" ")' "$G/trace.json")" "5 false link ends differ"
honest
rogue record-lies
wait_for 40 up web01
alert web01 lyingrecord
check "one with a record that lies of its link comes" wait_for 20 has lyingrecord
clv trace "$(id_of lyingrecord)" -o json >"$G/trace.json" 2>/dev/null
equal "and the ends differ" "$? $(jq -r '[.hops[].verdict]|map(select(.!="verified"))|unique|join(",")' "$G/trace.json")" "5 link ends differ"
honest

n=$(event_count 'id:20028 text:"holds them back"')
rogue swallow
wait_for 40 up web01
alert web01 swallowed
check "swallowed alerts show by the signed heartbeats" wait_for 40 more 'id:20028 text:"hold"' "$n"
if has swallowed; then bad "it came all the same"; else ok "it did not come"; fi
honest
check "and is not lost" wait_for 60 has swallowed

rogue ack
wait_for 40 up web01
alert web01 forged
check "a forged acknowledgement is refused" wait_for 20 logged web01 'an acknowledgement is not signed by the group'
honest
check "what it was for is not dropped" wait_for 60 has forged

# --- a node that is gone ---
rogue ghost CLAVIGER_TEST_GHOST=db01.ops.test
wait_for 40 up db01
sleep 2
g_stop db01
check "old heartbeats of a node that is gone do not count, and are named" wait_for 20 has_event 'id:20028 text:"old state"'
dead() { [ "$(field_of db01 contact)" = silent ]; }
check "it is seen to be gone" wait_for 20 dead
g_start db01
honest

# The proof of before, shown again each second, before anybody misses a heartbeat.
rogue ghost,replay CLAVIGER_TEST_GHOST=db01.ops.test
wait_for 40 up db01
sleep 2
g_stop db01
check "a proof that is shown again makes nobody be here" wait_for 20 dead
takes=$(event_count 'id:20000 text:"Two links of db01"')
g_route db01 rms1
g_start db01
check "a link that goes around it comes up" wait_for 30 directly db01
sleep 4
equal "and stands: the old proof takes nothing over" "$(field_of db01 contact) $(event_count 'id:20000 text:"Two links of db01"')" "up $takes"
g_stop db01; g_route db01 gw1; g_start db01
honest

# --- enrolment ---
# A refusal whose words look like ours, where somebody joins or enrols.
rogue words
foreign() { # NODE COMMAND...: it ends, with one line of ours
	local n=$1; shift
	timeout 60 "$BIN/clavigerd" "$@" -c "$G/$n/clavigerd.conf" >"$G/out" 2>&1 </dev/null
	equal "$1 says nothing in the gateway's words" "$? $(grep -c 'before it had shown' "$G/out") $(grep -cE '^Code|AAAA-BBBB' "$G/out") $(tr -dc '\033' <"$G/out" | wc -c)" "1 1 0 0"
}
NODE_PORT=$(g_port) CONSOLE_PORT=$(g_port) g_node rms7 management-server 'retry = 500ms'
foreign rms7 join --server "gw1.ops.test@127.0.0.1:${PORT[gw1]}"
VIA=gw1 g_node new02 agent
foreign new02 enroll --role agent
rogue group
VIA=gw1 g_node new01 agent 'heartbeat = 1s'
timeout 60 "$BIN/clavigerd" enroll -c "$G/new01/clavigerd.conf" --role agent >"$G/new01/enroll.out" 2>&1
if clv get pending -o json 2>/dev/null | jq -e '[.[]|select(.name=="new01.ops.test")]|length>0' >/dev/null; then
	clv approve new01.ops.test --fingerprint "$(digits_of new01)" --yes >"$G/out" 2>&1
	equal "the digits of another group are not those that an operator sees" $? 1
else
	ok "a request made for another group's key does not even wait: $(tail -1 "$G/new01/enroll.out" | cut -c1-80)"
fi
equal "nobody was accepted" "$(clv get agents --filter name:new01 -o json 2>/dev/null | jq length)" 0
check "members keep to the pinned key" wait_for 20 logged web01 'shows another group signing key'
honest
check "after all that both are members, with their keys" is_confirmed web01
equal "and nothing but the truth is stored" "$(clv get alerts --filter 'name:altered1' -o json 2>/dev/null | jq '[.[]|select(.path=="verified")]|length')" 1
g_end
