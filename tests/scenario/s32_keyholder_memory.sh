#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The whole memory of the server's and of the agent's key holder after each verb that sees a password or a
# passphrase: enter, seal, check of the rows, open, try, release, seal anew after a restart, key backup, drill,
# restore and recover. Nothing of it is left in any form; what surely is there is found each time. (Must show 11.)
. "$(dirname "$0")/../lib/group.sh"
[ "$(id -u)" = 0 ] || { printf '0 passed, 0 failed, 1 skipped\n      only root reads the memory of another process\n'; exit 0; }
g_begin
leak=$BIN/tests/tools/leak
conf=$G/rms1/clavigerd.conf
first='Pa55 wörd<&>"1 Zq8 first' second='an0ther Sécret 9f3e second' pass='correct horse Bättery 41'
printf '%s' "$first" >"$G/first"
printf '%s' "$second" >"$G/second"
printf '%s' "$pass" >"$G/passphrase"
printf '%s\n' "$pass" >"$G/pass.line"
printf 'rms1.ops.test' >"$G/control"
cat >"$G/try" <<'X'
#!/bin/sh
cat <&3 >/dev/null
echo asked >>"$1"
X
chmod 755 "$G/try"
: >"$G/asked"
chmod 666 "$G/asked"
mkdir -p "$G/web01"
printf '[profile P]\nusers = %s\ncheck = %s %s\n' "$(id -un)" "$G/try" "$G/asked" >"$G/web01/profiles"
searches=0 bytes=0
# The key holders of both nodes hold none of the three, and can be looked at.
clean() { # VERB [NODE...]: both nodes unless named
	local verb=$1 n f pid hits places; shift
	[ $# -gt 0 ] || set -- rms1 web01
	for n in "$@"; do
		pid=$(g_proc "$n" keyholder)
		[ -n "$pid" ] || { bad "after $verb: $n has no key holder"; continue; }
		for f in first second passphrase; do
			"$leak" "$G/$f" "pid:$pid" >"$G/leak.out" 2>&1
			hits=$(grep -c FOUND "$G/leak.out")
			places=$(sed -n 's/.*, \([0-9]*\) bytes,.*/\1/p' "$G/leak.out")
			searches=$((searches + 1)) bytes=$((bytes + ${places:-0}))
			equal "after $verb: no $f in $n's key holder (${places:-0} bytes)" "$hits $([ "${places:-0}" -gt 1000000 ] && echo looked)" '0 looked'
		done
		equal "what it surely holds is found in $n's" "$("$leak" "$G/control" "pid:$pid" | grep -c FOUND | awk '{print ($1 > 0)}')" 1
	done
}
cred() { timeout 60 "$BIN/clavigerd" credential -c "$G/web01/clavigerd.conf" P 2>/dev/null; }
gives() { [ "$(cred)" = "$1" ]; }
enter() { clv reenter svc --password-fd 0 "${@:2}" <"$G/$1"; }
tested() { [ -s "$G/asked" ] && [ "$(clv get accounts -o json 2>/dev/null | jq -r '.[0].confirmed')" = 1 ]; }
up() { [ "$(field_of web01 contact)" = up ]; }
key() { timeout 60 "$BIN/clavigerd" key "$1" -c "$conf" --passphrase-fd 3 "$G/keys.backup" 3<"$G/pass.line"; }

g_node rms1 management-server
"$BIN/clavigerd" init -c "$conf" --recovery-key "$G/recovery.pem" --passphrase-fd 5 >"$G/init.out" 2>&1 5<"$G/pass.line"
check 'a group with a recovery key' test -s "$G/recovery.pem"
g_start rms1
wait_for 20 g_server_up
g_agent web01 agent || g_end
{ clv account add svc --type simple --user svc && clv profile add P && clv profile associate P svc --all; } >"$G/out" 2>&1

# enter: for no host yet, so the server has it alone.
check 'a password is entered' enter first --all-at-once
clean enter
# seal at the server, open and try at the agent.
check 'it is distributed' clv account distribute svc --to web01 --yes
check 'opened and tried at the agent' wait_for 20 tested
clean 'seal, open and try'
check 'released to a caller' gives "$first"
clean release
check 'another one, to one host first' enter second --first web01
check 'comes into use' wait_for 20 gives "$second"
clean 'trial and release'
# rows: checked whole at each start; the agent's vault is opened; sealed anew.
g_stop web01; g_stop rms1
g_start rms1; g_start web01
wait_for 20 g_server_up
check 'the agent comes again' wait_for 30 up
check 'and gives it from its vault' gives "$second"
clean 'a check of all rows, and a password from the vault'
check 'key backup' key backup
clean 'key backup' rms1
check 'key drill' key drill
clean 'key drill' rms1
printf 'not the passphrase 7\n' >"$G/wrong.line"
check 'a drill that fails' bash -c "! '$BIN/clavigerd' key drill -c '$conf' --passphrase-fd 3 '$G/keys.backup' 3<'$G/wrong.line'"
clean 'a drill that fails' rms1

# restore and recover run in processes of their own, which end; the service that comes after has nothing of it.
lose() {
	g_stop rms1
	find "$G/rms1/state" -mindepth 1 -maxdepth 1 ! -name OperationsManager.db -exec rm -rf {} +
	rm -f "$G/rms1/machine.secret"
}
lose
check 'key restore' key restore
g_start rms1
check 'the server is back' wait_for 20 g_server_up
check 'and the agent' wait_for 60 up
clean 'key restore'
lose
check 'recover with the recovery key' bash -c "'$BIN/clavigerd' recover -c '$conf' --recovery-key '$G/recovery.pem' --passphrase-fd 5 5<'$G/pass.line'"
g_start rms1
check 'the server is back with new keys' wait_for 20 g_server_up
check 'the agent takes them' wait_for 60 up
clean recover
check 'entered again' enter first --all-at-once
check 'and delivered' wait_for 20 gives "$first"
clean 'entry after a recovery'
# Nor is a password or the passphrase in what lies on the disk.
for f in first second passphrase; do
	"$leak" "$G/$f" "$G/rms1" "$G/web01" "$G/keys.backup" "$G/recovery.pem" >"$G/leak.out" 2>&1
	equal "$f is in no file: $(tail -1 "$G/leak.out")" "$(grep -c FOUND "$G/leak.out")" 0
done
# Control: a process that holds one is found out, in each form.
for form in cat base64 xxd; do
	case $form in
	cat) held=$first ;;
	base64) held=$(printf '%s' "$first" | base64 -w0) ;;
	xxd) held=$(printf '%s' "$first" | od -An -tx1 | tr -d ' \n') ;;
	esac
	HELD=$held sleep 300 &
	PID[holder]=$!
	holds() { "$leak" "$G/first" "pid:${PID[holder]}" >"$G/leak.out"; [ $? = 1 ]; }
	check "a process that holds it is found out ($form)" wait_for 5 holds
	g_stop holder
done
printf '      %s searches, %s bytes of memory\n' "$searches" "$bytes"
g_end
