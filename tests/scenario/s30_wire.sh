#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A relay stands between console and server and between server and agent and keeps every byte; the test build logs
# the secrets of TLS, so all frames are read in the clear: a password that is entered, delivered and entered again is
# in none of them in any form, the rest of what is said is. (Must show 2.)
. "$(dirname "$0")/../lib/group.sh"
g_begin
tools=$BIN/tests/tools
export CLAVIGER_TEST_KEYLOG=$G/keys.log
: >"$G/keys.log"
chmod 666 "$G/keys.log"
relay() { # NAME TO_PORT: its port in RELAY_PORT
	RELAY_PORT=$(g_port)
	mkdir "$G/wire.$1"
	"$tools/wire" relay "$RELAY_PORT" "$2" "$G/wire.$1" >"$G/wire.$1.out" 2>&1 &
	PID[relay_$1]=$!
	wait_for 10 grep -q listening "$G/wire.$1.out" || bad "the relay does not listen: $(cat "$G/wire.$1.out")"
}
relay agent "$NODE_PORT"
agent_port=$RELAY_PORT
relay console "$CONSOLE_PORT"
console_port=$RELAY_PORT
mkdir -p "$G/web01"
printf '[profile Backup of the wire]\nusers = %s\n' "$(id -un)" >"$G/web01/profiles"
g_init || g_end
SERVER_PORT=$agent_port g_agent web01 agent || g_end

mail=op@ops.test
"$BIN/clavigerd" ca issue "$G/ca" op --operator "$mail" --out "$G/op" >/dev/null
check 'an operator with a certificate' clv role grant "mail:$mail" 'credential manager' --yes
tls() { "$BIN/claviger" -s "rms1.ops.test@127.0.0.1:$console_port" --ca "$G/ca/ca.pem" --cert "$G/op.pem" --key "$G/op.key" "$@"; }
tls get agents -o json >"$G/out" 2>"$G/tls.err"
fp=$(sed -n 's/.*It shows \([0-9A-F ]*\);.*/\1/p' "$G/tls.err" | tr -d ' ')
check 'the console goes through the relay' tls --trust-group "$fp" get agents -o json
cred() { "$BIN/clavigerd" credential -c "$G/web01/clavigerd.conf" 'Backup of the wire' 2>/dev/null; }
gives() { [ "$(cred)" = "$1" ]; }
first='Pa55 wörd<&>"1 Zq8' second='an0ther Sécret 9f3e'
printf '%s' "$first" >"$G/first"
printf '%s' "$second" >"$G/second"
check 'an account, over the wire' tls account add svc-of-the-wire --type windows --user svc-of-the-wire --domain CORP
check 'its profile' tls profile add 'Backup of the wire'
check 'is distributed' tls account distribute svc-of-the-wire --to web01 --yes
check 'used' tls profile associate 'Backup of the wire' svc-of-the-wire --all
reenter() { tls reenter svc-of-the-wire --password-fd 0 --all-at-once <"$G/$1"; }
check 'its password is entered over the wire' reenter first
check 'and arrives at the agent' wait_for 20 gives "$first"
check 'another one' reenter second
check 'arrives too' wait_for 20 gives "$second"
check 'what a console is told of it' tls describe account svc-of-the-wire -o json
confirmed() { [ "$(tls get accounts -o json 2>/dev/null | jq -r '.[0].confirmed')" = 1 ]; }
check 'the server has the receipt' wait_for 20 confirmed
# Sealed anew: the agent comes again.
g_stop web01
g_start web01
up() { [ "$(field_of web01 contact)" = up ]; }
check 'the agent comes again' wait_for 30 up
g_stop web01
g_stop rms1
g_stop relay_agent
g_stop relay_console

for w in agent console; do
	check "every record between the server and the $w opens" "$tools/wire" open "$G/keys.log" "$G/wire.$w" "$G/plain.$w"
	printf '      %s: %s\n' "$w" "$(cat "$G/check.out")"
	cat "$G/plain.$w".*.c >"$G/said.$w.c"
	cat "$G/plain.$w".*.s >"$G/said.$w.s"
	for f in first second; do
		"$tools/leak" "$G/$f" "$G/said.$w.c" "$G/said.$w.s" "$G/wire.$w" >"$G/leak.out" 2>&1
		equal "the $f password is in no frame of the $w: $(tail -1 "$G/leak.out")" "$(grep -c FOUND "$G/leak.out")" 0
	done
done
# Controls: what is no secret is read in both directions, and was not in the clear on the wire.
has() { grep -qaF -- "$2" "$G/said.$1"; }
check 'the account is in what the console said' has console.c svc-of-the-wire
check 'and in what it was told' has console.s svc-of-the-wire
check 'the configuration that the agent got is read' has agent.s '<SecureData'
check 'and what the agent said' has agent.c web01.ops.test
equal 'on the wire itself it is not' "$(cat "$G"/wire.*/*.[cs] | grep -caF svc-of-the-wire)" 0
mkdir "$G/none"
cp "$G/wire.agent/0.c" "$G/wire.agent/0.s" "$G/none/"
: >"$G/none.log"
check 'without the logged secrets nothing opens' bash -c "! $tools/wire open $G/none.log $G/none $G/plain.none"
# A form that is planted in a frame's plaintext would be found.
{ cat "$G/said.agent.s"; base64 -w0 "$G/first"; } >"$G/planted"
check 'a planted one is found' bash -c "! $tools/leak $G/first $G/planted"
printf '%s' "$second" | iconv -f UTF-8 -t UTF-16LE >>"$G/planted"
check 'as UTF-16 too' bash -c "! $tools/leak $G/second $G/planted"
g_end
