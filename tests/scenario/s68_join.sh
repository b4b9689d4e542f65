#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# clavigerd join: one more management server gets its copy of the group's keys, after an administrator typed its code
# and the live server's key holder compared it. The right code joins; a wrong one, a second use, an expired one, another
# request, a person without the right and a server that lies get nothing, each by name. After the loss of the
# first server its database and the joined server's keys bring the group back without a single entry. (S21, S22, T32.)
# shellcheck source-path=SCRIPTDIR source=../lib/group.sh
. "$(dirname "$0")/../lib/group.sh"
g_begin
mkdir -p "$G/web01"
printf '[profile P]\nusers = %s\n' "$(id -un)" >"$G/web01/profiles"
# The agent knows both servers from the beginning.
SECOND_PORT=$(g_port)
g_init || g_end
g_agent web01 agent || g_end
g_stop web01
sed -i "s/^server = .*/&, rms2.ops.test@127.0.0.1:$SECOND_PORT/" "$G/web01/clavigerd.conf"
g_start web01
{ clv account add svc --type simple --user svc && clv profile add P && clv profile associate P svc --all && clv account distribute svc --to web01 --yes; } >"$G/out" 2>&1
printf 'the Secret word 41' | clv reenter svc --password-fd 0 --all-at-once >"$G/out" 2>&1
cred() { timeout 60 "$BIN/clavigerd" credential -c "$G/web01/clavigerd.conf" P 2>/dev/null; }
gives() { [ "$(cred)" = 'the Secret word 41' ]; }
check 'a group with a password at a host' wait_for 30 gives

# joins NODE [ENV...]: the command in the background; its output in NODE/join.out.
joins() {
	local n=$1; shift
	: >"$G/$n/join.out"
	env "$@" "$BIN/clavigerd" join -c "$G/$n/clavigerd.conf" --server "${TO:-rms1.ops.test@127.0.0.1:$NODE_PORT}" >"$G/$n/join.out" 2>&1 </dev/null &
	PID[$n]=$!
}
code_of() { sed -n 's/^Code *//p' "$G/$1/join.out"; }
asks() { [ -n "$(code_of "$1")" ]; }
ended() { ! kill -0 "${PID[$1]}" 2>/dev/null; }
said() { grep -q "$2" "$G/$1/join.out"; }
server() { # NAME: files of a management server
	NODE_PORT=$SECOND_PORT CONSOLE_PORT=$(g_port) g_node "$1" management-server 'retry = 500ms'
}
approve() { clv approve "$1.ops.test" --fingerprint "$2" --yes >"$G/out" 2>&1; }
refused() { # TEXT WORDS COMMAND...: it fails, and says so
	local text=$1 words=$2; shift 2
	if "$@"; then bad "$text: it was accepted"; elif grep -q -- "$words" "$G/out"; then ok "$text: $(cut -c1-110 "$G/out" | head -1)"; else bad "$text: $(cat "$G/out")"; fi
}

server rms2
joins rms2
check 'it asks, and prints a code' wait_for 60 asks rms2
code=$(code_of rms2)
equal 'of 24 digits' "$(tr -d '-' <<<"$code" | grep -cE '^[0-9A-F]{24}$')" 1
waits() { [ "$(clv get pending -o json | jq -r '.[] | select(.name=="rms2.ops.test") | .role')" = management-server ]; }
check 'it waits at the server' wait_for 20 waits

# --- what gets nothing ---
wrong=$(tr '0123456789ABCDEF' '1234567890BCDEFA' <<<"$code")
refused 'a wrong code' 'the code is not that of this request' approve rms2 "$wrong"
refused 'the first 12 digits alone' 'the code is not that of this request' approve rms2 "${code:0:14}"
refused 'the code and a digit more' 'the code is not that of this request' approve rms2 "${code}0"
check 'named at the server' wait_for 10 has_event 'id:20001 text:"rms2.ops.test was not accepted as a management server"'
if [ "$(id -u)" = 0 ]; then
	clv role grant uid:64199 operator --yes >"$G/out" 2>&1
	chmod a+rx "$G"
	as_operator() { setpriv --reuid 64199 --regid 64199 --clear-groups env HOME="$G/home" "$BIN/claviger" approve rms2.ops.test --fingerprint "$code" --yes >"$G/out" 2>&1; }
	if setpriv --reuid 64199 --regid 64199 --clear-groups test -x "$BIN/claviger" 2>/dev/null; then
		as_operator; equal 'an operator may not' "$?" 3
	fi
