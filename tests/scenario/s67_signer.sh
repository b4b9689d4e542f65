#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The private key of the channel's certificate is in the signer and in no other process's memory; a signer that is
# killed under load comes back, one that hangs holds nobody; what it has not is said in one clear event, links that
# stand go on; a renewed certificate and its key are taken together or not at all. (Wrong requests, each of which ends
# the asker's socket: tests/unit/test_signer_process.c, the same executable.)
# shellcheck source-path=SCRIPTDIR source=../lib/group.sh
. "$(dirname "$0")/../lib/group.sh"
g_begin
leak=$BIN/tests/tools/leak
g_init 'heartbeat = 1s'
g_agent web01 agent 'heartbeat = 1s' || g_end

# --- where the key is ---
# keys NODE: its private number as it is and as OpenSSL holds it, and the base64 of the file.
keys() {
	openssl ec -in "$G/$1/channel.key" -noout -text 2>/dev/null |
		awk '/^priv:/ { on = 1; next } /^pub:/ { on = 0 } on { gsub(/[: ]/, ""); printf "%s", $0 }' |
		sed 's/^00//' | tail -c 64 | xxd -r -p >"$G/$1/secret.be"
	xxd -p -c1 "$G/$1/secret.be" | tac | xxd -r -p >"$G/$1/secret.le"
	sed -n 2p "$G/$1/channel.key" | tr -d '\n' >"$G/$1/secret.pem"
	openssl ec -in "$G/$1/channel.key" -pubout -outform DER 2>/dev/null | tail -c 64 | head -c 32 >"$G/$1/public"
}
found() { # FILE PID
	"$leak" "$1" "pid:$2" 2>&1 | grep -c FOUND
}
looked() { "$leak" "$1" "pid:$2" 2>&1 | sed -n 's/.*, \([0-9]*\) bytes,.*/\1/p'; }
for n in rms1 web01; do
	keys $n
	equal "the key of $n is known to the test" "$(stat -c %s "$G/$n/secret.be" "$G/$n/secret.le" "$G/$n/public" | tr '\n' ' ')" '32 32 32 '
done
memory() {
	[ "$(id -u)" = 0 ] || { printf '      only root reads the memory of another process\n'; return; }
	local n p pid f hits
	for n in rms1 web01; do
		for p in net_node net_console core keyholder parent; do
			pid=$(g_proc $n $p)
			[ $p != parent ] || pid=${PID[$n]}
			[ -n "$pid" ] || continue
			hits=0
			for f in secret.be secret.le secret.pem; do hits=$((hits + $(found "$G/$n/$f" "$pid"))); done
			equal "$1: no private key in $n's $p ($(looked "$G/$n/secret.be" "$pid") bytes)" "$hits" 0
		done
	done
	equal "the public half is in net_node" "$(found "$G/web01/public" "$(g_proc web01 net_node)" | awk '{ print ($1 > 0) }')" 1
	# Who has the key is found out.
	openssl s_server -accept "127.0.0.1:$(g_port)" -cert "$G/rms1/channel.pem" -key "$G/rms1/channel.key" -quiet </dev/null >/dev/null 2>&1 &
	PID[control]=$!
	holds() { [ "$(found "$G/rms1/secret.le" "${PID[control]}")" -gt 0 ] || [ "$(found "$G/rms1/secret.be" "${PID[control]}")" -gt 0 ]; }
	check 'a process that holds it is found out' wait_for 10 holds
	g_stop control
}
memory 'after links were made'
signer() { g_proc "$1" signer; }
check 'the signer of each runs' test -n "$(signer rms1)" -a -n "$(signer web01)"
equal 'behind its walls, out of dumps' "$(awk '/^Seccomp:|^NoNewPrivs:/ { printf "%s ", $2 }' "/proc/$(signer rms1)/status")" '1 2 '

# --- handshakes by others, over and over ---
shake() { # one handshake at the port of nodes: exit status
	timeout 5 openssl s_client -connect "127.0.0.1:$NODE_PORT" -CAfile "$G/ca/ca.pem" -verify_return_error \
		-cert "$G/web01/channel.pem" -key "$G/web01/channel.key" </dev/null >/dev/null 2>&1
}
load() { while [ -e "$G/load" ]; do shake && echo good >>"$G/shaken" || { echo bad >>"$G/shaken"; sleep 0.1; }; done; }
: >"$G/load"; : >"$G/shaken"
for i in 1 2; do load & PID[load$i]=$!; done
link=$(grep -c 'The link to' "$G/web01/log")
killed=0
for _ in 1 2 3 4 5 6; do
	old=$(signer rms1)
	kill -KILL "$old"
	back() { local now; now=$(signer rms1); [ -n "$now" ] && [ "$now" != "$old" ]; }
	wait_for 10 back && wait_for 10 shake && killed=$((killed + 1))
