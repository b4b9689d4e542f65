#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The path of an alert proves itself from stored records alone: two nodes, one link, equal fingerprints, verified;
# a row that is deleted, altered or swapped in the database, and parcels that lie on the wire, are each named.
# Probe, proof and report. (Issue 5: hop records, verdicts, probe, report; Must show 1, 2, 9 over one link.)
. "$(dirname "$0")/../lib/group.sh"
g_begin
g_init 'heartbeat = 1s' || g_end
g_agent web01 agent 'heartbeat = 1s' || g_end
alert() { "$BIN/clavigerd" alert -c "$G/web01/clavigerd.conf" "$@" >/dev/null; }
n_alerts() { [ "$(clv get alerts --limit 5000 -o json 2>/dev/null | jq length)" = "$1" ]; }
db=$G/rms1/state/OperationsManager.db

# One at a time, so that each has a parcel of its own.
for i in 1 2 3 4 5 6 7; do
	alert --severity warning --name "alert $i"
	wait_for 20 n_alerts "$i" || bad "alert $i does not come"
done
trace() { clv trace "$@" -o json >"$G/trace.json" 2>"$G/trace.err"; }
check "trace" trace 1
equal "the fields of design 2" "$(jq -r 'keys_unsorted|join(" ")' "$G/trace.json")" "alert verified nodes links hops"
equal "of a node" "$(jq -r '.nodes[0]|keys_unsorted|join(" ")' "$G/trace.json")" "name role received sent"
equal "of a link" "$(jq -r '.links[0]|keys_unsorted|join(" ")' "$G/trace.json")" "from to mechanism protocol cipher fingerprint_from fingerprint_to"
equal "verified" "$(jq -r .verified "$G/trace.json")" true
equal "the nodes" "$(jq -r '.nodes|map(.name+" "+.role)|join(",")' "$G/trace.json")" "web01.ops.test agent,rms1.ops.test root"
equal "the link" "$(jq -r '.links[0]|[.mechanism,.protocol,.cipher]|join(",")' "$G/trace.json")" "certificate,TLS 1.3,TLS_AES_256_GCM_SHA384"
equal "equal fingerprints" "$(jq '.links[0]|.fingerprint_from==.fingerprint_to and (.fingerprint_from|length)==32' "$G/trace.json")" true
fp=$(clv describe agent web01 -o json | jq -r .fingerprint)
equal "and it is the link's that is up" "$(jq -r '.links[0].fingerprint_to' "$G/trace.json")" "$fp"
equal "the list shows it" "$(clv get alerts --filter id:1 -o json 2>/dev/null | jq -r '.[0].path')" verified
equal "and no other as checked" "$(clv get alerts --filter 'path:"not checked yet"' -o json 2>/dev/null | jq length)" 6
trace 999; equal "an alert that is not there fails" $? 1

check "probe: the path of now" clv trace --probe web01
equal "it leaves no alert" "$(clv get alerts -o json | jq length)" 7
clv trace --probe nobody >"$G/out" 2>&1; equal "of an unknown host it fails" $? 1

check "proof" clv proof web01 -o json
clv proof web01 -o json >"$G/proof.json"
equal "encrypted, all parcels" "$(jq -r '[.encrypted,.parcels,.looked_at,.verified,.untraced]|map(tostring)|join(",")' "$G/proof.json")" "true,7,7,7,0"
equal "the link of now" "$(jq -r '.links[0]|[.mechanism,.live,.agreed,.parcels,.verified]|map(tostring)|join(",")' "$G/proof.json")" "certificate,true,true,7,7"
check "report" clv report encryption
clv report encryption -o html >"$G/report.html"
check "as a page" xmllint --html --noout "$G/report.html"
equal "in times to come there is nothing" "$(clv proof web01 --from 2090-01-01 -o json | jq .parcels)" 0

# A heartbeat that says more was made than comes is looked at on the wire below; here it agrees.
equal "nothing is held back" "$(event_count id:20028)" 0

# What is stored is altered while nobody runs: each is named.
g_stop web01; g_stop rms1
parcel() { sqlite3 "$db" "select parcel from alerts where name='alert $1'"; }
sqlite3 "$db" "delete from hops where parcel=$(parcel 1) and position=0"
sqlite3 "$db" "delete from hops where parcel=$(parcel 2) and position=1"
sqlite3 "$db" "update parcels set body=(select body from parcels where id=$(parcel 4)) where id=$(parcel 3)"
sqlite3 "$db" "update hops set signature=x'' where parcel=$(parcel 4) and position=1"
sqlite3 "$db" "update hops set body=cast(replace(cast(body as text),'AES_256','AES_128') as blob) where parcel=$(parcel 5) and position=0" 2>/dev/null
sqlite3 "$db" "create temp table t as select * from hops where parcel=$(parcel 6); update hops set body=(select body from t where position=1-hops.position), signature=(select signature from t where position=1-hops.position) where parcel=$(parcel 6)"
sqlite3 "$db" "update parcels set verdict=1, checked=1, why='' where id in ($(parcel 1),$(parcel 2))"
ids=$(sqlite3 "$db" "select group_concat(id,' ') from (select id from alerts order by id)")
g_start rms1
check "the server is back" wait_for 20 g_server_up
equal "a verdict that somebody wrote into the database is not believed" "$(clv get alerts --filter 'path:verified' -o json 2>/dev/null | jq length)" 0
verdict() { # alert code verdict text
	trace "$(echo "$ids" | cut -d' ' -f"$1")"
	equal "alert $1, $4: exit status" $? "$2"
	equal "alert $1, $4: named" "$(jq -r '[.hops[].verdict]|map(select(.!="verified"))|unique|join(",")' "$G/trace.json")" "$3"
	equal "alert $1, $4: not verified" "$(jq .verified "$G/trace.json")" false
}
verdict 1 5 "broken chain" "the agent's row deleted"
verdict 2 5 "broken chain" "the root's row deleted"
verdict 3 5 "broken chain" "another parcel in its place"
verdict 4 5 "unsigned" "the root's signature taken away"
verdict 6 5 "broken chain" "two rows changed places"
trace "$(echo "$ids" | cut -d' ' -f5)"; equal "alert 5, a cipher altered: exit status" $? 5
trace "$(echo "$ids" | cut -d' ' -f7)"; equal "alert 7, left alone, verifies" $? 0
equal "the list says it too" "$(clv get alerts --filter id:1 -o json 2>/dev/null | jq -r '.[0].path')" "broken chain"
clv proof web01 -o json >"$G/proof.json"; equal "the proof says so" $? 5
equal "and counts" "$(jq -r '[.encrypted,.parcels,.verified]|map(tostring)|join(",")' "$G/proof.json")" "false,7,1"