fi
check 'it is still there, and has nothing' test "$(ended rms2 && echo ended)" = ''
# Another key under the same name: another request, to which the code says nothing.
server rms2b
sed -i 's/rms2b\.ops\.test/rms2.ops.test/; s,'"$G"'/rms2b/channel,'"$G"'/rms2/channel,' "$G/rms2b/clavigerd.conf"
g_stop rms2
joins rms2b
check 'an impostor under the name asks too' wait_for 60 asks rms2b
test "$(code_of rms2b)" != "$code" && ok 'its code is another' || bad 'the same code'
two() { [ "$(clv get pending -o json | jq length)" = 2 ]; }
check 'both wait' wait_for 20 two
refused 'a code while two are of one name' '2 requests are named rms2.ops.test' approve rms2 "$code"
clv reject "#$(clv get pending -o json | jq -r 'map(.id) | min')" --yes >"$G/out" 2>&1
refused 'the code of the first for the other' 'the code is not that of this request' approve rms2 "$code"
g_stop rms2b
clv reject rms2.ops.test --yes >"$G/out" 2>&1

# An hour later.
joins rms2
check 'it asks again' wait_for 60 asks rms2
code=$(code_of rms2)
g_stop rms1; g_start rms1 CLAVIGER_TEST_CLOCK=3700
wait_for 20 waits
again() { approve rms2 "$code"; grep -q 'the code has expired' "$G/out"; }
check 'an hour later its code has expired' wait_for 30 again
g_stop rms2
g_stop rms1; g_start rms1
wait_for 20 g_server_up
clv reject rms2.ops.test --yes >"$G/out" 2>&1

