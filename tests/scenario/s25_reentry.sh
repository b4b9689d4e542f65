#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# S23, O3, P9: after a recovery several people enter the passwords again, see each other, set aside what nobody
# needs with a reason, see which hosts confirmed what, and finish with a report that the group signed.
. "$(dirname "$0")/../lib/group.sh"
g_begin
drive() { "$BIN/tests/tools/drive" "$BIN/claviger" "$CLAVIGER_SERVER" "$@"; }
status() { clv recovery status -o json 2>/dev/null | jq -r "$1"; }
status_is() { [ "$(status "$1")" = "$2" ]; }
field() { clv describe account "$1" -o json 2>/dev/null | jq -r ".$2"; }
confirmed_is() { [ "$(field "$1" confirmed)" = "$2" ]; }
enter() { printf '%s' "$2" | clv reenter "$1" --password-fd 0 "${@:3}" 2>&1; }
me=user:$(id -un)
g_init
for n in web01 web02 db01; do g_agent "$n" agent '[trust]' 'reaccept = direct'; done
clv account add sql --type simple --user sql --kept-by 'DBA vault' --ends "$(date -u -d '+20 days' +%F)" >/dev/null 2>&1
clv account add deploy --type simple --user deploy >/dev/null 2>&1
clv account add old-batch --type simple --user batch >/dev/null 2>&1
clv account add fresh --type simple --user fresh >/dev/null 2>&1
clv account distribute sql --to web01 web02 db01 --yes >/dev/null 2>&1
clv account distribute deploy --to web01 web02 --yes >/dev/null 2>&1
for a in sql deploy old-batch; do enter "$a" "first of $a" --all-at-once >/dev/null; done
check 'sql is at its three hosts' wait_for 20 confirmed_is sql 3
check 'deploy at its two' wait_for 20 confirmed_is deploy 2
equal 'who entered it, not who changed the row last' "$(clv account edit sql --note n >/dev/null 2>&1; field sql entered_by)" "$me"

# No recovery yet: nothing of it can be done, and the command line says so.
equal 'there was no recovery' "$(status '.state, .epoch' | tr '\n' ' ')" 'none 0 '
clv recovery aside sql --reason x --yes >"$G/out" 2>&1
equal 'an account that waits for nobody is not set aside' "$? $(grep -c 'nothing to set aside' "$G/out")" '2 1'
clv recovery finish --yes >"$G/out" 2>&1
equal 'nothing to finish' "$? $(grep -c 'no recovery to finish' "$G/out")" '2 1'
clv recovery status --report >"$G/out" 2>&1
equal 'no report' "$? $(grep -c 'never was a recovery' "$G/out")" '1 1'
clv recovery verify >"$G/out" 2>"$G/err"
equal 'every host has what it should' "$? $(grep -c '^ok ' "$G/out") $(grep -c '^never entered *fresh' "$G/out")" '0 3 1'
equal "an agent's accounts" "$(clv describe agent web01 -o json 2>/dev/null | jq -c '[.accounts, .accounts_confirmed, .accounts_missing]')" '[2,2,0]'

# The server is lost; one host is away meanwhile.
g_stop db01
g_stop rms1
rm -rf "$G/rms1/state/vault" "$G/rms1/machine.secret"
check 'recovered over the database' "$BIN/clavigerd" recover -c "$G/rms1/clavigerd.conf"
g_start rms1
check 'it answers' wait_for 20 g_server_up
check 'the hosts that trust it are back' wait_for 40 status_is .agents_back 2
equal 'three passwords to enter, none yet' "$(status '[.state, .to_enter, .entered, .confirmed, .aside, .agents] | @csv')" '"under way",3,0,0,0,3'
equal 'the first that ends is known' "$(status .first_end_account)" sql
clv recovery finish --yes >"$G/out" 2>&1
equal 'not finished while some are to be entered' "$? $(grep -c '3 accounts are to be entered again' "$G/out")" '1 1'
clv recovery verify >"$G/out" 2>&1
equal 'nor verified' "$? $(grep -c '^to enter ' "$G/out")" '5 3'

# Two people: the first one's form is open.
mkfifo "$G/first"
drive recover <"$G/first" >"$G/first.out" 2>&1 &
first=$!
exec 9>"$G/first"
printf 'wait 0 of 3 entered, 0 confirmed\nwait ! sql\nkey E\nwait New password of sql\nwait sealed for rms1\nsettle\nkey Zq8\nwait 3 characters\nsay step1\n' >&9
check 'the first one types' wait_for 20 grep -q step1 "$G/first.out"
equal 'others know' "$(status '[.claims[] | .account, .by] | @csv')" "\"sql\",\"$(id -un)\""
cat >"$G/second" <<X
wait 3 passwords are to be entered again
key :recover\\r
wait $(id -un) is at it, last key
key E
wait New password of sql
wait sealed for rms1
wait $(id -un) is at it too, last key
settle
key \\e
wait Left.
key \\r
wait E enter
key Djjj
X
check 'the second sees it in the list and in the form' drive overview <"$G/second"
printf 'key \025Zq8-pass\\rZq8-pass\\r\nwait Saved as v2\nwait New password of deploy\nwait sealed for rms1\nsay step2\nsettle\nkey \\e\nwait Left.\nkey \\r\nwait one host\nsay step3\n' >&9
check 'saved, and the next one opens' wait_for 20 grep -q step2 "$G/first.out"
check 'left' wait_for 20 grep -q step3 "$G/first.out"
exec 9>&-
wait "$first"
equal 'so it went: no line failed' "$?" 0
equal 'nobody is at anything now' "$(status '.claims | length')" 0
opened() { [ "$(field sql trial)" = 'opened, nothing tests it' ]; }
check 'one host has it first' wait_for 20 opened
equal 'and it counts as entered' "$(status '[.to_enter, .entered] | @csv')" '2,1'
check 'to the rest' clv account continue sql --yes
check 'two confirmed it, one is away' wait_for 20 confirmed_is sql 2
clv recovery verify sql >"$G/out" 2>&1
equal 'who misses it is named' "$? $(grep -c 'missing .*sql  v2  2 of 3 hosts  missing: db01.ops.test' "$G/out")" '5 1'
equal 'as JSON too' "$(clv recovery verify sql -o json 2>/dev/null | jq -r '.[0] | [.verdict, .missing[0].host] | @csv')" '"missing","db01.ops.test"'
enter deploy 'second of deploy' --all-at-once >/dev/null
check 'deploy is confirmed' wait_for 20 status_is .confirmed 1

