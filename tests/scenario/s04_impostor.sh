#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Impostors: a node with a valid certificate of another name publishes for web01 in 20 spellings; replayed,
# older and unpossessed publications; a link proof in another name; a copied state folder; a re-installed
# host; messages before any proof. Nothing is stored; each is quarantined and named. (Must show 4; T2 to T6.)
. "$(dirname "$0")/../lib/group.sh"
g_begin
g_init || g_end
g_agent web01 agent || g_end
key=$(field_of web01 sha256)
R=$G/lab3
mkdir "$R"
"$BIN/clavigerd" ca issue "$G/ca" lab3.ops.test --out "$R/channel" >/dev/null
cp "$G/ca/ca.pem" "$R/ca.pem"
rogue() { "$BIN/tests/tools/rogue" "$R" "$NODE_PORT" rms1.ops.test "$@" 2>&1; }
stored() { sqlite3 "$G/copy.db" "$1"; }
snapshot() { rm -f "$G/copy.db"; "$BIN/clavigerd" store backup -c "$G/rms1/clavigerd.conf" "s$RANDOM$RANDOM.db" >"$G/bk" 2>&1 && cp "$(sed 's/^copied to //' "$G/bk")" "$G/copy.db"; }

for type in 0x14 0x15 0x17 0x1a 0x1c 0x19 0x2 0x100 0xffff; do
	check "type $type before any proof ends the link" bash -c "'$BIN/tests/tools/rogue' '$R' $NODE_PORT rms1.ops.test lab3.ops.test early $type | grep -q closed"
done
rogue lab3.ops.test enroll >"$R/out"
fp=$(sed -n 's/^Fingerprint //p' "$R/out" | cut -c1-14)
check "the rogue's own name can be accepted" clv approve lab3.ops.test --fingerprint "$fp" --yes
g0=$(($(date +%s) * 1000))
n=0
while IFS= read -r spelling; do
	n=$((n + 1))
	rogue lab3.ops.test publish "$spelling" $((g0 + n)) >"$R/out"
	grep -qE 'refused 5' "$R/out" || bad "'$spelling' was answered: $(cat "$R/out")"
done <<'END'
web01.ops.test
WEB01.ops.test
Web01.Ops.Test
web01.OPS.TEST
web01.ops.test.
 web01.ops.test
web01.ops.test 
web01..ops.test
web01
.web01.ops.test
web01.ops.tеst
ｗeb01.ops.test
web01.ops.test%00
web01,ops.test
web01.ops.test/
*.ops.test
web0l.ops.test
webO1.ops.test
xn--web01.ops.test
web01.ops.test;lab3.ops.test
END
equal "spellings tried" "$n" 20
snapshot
equal "nothing was stored for any of them" "$(stored "select count(*) from keys where agent<>'web01.ops.test'")" 0
equal "web01's key is the same" "$(field_of web01 sha256)" "$key"
named=$(clv get pending --limit 100 -o json 2>/dev/null | jq '[.[]|select(.conflict and (.looks_like|startswith("IMPOSTOR?")) and (.came_by|contains("lab3.ops.test")))]|length')
[ "${named:-0}" -ge 20 ] && ok "$named quarantined and named" || bad "only '$named' are named: $(clv get pending -o csv 2>/dev/null | head -3)"
equal "an event for each" "$(event_count 'id:20002 text:quarantined')" "$n"
id=$(clv get pending -o json 2>/dev/null | jq '[.[]|select(.conflict)][0].id')
check "a quarantined claim cannot be accepted" bash -c "! '$BIN/claviger' approve web01.ops.test --fingerprint 000000000000 --yes"
check "but declined" clv reject "$(clv get pending -o json 2>/dev/null | jq -r ".[]|select(.id==$id).name")" --yes

rogue lab3.ops.test replay $((g0 + 100)) >"$R/out"
equal "a new one is stored, the same again is known, an older and another of the same number are refused" \
	"$(sed 's/^receipt \([12]\).*/\1/' "$R/out" | tr '\n' ' ')" "1 1 2 2 "