# --- the right one ---
joins rms2
check 'it asks again' wait_for 60 asks rms2
code=$(code_of rms2)
wait_for 20 waits
check 'the right code' approve rms2 "$(tr 'A-F' 'a-f' <<<"${code//-/ }")"
check 'it has joined' wait_for 30 said rms2 'rms2.ops.test has joined the management group OMMG1'
check 'and the command ends' wait_for 10 ended rms2
wait "${PID[rms2]}"; equal 'with success' $? 0
unset 'PID[rms2]'
check 'an act in the audit trail' test "$(clv get audit --filter 'act:join' -o json | jq length)" = 1
gone() { [ "$(clv get pending -o json | jq length)" = 0 ]; }
check 'nobody waits any more' wait_for 10 gone
g_stop web01; g_start web01
up() { [ "$(field_of web01 contact)" = up ]; }
check 'an agent takes the list of servers, which has two now' wait_for 30 up

# Once more, and by other commands.
"$BIN/clavigerd" join -c "$G/rms2/clavigerd.conf" --server "rms1.ops.test@127.0.0.1:$NODE_PORT" >"$G/out" 2>&1
equal 'it does not join twice' "$? $(grep -c 'has the keys of a management group already' "$G/out")" '1 1'
"$BIN/clavigerd" init -c "$G/rms2/clavigerd.conf" >"$G/out" 2>&1
equal 'init makes no second group of it' "$? $(grep -c 'joined the group' "$G/out")" '1 1'
timeout 60 "$BIN/clavigerd" run -c "$G/rms2/clavigerd.conf" >"$G/out" 2>&1 </dev/null
equal 'run says in one line that it cannot serve' "$? $(grep -c 'has no database of its own and does not serve' "$G/out")" '1 1'

# A code counts once: it was accepted, but the server forgot what was sealed before the joiner came for it.
server rms4
joins rms4
check 'another server asks' wait_for 60 asks rms4
code=$(code_of rms4)
kill -STOP "$(g_proc rms4 net_node)"
check 'its code is accepted while it does not look' wait_for 20 approve rms4 "$code"
g_stop rms1; g_start rms1
wait_for 20 g_server_up
kill -CONT "$(g_proc rms4 net_node)"
twice() { approve rms4 "$code"; grep -q 'the code was used already' "$G/out"; }
check 'it comes again: the same code counts no second time' wait_for 60 twice
g_stop rms4
joins rms4
check 'it asks with another one' wait_for 60 asks rms4
check 'which is accepted' wait_for 20 approve rms4 "$(code_of rms4)"
check 'and it joins' wait_for 30 said rms4 'has joined the management group'
wait "${PID[rms4]}"; unset 'PID[rms4]'
equal 'the servers of the group' "$(clv get servers -o json 2>/dev/null | jq -r '[.[].name] | join(" ")')" 'rms1.ops.test rms2.ops.test rms4.ops.test'
equal 'and one certificate of its signing key' "$(clv get servers -o pem | grep -c BEGIN)" 1

# A server that is another group's: its keys are not taken for this one's.
(
	export CLAVIGER_SERVER=unix:$G/rogue1.sock
	NODE_PORT=$(g_port) CONSOLE_PORT=$(g_port)
	echo "$NODE_PORT" >"$G/rogue.port"
	g_node rogue1 management-server
	"$BIN/clavigerd" init -c "$G/rogue1/clavigerd.conf" >/dev/null 2>&1
)
g_start rogue1
server rms3
TO=rogue1.ops.test@127.0.0.1:$(cat "$G/rogue.port") joins rms3
check 'a server of a group of the same name is asked' wait_for 60 asks rms3
stolen=$(code_of rms3)
g_stop rms3
TO='' joins rms3
sees() { said rms3 'group signing key' || asks rms3; }
wait_for 30 sees
equal 'the true one is not believed under the key that was shown first' "$(code_of rms3)" ''
g_stop rms3
g_stop rogue1
test -n "$stolen" && ok 'its code is of another group signing key' || bad 'no code'

# --- the loss of the first server ---
check 'a copy of the database' "$BIN/clavigerd" store backup -c "$G/rms1/clavigerd.conf" kept.db
cp "$G/rms1/state/backup/kept.db" "$G/kept.db"
g_stop rms1
rm -rf "$G/rms1/state" "$G/rms1/machine.secret"
# New keys are not made while others have them.
check 'brought back where it was' "$BIN/clavigerd" store restore -c "$G/rms1/clavigerd.conf" "$G/kept.db"
"$BIN/clavigerd" recover -c "$G/rms1/clavigerd.conf" >"$G/out" 2>&1
equal 'recover names who has the keys' "$? $(grep -c "the group's keys are at rms2.ops.test, rms4.ops.test too" "$G/out")" '1 1'
check 'brought to the joined server' "$BIN/clavigerd" store restore -c "$G/rms2/clavigerd.conf" --replace "$G/kept.db"
g_start rms2
export CLAVIGER_SERVER=unix:$G/rms2.sock
check 'it serves the group now' wait_for 30 g_server_up
entered() { [ "$(clv get accounts -o json | jq -r '.[0].state')" = ok ]; }
check 'no password is to be entered again' wait_for 20 entered
check 'the agent comes to it' wait_for 90 up
printf 'the next word 42' | clv reenter svc --password-fd 0 --all-at-once >"$G/out" 2>&1
next() { [ "$(cred)" = 'the next word 42' ]; }
check 'and passwords go on from there' wait_for 60 next
g_agent_again() { clv account distribute svc --to web01 --yes; }
# As long as one is left, others join it (S22).
server rms5
sed -i "s,^listen = .*,listen = 127.0.0.1:$(g_port)," "$G/rms5/clavigerd.conf"
TO=rms2.ops.test@127.0.0.1:$SECOND_PORT joins rms5
check 'one more asks the one that is left' wait_for 60 asks rms5
check 'its code is accepted there' wait_for 20 approve rms5 "$(code_of rms5)"
check 'and it joins' wait_for 30 said rms5 'has joined the management group'
wait "${PID[rms5]}"; unset 'PID[rms5]'
equal 'the servers of the group' "$(clv get servers -o json 2>/dev/null | jq -r '[.[].name] | join(" ")')" 'rms2.ops.test rms4.ops.test rms5.ops.test'
clv audit verify >"$G/out" 2>&1
equal 'the audit trail goes on' "$?" 0
# All of them lost: new keys, when a person says so; the list names nobody who has the old ones.
g_stop rms2; g_stop web01
check 'recover, said aloud' bash -c "'$BIN/clavigerd' recover -c '$G/rms1/clavigerd.conf' --replace >'$G/out' 2>&1"
g_start rms1
export CLAVIGER_SERVER=unix:$G/rms1.sock
check 'the first server is back with new keys' wait_for 30 g_server_up
equal 'and alone' "$(clv get servers -o json 2>/dev/null | jq -r '[.[].name] | join(" ")')" 'rms1.ops.test'
equal 'its password is to be entered' "$(clv get accounts -o json 2>/dev/null | jq -r '.[0].state')" 'needs re-entry'
g_end
