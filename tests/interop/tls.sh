#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every bad certificate of the matrix by openssl s_client at a real management server and by openssl
# s_server at a real agent (issue 2, Must show 3): refused at both ends, no application byte, one
# clear event each; and what is not approved is told apart from what is not authenticated.
# Prints "N passed, N failed".
set -u
# shellcheck source-path=SCRIPTDIR source=../lib/warden.sh
. "$(dirname "$0")/../lib/warden.sh"
bin=$BIN
tool=${BADCERTS_TOOL:-$bin/tests/tools/badcerts_tool}
dir=$(mktemp -d)
passed=0
failed=0
started=()

cleanup() {
	local p
	for p in "${started[@]}"; do kill "$p" 2>/dev/null; done
	for p in "${started[@]}"; do wait "$p" 2>/dev/null; done
	rm -rf "$dir"
}
trap cleanup EXIT
good() { passed=$((passed + 1)); }
bad() {
	failed=$((failed + 1))
	printf 'FAILED: %s\n' "$*"
}
# until SECONDS COMMAND...: waits for a sign, with a limit.
until_ok() {
	local end=$((SECONDS + $1))
	shift
	while ! "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

[ -x "$tool" ] || { echo "tls.sh: $tool is missing: make test-programs"; exit 2; }
chmod go+x "$dir"
"$tool" "$dir" || exit 2
users=''
if [ "$(id -u)" = 0 ]; then
	users=$'[users]\nnet = 64130\ncore = 64131\nkey = 64132'
fi
# Listening (0A); what lingers in TIME_WAIT does not matter.
in_use() { awk -v p=":$(printf '%04X' "$1")" 'index($2, p) && $4 == "0A" { found = 1 } END { exit !found }' /proc/net/tcp; }
node_port=$(g_port)
console_port=$(g_port)
fake_port=$(g_port)

node() { # node SHORT NAME ROLE CHANNEL-LINES...
	local d=$dir/$1
	mkdir -p "$d/state"
	printf '[node]\nname = %s\ngroup = G\nrole = %s\nstate = %s/state\nlog = %s/log\nmachine_id_file = %s/machine-id\n' \
		"$2" "$3" "$d" "$d" "$d" >"$d/conf"
	printf 'machine_secret = %s/machine.secret\n[channel]\nca = %s/ca.pem\ncertificate = %s/%s.pem\nkey = %s/%s.key\ncrl = %s/ca.crl\ncredential_socket = %s/cred\nalert_socket = %s/alert\n' \
		"$d" "$dir" "$dir" "$2" "$dir" "$2" "$dir" "$d" "$d" >>"$d/conf"
	shift 3
	printf '%s\n' "$@" "$users" >>"$d/conf"
	od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$d/machine-id"
}
node ms web01.ops.test management-server "listen = 127.0.0.1:$node_port" "listen_console = 127.0.0.1:$console_port" \
	"console_socket = $dir/ms/sock" "max_unauthenticated_per_address = 1000"
node app app01.ops.test agent "server = web01.ops.test@127.0.0.1:$node_port" "retry = 100ms"
"$bin/clavigerd" init -c "$dir/ms/conf" >"$dir/init.out" 2>&1 || { cat "$dir/init.out"; exit 2; }
setsid "$bin/clavigerd" run -c "$dir/ms/conf" >>"$dir/ms/log" 2>&1 </dev/null &
started+=($!)
export CLAVIGER_SERVER=unix:$dir/ms/sock
until_ok 20 "$bin/claviger" get agents -o csv || { tail -5 "$dir/ms/log"; exit 2; }

events() { "$bin/claviger" get events --filter "id:$1" --limit 1000 -o csv 2>/dev/null | tail -n +2; }
count() { events "$1" | wc -l; }
client() { # client ARGS... : bytes that came, then its words
	timeout 30 openssl s_client -connect "127.0.0.1:$node_port" -CAfile "$dir/ca.pem" -quiet "$@" \
		<"$dir/hello" >"$dir/bytes" 2>"$dir/words"
}
printf '\0\0\0\4\0\20hi' >"$dir/hello"

# --- the server's end ---
n=$(count 20002)
refused() { # refused NAME WORDS
	local now
	until_ok 5 test_count $((n + 1)) || { bad "server: $1: no event"; n=$(count 20002); return; }
	now=$(count 20002)
	if [ "$now" != $((n + 1)) ]; then
		bad "server: $1: $((now - n)) events"
	elif ! events 20002 | head -1 | grep -qE -- "$2"; then
		bad "server: $1: $(events 20002 | head -1)"
	elif [ -s "$dir/bytes" ]; then
		bad "server: $1: application bytes came back"
	else
		good
	fi
	n=$now
}
test_count() { [ "$(count 20002)" -ge "$1" ]; }

while read -r name words; do
	[ "$words" = - ] && continue
	client -cert "$dir/bad/$name.pem" -cert_chain "$dir/bad/$name.pem" -key "$dir/bad/$name.key" -cipher 'ALL:@SECLEVEL=0'
	refused "$name" "${words:-.}|revocation list|intermediate"
done <"$dir/bad/list"
client
refused "no certificate" "showed no certificate"
for old in -tls1_2 -tls1_1 -tls1; do
	client "$old" -cipher 'ALL:@SECLEVEL=0' -cert "$dir/app01.ops.test.pem" -key "$dir/app01.ops.test.key"
	refused "$old" "does not speak TLS 1.3"
done
timeout 30 openssl s_client -connect "127.0.0.1:$node_port" -CAfile "$dir/ca.pem" -cert "$dir/app01.ops.test.pem" \
	-key "$dir/app01.ops.test.key" </dev/null >"$dir/good" 2>&1
if grep -q 'New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384' "$dir/good" && grep -q 'Verify return code: 0' "$dir/good"; then
	good
else
	bad "server: a good certificate gets no session: $(grep -m1 -E 'alert|error' "$dir/good")"
fi

# --- the agent's end ---
dial() { # dial ARGS...: an s_server, and an agent that enrols there
	timeout 60 openssl s_server -accept "127.0.0.1:$fake_port" -CAfile "$dir/ca.pem" -Verify 3 -quiet "$@" \
		</dev/null >"$dir/bytes" 2>"$dir/words" &
	local server=$!
	until_ok 5 in_use "$fake_port"
	timeout 60 "$bin/clavigerd" enroll -c "$dir/app/conf" --role agent --server "web01.ops.test@127.0.0.1:$fake_port" \
		>"$dir/enroll.out" 2>&1 </dev/null
	dial_rc=$?
	kill "$server" 2>/dev/null
	wait "$server" 2>/dev/null
	until_ok 5 not_in_use "$fake_port"
}
not_in_use() { ! in_use "$1"; }
sed -i 's/^retry = 100ms/retry = 100ms\nmechanism = certificate/' "$dir/app/conf"
agent_refused() { # agent_refused NAME WORDS
	if [ "$dial_rc" = 0 ]; then
		bad "agent: $1: enrolled"
	elif ! grep -qE -- "$2" "$dir/enroll.out" "$dir/app/log"; then
		bad "agent: $1: exit $dial_rc: $(tail -1 "$dir/enroll.out")"
	elif [ -s "$dir/bytes" ]; then
		bad "agent: $1: application bytes came"
	else
		good
	fi
}
while read -r name words; do
	[ "$words" = - ] && continue
	: >"$dir/app/log"
	dial -cert "$dir/bad/$name.pem" -cert_chain "$dir/bad/$name.pem" -key "$dir/bad/$name.key" -cipher 'ALL:@SECLEVEL=0'
	agent_refused "$name" "${words:-.}|revocation list|intermediate"
done <"$dir/bad/list"
dial -tls1_2 -cert "$dir/web01.ops.test.pem" -key "$dir/web01.ops.test.key"
agent_refused "TLS 1.2" "TLS 1.3"
dial -cert "$dir/app01.ops.test.pem" -key "$dir/app01.ops.test.key"
agent_refused "another node's certificate" "expected name"

# --- not approved is not "not authenticated" ---
sed -i '/^mechanism/d' "$dir/app/conf"
"$bin/clavigerd" enroll -c "$dir/app/conf" --role agent >"$dir/enroll.out" 2>&1
if grep -q 'waits to be accepted' "$dir/enroll.out" && [ "$(count 20000)" -ge 1 ]; then good; else
	bad "not approved: $(tail -1 "$dir/enroll.out")"
fi

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