done
equal 'killed under load, it came back and handshakes with it' "$killed" 6
equal 'the agent'"'"'s link stood all the while' "$(grep -c 'The link to' "$G/web01/log") $(field_of web01 contact)" "$link up"
check 'its death is an event' wait_for 10 has_event 'id:2003 text:signer'
kill -KILL "$(signer web01)"
rm -f "$G/load"
wait "${PID[load1]}" "${PID[load2]}"; unset 'PID[load1]' 'PID[load2]'
good=$(grep -c good "$G/shaken")
check "handshakes of the load between the deaths: $good of $(wc -l <"$G/shaken")" test "$good" -gt 20

# --- one that hangs ---
kill -STOP "$(signer rms1)"
beats() { clv get agents --filter name:web01.ops.test -o json | jq -r '.[0].last_seen'; }
before=$(beats)
for _ in 1 2 3; do shake && bad 'a handshake without a signature'; done
check 'an event says that it does not answer' wait_for 10 has_event 'id:21036 text:"does not answer"'
heard() { [ "$(beats)" != "$before" ] && [ "$(field_of web01 contact)" = up ]; }
check 'heartbeats come meanwhile' wait_for 10 heard
kill -CONT "$(signer rms1)"
check 'it goes on, and so do handshakes' wait_for 10 shake

# --- a renewal: the key without its certificate, then both ---
shown() { # the certificate that the port shows
	timeout 5 openssl s_client -connect "127.0.0.1:$NODE_PORT" -cert "$G/web01/channel.pem" -key "$G/web01/channel.key" </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256
}
file_says() { openssl x509 -in "$G/rms1/channel.pem" -noout -fingerprint -sha256; }
first=$(file_says)
"$BIN/clavigerd" ca issue "$G/ca" rms1.ops.test --out "$G/rms1/next" >/dev/null
cp "$G/rms1/next.key" "$G/rms1/channel.key"
check 'a key without its certificate is refused by name' wait_for 10 has_event 'id:21036 text:"does not belong"'
check 'handshakes go on with the certificate before' shake
equal 'which is the one shown' "$(shown)" "$first"
kill -KILL "$(signer rms1)"
told_again() { [ "$(event_count 'id:21036 text:"does not belong"')" -ge 2 ]; }
check 'a signer that is started on that key has none for it: told' wait_for 10 told_again
cp "$G/rms1/next.pem" "$G/rms1/channel.pem"
check 'with its certificate it is taken up' wait_for 10 has_event id:20053
new_shown() { [ "$(shown)" = "$(file_says)" ]; }
check 'and shown' wait_for 10 new_shown
check 'and signs' shake
printf 'no key\n' >"$G/rms1/channel.key"
check 'a key file that is none is told' wait_for 10 has_event 'id:21036 text:"holds no private key"'
check 'and nothing changes' shake
rm "$G/rms1/channel.key"; mkdir "$G/rms1/channel.key"
check 'a folder in its place too' wait_for 10 has_event 'id:21036 text:"Is a directory"'
rmdir "$G/rms1/channel.key"
cp "$G/rms1/next.key" "$G/rms1/channel.key"
mv "$G/rms1/channel.pem" "$G/rms1/kept.pem"; mkdir "$G/rms1/channel.pem"
told_twice() { [ "$(event_count 'id:21036 text:"Is a directory"')" -ge 2 ]; }
check 'and in the certificate'"'"'s' wait_for 10 told_twice
rmdir "$G/rms1/channel.pem"; mv "$G/rms1/kept.pem" "$G/rms1/channel.pem"
check 'no network process died of any of it' bash -c "! grep -q 'net_[a-z]* was ended' '$G/rms1/log'"
check 'handshakes' wait_for 10 shake
keys rms1
g_stop web01; g_start web01
up() { [ "$(field_of web01 contact)" = up ]; }
check 'the agent comes again' wait_for 20 up
memory 'after the renewal'

# --- a network process that is started anew ---
kill -KILL "$(g_proc rms1 net_node)"
check 'a network process that is started again gets its signatures' wait_for 10 shake
printf '      %s handshakes under load\n' "$(wc -l <"$G/shaken")"
g_end
