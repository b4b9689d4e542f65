# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For scenario scripts: a management group of real processes in a temporary folder. Source it; call
# g_begin first. Waits are for a sign, with a limit; everything started is ended by pid.
set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=warden.sh
. "$(dirname "${BASH_SOURCE[0]}")/warden.sh"
passed=0
failed=0
LONG=${CLAVIGER_LONG:-}
G=''
declare -A PID=() PORT=()

ok() { passed=$((passed + 1)); printf 'ok    %s\n' "$*"; }
# With the line of the script that it stands in.
bad() {
	local i=0
	while [ $i -lt $((${#BASH_SOURCE[@]} - 1)) ] && [ "${BASH_SOURCE[i]}" != "$0" ]; do i=$((i + 1)); done
	failed=$((failed + 1))
	printf 'FAIL  %s:%s: %s\n' "${0#"$top/"}" "${BASH_LINENO[i > 0 ? i - 1 : 0]}" "$*"
}
# The parts of a script that can run by themselves, side by side: CLAVIGER_SWEEP names one; without it all are run.
g_parts() {
	local p rc=0
	local -a started=()
	[ -z "${CLAVIGER_SWEEP:-}" ] || return 0
	for p in "$@"; do
		(unset CLAVIGER_PORTS; CLAVIGER_SWEEP=$p exec "$0" >"$CLAVIGER_TMP/part.$p" 2>&1) &
		started+=($!)
	done
	for p in "${started[@]}"; do wait "$p" || rc=1; done
	for p in "$@"; do cat "$CLAVIGER_TMP/part.$p"; done # each closes with its count; who counts adds them up
	exit $rc
}
check() { # text command...
	local text=$1; shift
	if "$@" >"$G/check.out" 2>&1; then ok "$text"; else bad "$text: $(tail -c 400 "$G/check.out" | tr '\n' ' ')"; fi
}
equal() { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1: got '$2', expected '$3'"; fi; }
g_end() {
	local n
	trap - EXIT
	for n in "${!PID[@]}"; do g_kill "$n"; done
	[ "$failed" != 0 ] || rm -rf "$G" # else whoever runs it looks at the logs
	rm -f "$G.nap"
	# A bench asserts nothing, unless something fails.
	[ $((passed + failed)) = 0 ] || printf '%s passed, %s failed\n' "$passed" "$failed"
	[ "$failed" = 0 ]
	exit
}
g_begin() {
	G=$(mktemp -d "$CLAVIGER_TMP/g.XXX")
	chmod go+x "$G"
	keys_from_pool
	mkfifo -m 600 "$G.nap"
	trap 'bad "the script ended early"; g_end' EXIT
	USERS=''
	[ "$(id -u)" != 0 ] || USERS=$'\n[users]\nnet = 64130\ncore = 64131\nkey = 64132\n'
	"$BIN/clavigerd" ca init "$G/ca" >/dev/null || { printf 'no CA\n'; exit 1; }
	NODE_PORT=$(g_port); CONSOLE_PORT=$(g_port)
	export CLAVIGER_SERVER=unix:$G/rms1.sock HOME=$G/home TZ=UTC
	mkdir -p "$HOME"
}
# Key generation takes RSA keys that were made once for all tests, in order. REAL_KEYS=1 before g_begin: it makes them.
keys_from_pool() {
	[ -z "${REAL_KEYS:-}" ] || return 0
	export CLAVIGER_TEST_KEYS=$top/build/test/rsa3072.keys CLAVIGER_TEST_KEYS_NEXT=$CLAVIGER_TMP/keys.next
	printf '\0\0\0\0' >"$CLAVIGER_TEST_KEYS_NEXT"
	chmod 666 "$CLAVIGER_TEST_KEYS_NEXT" # key generation is of another user
}
# g_node NAME agent|gateway|management-server [extra lines for [channel] ...]
# VIA=gw1: behind that gateway; a gateway's port is PORT[NAME].
g_node() {
	local d=$G/$1 role=$2; shift 2
	local n=${d##*/}
	mkdir -p "$d/state"
	"$BIN/clavigerd" ca issue "$G/ca" "$n.ops.test" --out "$d/channel" >/dev/null
	od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$d/machine-id"
	{
		printf '[node]\nname = %s.ops.test\ngroup = OMMG1\nrole = %s\nstate = %s/state\n' "$n" "$role" "$d"
		printf 'machine_id_file = %s/machine-id\nmachine_secret = %s/machine.secret\n' "$d" "$d"
		printf '[channel]\nca = %s/ca/ca.pem\ncertificate = %s/channel.pem\nkey = %s/channel.key\ncrl = %s/ca/ca.crl\n' "$G" "$d" "$d" "$G"
		if [ "$role" = management-server ]; then
			printf 'listen = 127.0.0.1:%s\nlisten_console = 127.0.0.1:%s\nconsole_socket = %s/%s.sock\ncredential_socket = %s/%s.cred\n' "$NODE_PORT" "$CONSOLE_PORT" "$G" "$n" "$G" "$n"
		else
			if [ "$role" = gateway ]; then
				[ -n "${PORT[$n]:-}" ] || PORT[$n]=$(g_port)
				printf 'listen = 127.0.0.1:%s\n' "${PORT[$n]}"
			fi
			if [ -n "${VIA:-}" ]; then
				printf 'server = %s.ops.test@127.0.0.1:%s\n' "$VIA" "${PORT[$VIA]}"
			else
				printf 'server = rms1.ops.test@127.0.0.1:%s\n' "${SERVER_PORT:-$NODE_PORT}"
			fi
			printf 'retry = 500ms\ncredential_socket = %s/%s.cred\nalert_socket = %s/%s.alert\n' "$G" "$n" "$G" "$n"
		fi
		for line in "$@"; do printf '%s\n' "$line"; done
		printf '%s\n' "$USERS"
		[ ! -f "$d/profiles" ] || cat "$d/profiles"
		# Who accepts a gateway alone; EYES=1: two persons have to, as by default.
		[ "$role" != management-server ] || [ -n "${EYES:-}" ] || printf '[trust]\nrequire_approval = none\n'
	} >"$d/clavigerd.conf"
}
# g_route NODE GATEWAY|rms1: the one server that its configuration names from its next start on.
g_route() {
	local port=${PORT[$2]:-$NODE_PORT}
	sed -i "s/^server = .*/server = $2.ops.test@127.0.0.1:$port/" "$G/$1/clavigerd.conf"
}
g_start() { # NODE [ENV=VALUE ...]
	local n=$1; shift
	env "$@" "$BIN/clavigerd" run -c "$G/$n/clavigerd.conf" </dev/null >>"$G/$n/log" 2>&1 &
	PID[$n]=$!
}
g_stop() {
	[ -n "${PID[$1]:-}" ] || return 0
	kill -TERM "${PID[$1]}" 2>/dev/null
	for _ in $(seq 100); do kill -0 "${PID[$1]}" 2>/dev/null || break; nap 0.05; done
	kill -KILL "${PID[$1]}" 2>/dev/null
	wait "${PID[$1]}" 2>/dev/null
	unset "PID[$1]"
}
g_kill() { g_stop "$1"; }
# The pid of one process of a node: g_proc web01 core
g_proc() { pgrep -P "${PID[$1]}" -f "/libexec/claviger/$2\$" | head -1; }
# Waits for what has to come. Half a minute at least: a busy machine is no failure, and what comes is not waited for
# longer. What a requirement gives a time for has that time here and is 30 s or more.
wait_for() { # seconds command...
	local limit=$((SECONDS + ($1 < 30 ? 30 : $1))) tries=0; shift
	while [ $SECONDS -le $limit ]; do
		"$@" >/dev/null 2>&1 && return 0
		tries=$((tries + 1))
		nap 0.$((tries > 10 ? 2 : 1))
	done
	return 1
}
# Tenths of a second, without a process: bash, the asking client and sleep took 41 % of a minute of the suite that was looked at.
nap() { if [ -p "$G.nap" ]; then read -rt "$1" _ <>"$G.nap"; else sleep "$1"; fi; }
clv() { "$BIN/claviger" "$@"; }
# For what is asked again and again until it comes, or said hundreds of times: under the sanitizers the client without
# them, which starts four times as fast; each other command of a script is of the build under test.
ASK=$BIN/claviger
[ -z "${CLAVIGER_ASAN:-}" ] || [ ! -x "$top/build/test/claviger" ] || ASK=$top/build/test/claviger
quiet() { "$@" >/dev/null 2>&1; }
g_server_up() { "$ASK" get agents -o csv; }
g_init() {
	g_node rms1 management-server "$@"
	"$BIN/clavigerd" init -c "$G/rms1/clavigerd.conf" >"$G/rms1/init.out" 2>&1 || { bad "init: $(cat "$G/rms1/init.out")"; return 1; }
	g_start rms1
	wait_for 20 g_server_up || { bad "rms1 does not answer: $(tail -3 "$G/rms1/log")"; return 1; }
}
digits_of() { sed -n 's/^Fingerprint *//p' "$G/$1/enroll.out" | cut -c1-14; }
g_enroll() { "$BIN/clavigerd" enroll -c "$G/$1/clavigerd.conf" --role "$(sed -n 's/^role = //p' "$G/$1/clavigerd.conf")" >"$G/$1/enroll.out" 2>&1; }
g_approve() { clv approve "$1.ops.test" --fingerprint "$(digits_of "$1")" --yes "${@:2}"; }
state_of() { field_of "$1" key_state; }
# Of an agent's row, one object of plain values: read without a further process.
row_of() { "$ASK" get agents --filter "name:$1.ops.test" -o json 2>/dev/null; }
field_of() { # nothing for null
	local rows
	rows=$(row_of "$1")
	[[ ! $rows =~ \"$2\":(\"([^\"]*)\"|([0-9]+|true)) ]] || printf '%s' "${BASH_REMATCH[2]}${BASH_REMATCH[3]}"
}
is_confirmed() { [[ $(row_of "$1") == *'"key_state":"confirmed"'* ]]; }
is_here() { [[ $(row_of "$1") == *'"contact":"up"'* ]]; }
# An agent from nothing to confirmed, and in touch: a link that a gateway carries counts from the node's first word
# over it on, which may come after what was stored.
g_agent() {
	g_node "$@"
	g_enroll "$1" && g_approve "$1" >/dev/null && g_start "$1" && wait_for 40 is_confirmed "$1" && wait_for 20 is_here "$1" ||
		{ bad "$1 did not get confirmed: $(cat "$G/$1/enroll.out"; tail -3 "$G/$1/log")"; return 1; }
}
events() { clv get events --filter "$1" --limit 1000 -o json 2>/dev/null; }
event_count() { events "$1" | jq length; }
has_event() { [[ $("$ASK" get events --filter "$1" --limit 1 -o json 2>/dev/null) == *'"id":'* ]]; }