# Set aside: a reason, and back.
clv recovery aside old-batch --yes >"$G/out" 2>&1
equal 'not without a reason' $? 2
clv recovery aside old-batch --reason '   ' --yes >"$G/out" 2>&1
equal 'nor with blanks' $? 2
clv recovery aside deploy --reason 'no longer used' --yes >"$G/out" 2>&1
equal 'nor what was entered' $? 2
check 'old-batch is set aside' clv recovery aside old-batch --reason 'no longer used' --yes
equal 'the account says so' "$(field old-batch 'aside, .aside_by, .recovery' | tr '\n' ' ')" "no longer used $me set aside "
equal 'and it is not counted to enter' "$(status '[.to_enter, .aside] | @csv')" '0,1'
check 'back' clv recovery aside old-batch --back --yes
equal 'it is to be entered again' "$(status '[.to_enter, .aside] | @csv')" '1,0'
check 'and aside again' clv recovery aside old-batch --reason 'no longer used' --yes
g_stop rms1
g_start rms1
check 'after a restart' wait_for 20 g_server_up
equal 'it stays aside' "$(status '[.to_enter, .aside] | @csv')" '0,1'
g_start db01
check 'the host that was away gets its password at its return' wait_for 40 confirmed_is sql 3
clv recovery verify >"$G/out" 2>&1
equal 'now all is verified' "$? $(grep -c '^ok ' "$G/out") $(grep -c '^set aside *old-batch' "$G/out")" '0 2 1'

# The end, with a report.
cat >"$G/end" <<X
wait 2 of 2 entered, 2 confirmed, 1 aside
key F
wait Cannot be undone. Type OMMG1:
settle
key OMMG1\\r
wait finished
wait 4 Report
X
check 'finished in the full screen' drive recover <"$G/end"
equal 'it is finished' "$(status '.state, .finished_by' | tr '\n' ' ')" "finished $me "
check 'the report' bash -c "'$BIN/claviger' recovery status --report >'$G/report'"
equal 'it says what happened' "$(grep -cE "sql: v2 entered .* by $me; 3 of 3 hosts confirmed it|deploy: v2 entered .* by $me; 2 of 2|old-batch: set aside .* by $me: no longer used|Signed .* the signature holds" "$G/report")" 4
clv recovery status --report -o json >"$G/report.json" 2>/dev/null
seq=$(jq -r .audit_seq "$G/report.json")
equal 'its hash is that of the audit row it names' "$(jq -r .audit_hash "$G/report.json" | tr a-f A-F)" \
	"$(clv get audit --filter "seq:$seq" -o json 2>/dev/null | jq -r '.[0].hash' | tr a-f A-F)"
equal 'the audit trail has every act' "$(clv get audit --limit 1000 -o json 2>/dev/null | jq -r '[.[].act | select(. == "account set aside" or . == "account take back" or . == "recovery finish")] | sort | join(",")')" \
	'account set aside,account set aside,account take back,recovery finish'
clv recovery finish --yes >"$G/out" 2>&1
equal 'once is enough' "$? $(grep -c 'was finished already' "$G/out")" '2 1'
g_stop rms1
g_start rms1
check 'after a restart' wait_for 20 g_server_up
check 'it is the same report' bash -c "'$BIN/claviger' recovery status --report | cmp - '$G/report'"

# What was set aside can still be entered; a claim whose console died ends by itself.
enter old-batch 'after all' --all-at-once >/dev/null
equal 'entered after all, so not aside' "$(field old-batch 'aside, .recovery' | tr '\n' ' ')" 'null none '
if [ -n "$LONG" ]; then
	mkfifo "$G/third"
	drive 'account sql' <"$G/third" >"$G/third.out" 2>&1 &
	third=$!
	exec 9>"$G/third"
	printf 'wait Used by\nkey E\nwait New password of sql\nsay open\n' >&9
	wait_for 20 grep -q open "$G/third.out"
	exec 9>&-
	wait "$third"
	equal 'its claim is there a while' "$(status '.claims | length')" 1
	check 'and ends by itself' wait_for 75 status_is '.claims | length' 0
fi
g_end
