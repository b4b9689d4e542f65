#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The rest of a small group's life: approve = direct, revocation while a link is up, two links of one
# identity, a program of ours on the library alone, backup, retention with its checkpoint, a damaged
# database, bad configurations. (Must show 11; T26, T28, T34, O6.)
. "$(dirname "$0")/../lib/group.sh"
g_begin
g_init $'\n[trust]\napprove = direct\n[store]\nretain_audit = 1d\nretain_events = 1h' || g_end
g_node web01 agent
g_enroll web01; printf '%s\n' "$(tail -1 "$G/web01/enroll.out")" >/dev/null
g_start web01
check "approve = direct: taken because its channel identity is its name" wait_for 40 is_confirmed web01
equal "and audited so" "$(clv get audit --filter 'act:approve' -o json 2>/dev/null | jq -r '.[0].who')" "approve = direct"

# O6: a program against backend/include and the library alone.
timeout 30 "$BIN/tests/tools/list_watch" "$CLAVIGER_SERVER" >"$G/watch.out" 2>&1 &
watcher=$!
listed() { grep -q web01.ops.test "$G/watch.out"; }
check "a program of ours lists the agents" wait_for 10 listed
g_stop web01
wait "$watcher"
equal "and sees one change pushed" $? 0
g_start web01
up() { [ "$(field_of web01 contact)" = up ]; }
wait_for 20 up || bad "web01 is not back"

# Two links of one identity: a copy of the folder on the same machine id.
cp -a "$G/web01" "$G/twin"
sed -i "s,$G/web01/,$G/twin/,g" "$G/twin/clavigerd.conf"
g_start twin
check "two links of one identity: the newest wins, both are named" wait_for 20 has_event 'id:20000 text:"takes over"'
g_stop twin
wait_for 30 up || bad "web01 did not come back after its twin"

# A parent in the way: the server's process is stopped by hand and the others notice.
check "a backup through the running core" "$BIN/clavigerd" store backup -c "$G/rms1/clavigerd.conf" b1.db
equal "it is whole" "$(sqlite3 "$G/rms1/state/backup/b1.db" 'pragma integrity_check; select count(*) from agents')" "$(printf 'ok\n1')"
check "it is not written twice" bash -c "! '$BIN/clavigerd' store backup -c '$G/rms1/clavigerd.conf' b1.db 2>/dev/null"
check "nor outside its folder" bash -c "! '$BIN/clavigerd' store backup -c '$G/rms1/clavigerd.conf' ../x.db 2>/dev/null"

# Revoked while the link is up.
"$BIN/clavigerd" ca revoke "$G/ca" web01.ops.test >/dev/null
gone() { [ -n "$(field_of web01 contact)" ] && [ "$(field_of web01 contact)" != up ]; }
check "revoked: the link is closed without a restart" wait_for 20 gone
check "with an event" has_event 'id:20002 text:revoked'
g_stop web01

# Retention: three days later the audit trail is cut, and a checkpoint that the group signed stands there.
rows=$(clv get audit --limit 1000 -o json 2>/dev/null | jq length)
[ "$rows" -ge 3 ] || bad "only $rows audit rows"
g_stop rms1
sed -i '/^crl = /d' "$G/rms1/clavigerd.conf"
g_start rms1 CLAVIGER_TEST_CLOCK=$((3 * 86400))
wait_for 20 g_server_up
cut_told() { has_event 'id:2003 text:checkpoint'; }
check "the audit trail is cut as configured" wait_for 20 cut_told
equal "older rows are gone" "$(clv get audit --limit 1000 -o json 2>/dev/null | jq length)" 0
check "an act continues the chain" clv role grant user:x viewer --yes
g_stop rms1
db=$G/rms1/state/OperationsManager.db
equal "one signed checkpoint" "$(sqlite3 "$db" 'select count(*), length(signature)>60 from checkpoints')" "1|1"
equal "the chain goes on from it" "$(sqlite3 "$db" 'select (select seq from checkpoints)+1 = (select min(seq) from audit)')" 1
g_start rms1 CLAVIGER_TEST_CLOCK=$((3 * 86400))
wait_for 20 g_server_up
equal "and verifies at the next start" "$(event_count 'id:2003 text:broken')" 0
g_stop rms1
sqlite3 "$db" "update audit set who='nobody' where seq=(select max(seq) from audit)"
g_start rms1 CLAVIGER_TEST_CLOCK=$((3 * 86400))
wait_for 20 g_server_up
check "a changed audit row is named at the next start" wait_for 10 has_event 'id:2003 text:broken'
g_stop rms1

# A damaged database stops the server with a clear line and is not rebuilt.
printf 'not a database at all, not a database at all' | dd of="$db" conv=notrunc bs=1 2>/dev/null
: >"$G/rms1/log"
g_start rms1
told() { grep -qE 'OperationsManager.db.*(not a database|damaged|malformed)' "$G/rms1/log"; }
check "a damaged database is named" wait_for 20 told
ended() { ! kill -0 "${PID[rms1]}" 2>/dev/null; }
check "and the service ends" wait_for 60 ended
equal "it was not rebuilt" "$(head -c 14 "$db")" "not a database"

# Bad input: one clear line, file and line, a non-zero exit, nothing half done.
bad_conf() { # text expected
	printf '%s' "$1" >"$G/bad.conf"
	"$BIN/clavigerd" run -c "$G/bad.conf" >"$G/bad.out" 2>&1
	local rc=$?
	if [ $rc != 0 ] && [ "$(wc -l <"$G/bad.out")" = 1 ] && grep -qE "$2" "$G/bad.out"; then ok "refused: $2"; else bad "exit $rc for $2: $(head -3 "$G/bad.out")"; fi
}
bad_conf $'[node]\nname = a.b\nnme = x\n' 'bad.conf:3: .*nme'
bad_conf $'[node]\nname = a.b\ngroup = G\n' 'role'
bad_conf $'[node]\nname = a.b\ngroup = G\nrole = boss\n' 'bad.conf:4: .*agent'
bad_conf $'[node]\nname = a.b\nname = c.d\n' 'bad.conf:3: '
bad_conf $'[node\n' 'bad.conf:1: '
bad_conf $'[keys]\nbits = 1024\n[node]\nname = a.b\ngroup = G\nrole = agent\n' 'bad.conf:2: .*3072'
bad_conf $'[node]\nname = a.b\ngroup = G\nrole = gatekeeper\n' 'bad.conf:4: .*gateway'
"$BIN/clavigerd" run -c "$G/none.conf" >"$G/bad.out" 2>&1
equal "no configuration: exit code and one line" "$? $(wc -l <"$G/bad.out")" "1 1"
"$BIN/clavigerd" frobnicate >/dev/null 2>&1
equal "an unknown command" $? 2
# What fails before anybody could say why is said where the command was given.
if [ "$(id -u)" = 0 ]; then
	g_node closed management-server
	mkdir -m 700 "$G/shut"
	sed -i "s,^state = .*,state = $G/shut/state\nlog = $G/closed.log," "$G/closed/clavigerd.conf"
	equal 'init where its processes may not go' "$("$BIN/clavigerd" init -c "$G/closed/clavigerd.conf" 2>&1; echo $?)" "clavigerd: init was not done; the log says why: $G/closed.log"$'\n1'
	check 'and it does' grep -q 'Permission denied' "$G/closed.log"
fi
g_end