# Liars on the wire: a node that is accepted, with a key of its own.
mkdir -p "$G/evil"
"$BIN/clavigerd" ca issue "$G/ca" evil.ops.test --out "$G/evil/channel" >/dev/null
cp "$G/ca/ca.pem" "$G/evil/ca.pem"
evil() { "$BIN/tests/tools/rogue" "$G/evil" "$NODE_PORT" rms1.ops.test evil.ops.test "$@"; }
evil enroll >"$G/evil/enroll.out"
check "evil is accepted" clv approve evil.ops.test --fingerprint "$(sed -n 's/^Fingerprint *//p' "$G/evil/enroll.out" | cut -c1-14)" --yes
equal "an honest parcel is acknowledged" "$(evil parcel honest 1 3 good)" "acknowledged 3"
equal "again: stored once, acknowledged again" "$(evil parcel honest 1 3 good)" "acknowledged 3"
equal "it goes on" "$(evil parcel honest 3 3 good)" "acknowledged 5"
equal "a hole is not jumped" "$(evil parcel honest 9 1 good)" "acknowledged 5"
equal "another content under a number is a conflict" "$(evil parcel honest 5 2 bad)" "acknowledged 5 conflict"
check "which is an event" has_event 'id:20029 node:rms1'
own() { clv get alerts --filter 'agent:rms1 text:"number 5"' -o json 2>/dev/null | jq '.[0].id // 0'; }
owned() { [ "$(own)" -gt 0 ]; }
check "and an alert of the server's own" wait_for 10 owned
trace "$(own)"; equal "whose path of one node verifies" "$?,$(jq '(.nodes|length),(.links|length)' "$G/trace.json" | tr '\n' ,)" "0,1,0,"
equal "nothing of it is stored" "$(clv get alerts --filter 'name:bad' -o json 2>/dev/null | jq length)" 0
equal "five are stored" "$(clv get alerts --filter 'agent:evil name:good' -o json 2>/dev/null | jq length)" 5
for lie in unsigned stranger altered; do
	case $(evil parcel $lie 6 1 "$lie" | tail -1) in *acknowledged\ [0-9]*) bad "$lie is acknowledged" ;; *) ok "$lie is not acknowledged" ;; esac
done
named=$(clv get alerts --filter 'agent:evil path:unsigned' -o json 2>/dev/null | jq length)
equal "they are kept, as unsigned" "$named" 3
check "and told" has_event 'id:20028'
case $(evil parcel foreign 6 1 foreign | tail -1) in *acknowledged\ [0-9]*) bad "a parcel of another agent is taken" ;; *) ok "a parcel of another agent is refused" ;; esac
equal "it is not stored" "$(clv get alerts --filter 'name:foreign' -o json 2>/dev/null | jq length)" 0
equal "the true number 6 is still free" "$(evil parcel link 6 1 link)" "acknowledged 6"
evil beat 6 6
held() { clv get events --filter 'id:20028 text:"holds them back"' -o json 2>/dev/null | jq length; }
equal "heartbeats that agree with what came raise nothing" "$(held)" 0
evil beat 60 6
check "alerts that were made and do not come are told" test "$(held)" = 1
id=$(clv get alerts --filter 'name:link' -o json 2>/dev/null | jq '.[0].id')
trace "$id"; equal "another fingerprint than the channel's: exit status" $? 5
equal "link ends differ" "$(jq -r '.hops[1].verdict' "$G/trace.json")" "link ends differ"

# A probe beside alerts that flow: neither is in the other's way.
g_start web01
again() { quiet clv trace --probe web01; }
check "web01 is back" wait_for 20 again
for i in $(seq 3000); do printf 'information\tflow %d\t\n' "$i"; done >"$G/lines"
"$BIN/clavigerd" alert -c "$G/web01/clavigerd.conf" --lines <"$G/lines" >/dev/null &
flowing=$!
probes=0
for _ in $(seq 10); do quiet clv trace --probe web01 && probes=$((probes + 1)); done
wait "$flowing"
equal "ten probes while alerts flow" "$probes" 10
flowed() { [ "$(clv get alerts --filter 'name:flow' --limit 1 -o json 2>/dev/null | jq -r '.[0].name')" = "flow 3000" ]; }
check "and all of them come" wait_for 20 flowed
equal "the link was never given up" "$(event_count 'id:20071')" 0
g_end
