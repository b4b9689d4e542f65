#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# S23, S30, B5, O3: a server's state is gone but for its database. Agents go on with what they hold, asked every
# second throughout; new keys, every password entered again in a terminal, everything confirmed. Trust by the
# recovery key, by a person on the node, and as configured beforehand; nothing without. (Must show 8.)
. "$(dirname "$0")/../lib/group.sh"
g_begin
agents='web01 web02 web03 web04 web05 web06'
accounts=40
[ -z "${CLAVIGER_ASAN:-}" ] || accounts=12
me=$(id -un)
conf=$G/rms1/clavigerd.conf
svc() { timeout 60 "$BIN/clavigerd" "$@"; }
for a in $agents; do
	mkdir -p "$G/$a"
	{
		for i in $(seq $accounts); do printf '[profile P%02d]\nusers = %s\n' "$i" "$me"; done
		printf '[profile Late]\nusers = %s\n' "$me"
	} >"$G/$a/profiles"
done
printf '\n[trust]\nreaccept = direct\n' >>"$G/web06/profiles"
g_node rms1 management-server
printf 'short\n' >"$G/short.pass"
check 'a short passphrase makes no recovery key' bash -c "! $BIN/clavigerd init -c $conf --recovery-key $G/recovery.pem --passphrase-fd 5 5<$G/short.pass && [ ! -e $G/recovery.pem ] && [ ! -e $G/rms1/state/vault ]"
# The recovery key's passphrase is asked at a terminal.
script -qec "$BIN/clavigerd init -c $conf --recovery-key $G/recovery.pem" /dev/null \
	< <(sleep 1; echo 'offline and locked'; sleep 1; echo 'offline and locked'; sleep 2) >"$G/init.out" 2>&1
check 'a group with a recovery key' test -s "$G/recovery.pem"
printf 'offline and locked\n' >"$G/recovery.pass"
check 'openssl opens it, with many iterations' bash -c "openssl pkey -in $G/recovery.pem -passin file:$G/recovery.pass -noout && openssl asn1parse -in $G/recovery.pem | grep -q 'INTEGER *:0927C0'"
printf 'something else\n' >"$G/wrong.pass"
g_start rms1
wait_for 20 g_server_up
for a in $agents; do g_agent "$a" agent; done
for i in $(seq -f %02g $accounts); do
	clv account add "acct-$i" --type simple --user "user$i" --kept-by 'DBA team' && clv account distribute "acct-$i" --to 'web*' --yes &&
		clv profile add "P$i" && clv profile associate "P$i" "acct-$i" --all
done >"$G/out" 2>&1 || bad "accounts: $(tail -2 "$G/out")"
password() { printf 'first %s pw-%s' "$1" "$1"; }
for i in $(seq -f %02g $accounts); do
	password "$i" | clv reenter "acct-$i" --password-fd 0 --all-at-once
done >"$G/out" 2>&1
all_confirmed() { [ "$(clv get accounts --limit 100 -o json 2>/dev/null | jq '[.[] | select(.confirmed==6 and .missing==0 and .state=="ok")] | length')" = "$accounts" ]; }
check "$accounts accounts on 6 agents" wait_for 60 all_confirmed
cred() { timeout 60 "$BIN/clavigerd" credential -c "$G/$1/clavigerd.conf" "P$2" 2>/dev/null; }
equal 'an agent gives one' "$(cred web03 07)" "$(password 07)"
check 'a copy of the database' svc store backup -c "$conf" before
cp "$G"/rms1/state/backup/before* "$G/before.db"

# Asked every second on every agent, from now to the end: never nothing, never another than an old or new one.
ask_always() {
	local i=0 n=0 f=0 got
	while [ ! -e "$G/enough" ]; do
		for a in $agents; do
			i=$((i % accounts + 1))
			got=$(timeout 60 "$BIN/clavigerd" credential -c "$G/$a/clavigerd.conf" "P$(printf %02d $i)" 2>"$G/asked.err")
			n=$((n + 1))
			case $got in "first $(printf %02d $i) pw-"*|"second $(printf %02d $i) pw-"*) ;; *) f=$((f + 1)); echo "$a P$i: '$got' $(tr '\n' ' ' <"$G/asked.err")" >>"$G/asked.bad" ;; esac
		done
		echo "$n $f" >"$G/asked"
		sleep 1
	done
}
ask_always &
asker=$!
lose() { # all of the server's state but for the database; and the machine secret
	g_stop rms1
	find "$G/rms1/state" -mindepth 1 -maxdepth 1 ! -name OperationsManager.db -exec rm -rf {} +
	rm -f "$G/rms1/machine.secret"
}
rows() { sed -n "s/^$1 *//p" "$2"; }