rogue lab3.ops.test unpossessed $((g0 + 200)) >"$R/out"
check "without possession of the key it is refused" grep -q 'receipt 2 proof of possession' "$R/out"
rogue lab3.ops.test publish lab3.ops.test $((g0 + 172800000)) >"$R/out"
check "two days ahead is refused" grep -q 'receipt 2 .*ahead' "$R/out"
rogue lab3.ops.test proof web01.ops.test >"$R/out"
check "a link proof in another name is refused" grep -q 'refused 5' "$R/out"
snapshot
equal "one key of lab3 is stored, of the accepted generation" "$(stored "select group_concat(generation) from keys where agent='lab3.ops.test'")" "$((g0 + 100))"

rogue lab3.ops.test clone >"$R/out"
check "its node key from another machine is refused" grep -q 'refused 4' "$R/out"
check "and named: 7022" has_event 'id:7022 text:lab3.ops.test'
g_stop web01
cp -a "$G/web01" "$G/copy"
printf 'ffffffffffffffffffffffffffffffff' >"$G/copy/machine-id"
sed -i "s,$G/web01/,$G/copy/,g" "$G/copy/clavigerd.conf"
"$BIN/clavigerd" run -c "$G/copy/clavigerd.conf" >"$G/copy.out" 2>&1
equal "a copied state folder does not run" $? 1
check "and says why (7022) and what to do" grep -q '7022.*--replace' "$G/copy.out"
"$BIN/clavigerd" enroll -c "$G/copy/clavigerd.conf" --role agent --replace >"$G/copy/enroll.out" 2>&1
conflict() { [ "$(clv get pending --filter name:web01.ops.test -o json 2>/dev/null | jq '[.[]|select(.conflict and .came_by=="certificate, own name")]|length')" = 1 ]; }
check "with a fresh key it is a conflict, never an overwrite" wait_for 10 conflict
equal "web01's key is still the same" "$(field_of web01 sha256)" "$key"
id=$(clv get pending -o json 2>/dev/null | jq '[.[]|select(.name=="web01.ops.test" and .came_by!="certificate, own name")][].id')
for i in $id; do quiet clv reject "#$i" --yes; done

# A re-installed host: only with --replace, then the old key gets nothing any more.
d=$(digits_of copy)
check "approving a conflict asks for --replace" bash -c "! '$BIN/claviger' approve web01.ops.test --fingerprint '$d' --yes"
check "with --replace and the digits it is" clv approve web01.ops.test --fingerprint "$d" --replace --yes
g_start copy
other() { is_confirmed web01 && [ "$(field_of web01 sha256)" != "$key" ]; }
check "--replace: the re-installed host is confirmed with its own key" wait_for 40 other
g_start web01
conflicts() { grep -qE 'event 2007[01]' "$G/web01/log"; }
check "the one before is turned away and knows it" wait_for 10 conflicts
check "removal" clv remove agent lab3 --yes
equal "it is gone" "$(clv get agents --filter name:lab3.ops.test -o json 2>/dev/null | jq length)" 0

# One identity, many keys: a few are shown side by side, no more; others ask as before.
ask_as() { rm -f "$R/node.key"; rogue lab3.ops.test enroll >"$R/out"; sed -n 's/^Fingerprint //p' "$R/out"; }
for _ in 1 2 3 4 5 6 7; do ask_as; done >"$R/keys"
equal "seven keys of one identity ask" "$(sort -u "$R/keys" | wc -l)" 7
equal "four of them wait" "$(clv get pending --filter name:lab3.ops.test --limit 100 -o json 2>/dev/null | jq '[.[]|select(.came_by=="certificate, own name")]|length')" 4
check "which is said" has_event 'id:20001 text:"several that came like it wait already"'
g_node other1 agent
g_enroll other1
equal "another host asks beside them" "$(clv get pending --filter name:other1.ops.test -o json 2>/dev/null | jq length)" 1
for n in 2 3 4 5 6; do g_node "other$n" agent; g_enroll "other$n"; done
equal "and five more" "$(clv get pending --filter name:other --limit 100 -o json 2>/dev/null | jq length)" 6
g_end
