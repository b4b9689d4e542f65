#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Somebody who stole the channel keys of both ends stands between them and decrypts: both TLS handshakes are good, each
# end sees the certificate it expects. The link proofs are over two different channels, so that neither end takes the
# link, and both say so; nothing but proofs passed. (B2; Issue 5: Must show 2. On a Kerberos link a stolen keytab reads
# along; the proof page says that this cannot be seen.)
. "$(dirname "$0")/../lib/group.sh"
g_begin
g_init || g_end
g_agent web01 agent || g_end
printf 'a word in an alert' >"$G/word"
port=$(g_port)
mkfifo "$G/up" "$G/down"
# Decrypts what the agent sends and encrypts it again for the server, and the other way; keeps both.
interpose() {
	rm -f "$G/up" "$G/down"
	mkfifo "$G/up" "$G/down"
	openssl s_server -accept "127.0.0.1:$port" -naccept 1 -tls1_3 -alpn claviger/1 -cert "$G/rms1/channel.pem" -key "$G/rms1/channel.key" \
		-CAfile "$G/ca/ca.pem" -Verify 2 -quiet <"$G/down" 2>>"$G/s_server.err" | tee -a "$G/from_agent" >"$G/up" &
	between[0]=$!
	openssl s_client -connect "127.0.0.1:$NODE_PORT" -tls1_3 -alpn claviger/1 -cert "$G/web01/channel.pem" -key "$G/web01/channel.key" \
		-CAfile "$G/ca/ca.pem" -quiet -nocommands <"$G/up" 2>>"$G/s_client.err" | tee -a "$G/from_server" >"$G/down" &
	between[1]=$!
}
between=()
: >"$G/from_agent"
: >"$G/from_server"
g_stop web01
sed -i "s/^server = .*/server = rms1.ops.test@127.0.0.1:$port/; s/^\[channel\]/&\nmechanism = certificate/" "$G/web01/clavigerd.conf"
since=$(event_count 'id:20002 text:"web01.ops.test" text:"not proven"')
interpose
g_start web01
told_here() { grep -q 'event 20071: .*is of another channel: somebody stands in between' "$G/web01/log"; }
again() { told_here || { for p in "${between[@]}"; do kill "$p" 2>/dev/null; done; interpose; sleep 2; told_here; }; }
check 'the agent does not take the link, and says why' wait_for 40 again
equal 'the server does not either' "$(field_of web01 contact)" silent
told_there() { [ "$(event_count 'id:20002 text:"web01.ops.test" text:"not proven"')" -gt "$since" ]; }
check 'and says so too' wait_for 20 told_there
check 'TLS itself was good at both of its sides: bytes came through' test -s "$G/from_server"
"$BIN/clavigerd" alert -c "$G/web01/clavigerd.conf" --severity critical --name 'kept back' --text "$(cat "$G/word")" >/dev/null
equal 'no alert passed' "$(grep -laF 'a word in an alert' "$G/from_agent" "$G/from_server" | wc -l)" 0
for p in "${between[@]}"; do kill "$p" 2>/dev/null; done
wait "${between[@]}" 2>/dev/null
# Without it everything is as before, and the alert comes.
g_stop web01
sed -i "s/^server = .*/server = rms1.ops.test@127.0.0.1:$NODE_PORT/" "$G/web01/clavigerd.conf"
g_start web01
kept() { [ "$(clv get alerts --filter 'name:"kept back"' -o json 2>/dev/null | jq length)" = 1 ]; }
check 'without it the alert comes' wait_for 40 kept
g_end