# --- refusals before anything ---
check 'nothing is recovered where nothing is lost' bash -c "g_out=\$($BIN/clavigerd recover -c $conf 2>&1); [ \$? = 1 ] && grep -q 'stop\|nothing has to be recovered\|locked\|another' <<<\"\$g_out\""
g_stop rms1
svc recover -c "$conf" >"$G/out" 2>&1
equal 'nor with the service stopped' "$(grep -c 'nothing has to be recovered' "$G/out")" 1
g_start rms1
wait_for 20 g_server_up
lose
svc run -c "$conf" >"$G/out" 2>&1
equal 'the service does not start without its keys, and says what to do' "$(grep -c 'clavigerd recover' "$G/out")" 1
mv "$G/rms1/state/OperationsManager.db" "$G/aside.db"
rm -f "$G/rms1/state/OperationsManager.db-journal"
svc recover -c "$conf" >"$G/out" 2>&1
equal 'nothing is recovered without a database' "$(grep -c 'is not there: bring it back' "$G/out")" 1
check 'and none is made' test ! -e "$G/rms1/state/OperationsManager.db"
mv "$G/aside.db" "$G/rms1/state/OperationsManager.db"
svc recover -c "$conf" --recovery-key "$G/recovery.pem" --passphrase-fd 5 5<"$G/wrong.pass" >"$G/out" 2>&1
equal 'a wrong passphrase of the recovery key: nothing is made' "$(grep -c 'does not open' "$G/out")" 1
openssl ecparam -name prime256v1 -genkey 2>/dev/null | openssl pkcs8 -topk8 -passout "file:$G/recovery.pass" -out "$G/other.pem" 2>/dev/null
svc recover -c "$conf" --recovery-key "$G/other.pem" --passphrase-fd 5 5<"$G/recovery.pass" >"$G/out" 2>&1
equal 'another recovery key than the group was made with' "$(grep -c 'is not the recovery key that the group was made with' "$G/out")" 1
svc recover -c "$conf" --group OTHER >"$G/out" 2>&1
equal 'another group than the configured one' "$?" 2

# --- new keys; the recovery key signed for them ---
check 'recover' bash -c "$BIN/clavigerd recover -c $conf --recovery-key $G/recovery.pem --passphrase-fd 5 5<$G/recovery.pass >$G/recover1.out 2>&1"
equal 'every password is to be entered again' "$(grep -c "^To enter again *$accounts of $accounts" "$G/recover1.out")" 1
svc recover -c "$conf" >"$G/out" 2>&1
equal 'a second time there is nothing to recover' "$(grep -c 'nothing has to be recovered' "$G/out")" 1
g_start rms1
check 'the server is up' wait_for 20 g_server_up
links_up() { [ "$(clv get agents -o json 2>/dev/null | jq '[.[] | select(.contact=="up")] | length')" = "${1:-6}" ]; }
check 'every agent takes the new key by itself' wait_for 90 links_up
took() { [ "$(event_count "id:20024")" -ge 12 ]; }
check 'with an event at both ends' wait_for 30 took
equal 'because the recovery key signed it' "$(events id:20024 | jq '[.[] | select(.text | test("recovery key signed it"))] | length')" 12
reentry() { clv get accounts --limit 100 -o json 2>/dev/null | jq "[.[] | select(.state==\"needs re-entry\")] | length"; }
equal 'all accounts need re-entry' "$(reentry)" "$accounts"
equal 'nothing of the database was deleted' "$(clv get profiles --limit 100 -o json 2>/dev/null | jq length)" "$accounts"
equal 'an agent still gives what it has' "$(cred web05 11)" "$(password 11)"
# An agent that starts anew meanwhile gives it too: its vault has it.
g_stop web02; g_start web02
again() { [ "$(cred web02 09)" = "$(password 09)" ]; }
check 'also after a restart of the agent' wait_for 20 again

# --- re-entry in a terminal: one account after the other, most hosts first, then by name ---
{
	printf 'wait to enter\nsettle\nkey E\n'
	for i in $(seq -f %02g $accounts); do
		printf 'wait user%s\nsettle\nkey second %s pw-%s\\r\nsettle\nkey second %s pw-%s\\r\n' "$i" "$i" "$i" "$i" "$i"
	done
	printf 'settle\nsettle\nsettle\n'
} >"$G/reenter.script"
"$BIN/tests/tools/drive" "$BIN/claviger" "$CLAVIGER_SERVER" recover <"$G/reenter.script" >"$G/drive.out" 2>&1 || bad "the terminal: $(cat "$G/drive.out")"
# Entered, and waiting at its first host: an account stays "needs re-entry" until every host gets the new one.
entered() { [ "$(clv recovery status -o json 2>/dev/null | jq .to_enter)" = 0 ]; }
check 'every password was entered in a terminal' wait_for 30 entered
# No check is configured: one host until opened, then the operator says go on.
for i in $(seq -f %02g $accounts); do clv account continue "acct-$i" >/dev/null 2>&1; done
check 'everything is confirmed' wait_for 90 all_confirmed
equal 'an agent gives the new one' "$(cred web04 12)" 'second 12 pw-12'

# --- lost again, without the recovery key: a person's word, or as configured beforehand ---
lose
check 'recover without the recovery key' bash -c "$BIN/clavigerd recover -c $conf >$G/recover2.out 2>&1"
print2=$(rows 'Group signing key' "$G/recover2.out")
g_start rms1
check 'the server is up' wait_for 20 g_server_up
only_direct() { [ "$(field_of web06 contact)" = up ]; }
check 'web06 takes the new key: reaccept = direct' wait_for 60 only_direct
equal 'and says so at both ends' "$(events id:20024 | jq '[.[] | select(.text | test("reaccept = direct"))] | length >= 1')" true
complains() { grep -q 'shows another group signing key' "$G/$1/log"; }
for a in web01 web02 web03 web04 web05; do check "$a keeps the old one and says what to do" wait_for 60 complains "$a"; done
equal 'none of the five is linked' "$(clv get agents -o json 2>/dev/null | jq '[.[] | select(.contact=="up")] | length')" 1
equal 'an agent that does not trust gives what it has' "$(cred web01 07)" 'second 07 pw-07'
first1=$(rows 'Group signing key' "$G/recover1.out")
check 'trust in a fingerprint that is none is refused' bash -c "! $BIN/clavigerd trust -c $G/web01/clavigerd.conf 'AB CD'"
check "trust in the key before" svc trust -c "$G/web01/clavigerd.conf" "$first1"
sleep 3
check 'does not open for the new one' bash -c "[ '$(field_of web01 contact)' != up ]"
if [ "$(id -u)" = 0 ]; then
	cp "$BIN/clavigerd" "$G/clavigerd-copy"; chmod 755 "$G/clavigerd-copy"; chmod 644 "$G/web01/clavigerd.conf"; chmod go+rx "$G/web01"
	check 'who is neither root nor runs the service trusts nothing here' bash -c "! setpriv --reuid 65534 --regid 65534 --clear-groups $G/clavigerd-copy trust -c $G/web01/clavigerd.conf '$print2'"
fi
for a in web01 web02 web03 web04 web05; do svc trust -c "$G/$a/clavigerd.conf" "$print2" >>"$G/out" 2>&1 || bad "trust at $a: $(tail -1 "$G/out")"; done
check 'a person trusts the new key on each: they come' wait_for 120 links_up
equal 'all accounts need re-entry again' "$(reentry)" "$accounts"
for i in $(seq -f %02g $accounts); do printf 'second %s pw-%s' "$i" "$i" | clv reenter "acct-$i" --password-fd 0 --all-at-once; done >"$G/out" 2>&1
check 'everything is confirmed again' wait_for 90 all_confirmed

# --- lost once more, with a key backup: nothing has to be entered ---
printf 'a passphrase for the keys\n' >"$G/backup.pass"
check 'a key backup' bash -c "$BIN/clavigerd key backup -c $conf --passphrase-fd 5 $G/keys.backup 5<$G/backup.pass"
lose
svc key restore -c "$conf" --passphrase-fd 5 "$G/keys.backup" 5<"$G/wrong.pass" >"$G/out" 2>&1
equal 'a wrong passphrase of the key backup: nothing comes back' "$?" 1
check 'key restore' bash -c "$BIN/clavigerd key restore -c $conf --passphrase-fd 5 $G/keys.backup 5<$G/backup.pass >$G/restore.out 2>&1"
equal 'no password has to be entered' "$(grep -c "^To enter again *0 of $accounts" "$G/restore.out")" 1
g_start rms1
check 'the server is up' wait_for 20 g_server_up
check 'every agent comes by itself: the key is the same' wait_for 90 links_up
check 'everything is confirmed' wait_for 60 all_confirmed
equal 'no row is named' "$(event_count id:2004)" 0
printf 'second 01 pw-new' | clv reenter acct-01 --password-fd 0 --all-at-once >"$G/out" 2>&1
new_one() { [ "$(cred web01 01)" = 'second 01 pw-new' ]; }
check 'and a new password goes out' wait_for 30 new_one
mkdir -p "$G/web07"; cp "$G/web01/profiles" "$G/web07/profiles"
g_agent web07 agent
sealed_anew() { [ "$(cred web07 07)" = "second 07 pw-07" ]; }
check 'a new agent is sealed what was at rest' wait_for 30 sealed_anew
svc recover -c "$conf" >"$G/out" 2>&1

# --- all is gone, and the database is an older copy: an account and a profile of today are not in it ---
{ clv account add late --type simple --user late && clv account distribute late --to web02 --yes && clv profile add Late && clv profile associate Late late --all; } >"$G/out" 2>&1
printf 'late pw' | clv reenter late --password-fd 0 --all-at-once >"$G/out" 2>&1
late() { [ "$("$BIN/clavigerd" credential -c "$G/web02/clavigerd.conf" Late 2>/dev/null)" = 'late pw' ]; }
check 'an account of today' wait_for 30 late
g_stop rms1
rm -rf "${G:?}/rms1/state"
check 'a copy of the database is brought back' svc store restore -c "$conf" "$G/before.db"
check 'over another one only with --replace' bash -c "! $BIN/clavigerd store restore -c $conf $G/before.db"
check 'then it is kept beside' svc store restore -c "$conf" --replace "$G/before.db"
check 'what is no database is refused' bash -c "! $BIN/clavigerd store restore -c $conf --replace $conf"
svc key restore -c "$conf" --passphrase-fd 5 "$G/keys.backup" 5<"$G/backup.pass" >"$G/out" 2>&1
equal 'keys of a later epoch than the database: refused, and why' "$(grep -c 'the key backup is of epoch' "$G/out")" 1
check 'recover over the older copy' bash -c "$BIN/clavigerd recover -c $conf --recovery-key $G/recovery.pem --passphrase-fd 5 5<$G/recovery.pass >$G/recover3.out 2>&1"
g_start rms1
check 'the server is up' wait_for 20 g_server_up
check 'the six come: the recovery key signed it' wait_for 120 links_up
equal 'an agent gives the newest it ever had' "$(cred web01 01)" 'second 01 pw-new'
check 'what the copy forgot is still held and given (B5)' wait_for 5 late
told() { has_event "id:20027"; }
check 'and an event names it' wait_for 30 told
for i in $(seq -f %02g $accounts); do printf 'second %s pw-end' "$i" | clv reenter "acct-$i" --password-fd 0 --all-at-once; done >"$G/out" 2>&1
check 'everything is confirmed after re-entry' wait_for 120 all_confirmed
all_confirmed || clv get accounts --limit 100 -o json 2>/dev/null | jq -c '.[] | select(.confirmed!=6 or .missing!=0 or .state!="ok") | {name,state,targets,confirmed,missing}' | head -5
last_one() { [ "$(cred web02 05)" = 'second 05 pw-end' ]; }
check 'the new password is in use' wait_for 60 last_one
check 'what the copy forgot is held until somebody says that the recovery is over' late
check 'finish' clv recovery finish --yes
gone() { ! late; }
check 'then it goes' wait_for 60 gone

: >"$G/enough"
wait $asker
read -r asked failures <"$G/asked"
equal "clavigerd credential was asked $asked times meanwhile, without an answer" "$failures" 0
[ ! -e "$G/asked.bad" ] || head -5 "$G/asked.bad"
printf '      %s agents, %s accounts; %s credentials asked for, %s failures\n' 6 "$accounts" "$asked" "$failures"
g_end
