#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Other people's TLS at the server's port and at the agent: a good certificate gets TLS 1.3; TLS 1.2, none
# and every bad certificate of the matrix is refused at both ends, without an application byte, with one
# clear event each; not approved and not authenticated are told apart. (Must show 3; S1, S7, T1, P6.)
. "$(dirname "$0")/../lib/group.sh"
g_begin
M=$G/matrix
mkdir "$M"
"$BIN/tests/tools/badcerts_tool" "$M" || bad "the matrix was not made"
# The server is app01 here and the agent web01: these are the matrix's two good certificates.
export CLAVIGER_SERVER=unix:$G/app01.sock
g_node app01 management-server
g_node web01 agent 'mechanism = certificate'
for n in app01 web01; do
	cp "$M/$n.ops.test.pem" "$G/$n/channel.pem"
	cp "$M/$n.ops.test.key" "$G/$n/channel.key"
	sed -i "s,^ca = .*,ca = $M/ca.pem,; s,^crl = .*,crl = $M/ca.crl," "$G/$n/clavigerd.conf"
done
sed -i "s,server = rms1,server = app01," "$G/web01/clavigerd.conf"
"$BIN/clavigerd" init -c "$G/app01/clavigerd.conf" >/dev/null
g_start app01
wait_for 20 g_server_up || bad "the server does not answer"

client() { # cert key more options...
	local cert=$1 key=$2; shift 2
	{ sleep "${HOLD:-0.4}"; } | timeout 30 openssl s_client -connect "127.0.0.1:$NODE_PORT" -CAfile "$M/ca.pem" -verify_return_error \
		-cert "$cert" -cert_chain "$cert" -key "$key" "$@" 2>"$G/client.err"
}
client "$M/web01.ops.test.pem" "$M/web01.ops.test.key" >"$G/client.out"
check "a good certificate gets a session" grep -q "Verify return code: 0 (ok)" "$G/client.out"
check "of TLS 1.3 with AES-GCM" grep -qE "New, TLSv1.3, Cipher is TLS_AES_(256|128)_GCM" "$G/client.out"
check "without a ticket" bash -c "! grep -q 'New Session Ticket' '$G/client.out'"
for old in tls1_2 tls1_1 tls1; do
	client "$M/web01.ops.test.pem" "$M/web01.ops.test.key" "-$old" >"$G/client.out"
	check "$old is refused" bash -c "grep -qE 'alert|error' '$G/client.err' && ! grep -qE 'Cipher is (TLS_|ECDHE|AES)' '$G/client.out'"
done
turned_away() { clv get events --filter 'id:20002' --limit 1000 -o json 2>/dev/null | jq -r '.[].text'; }
before=$(turned_away | wc -l)
timeout 30 openssl s_client -connect "127.0.0.1:$NODE_PORT" -CAfile "$M/ca.pem" -quiet </dev/null >"$G/client.out" 2>/dev/null
one_more() { [ "$(turned_away | wc -l)" -gt "$before" ]; }
check "no certificate is refused, with an event" wait_for 10 one_more

# --- every bad certificate at the server: rows about revocation with lists configured, the rest without ---
n=0 wrong=0 bytes=0 silent=0
try_rows() { # file
	while read -r name words; do
		n=$((n + 1))
		before=$(turned_away | wc -l)
		# Level 0: what openssl itself would not show must be refused by us.
		HOLD=0.15 client "$M/bad/$name.pem" "$M/bad/$name.key" -cipher DEFAULT:@SECLEVEL=0 -quiet >"$G/client.out"
		bytes=$((bytes + $(stat -c %s "$G/client.out")))
		if wait_for 5 one_more; then
			turned_away | head -1 >"$G/text"
			grep -qF "$words" "$G/text" || { wrong=$((wrong + 1)); printf '      %s: %s\n' "$name" "$(cut -c1-160 "$G/text")"; }
		else
			silent=$((silent + 1)); printf '      %s: no event\n' "$name"
		fi
	done <"$1"
}
grep -v ' -$' "$M/bad/list" | grep 'revo' >"$G/rows.crl"
grep -v ' -$' "$M/bad/list" | grep -v 'revo' >"$G/rows"
try_rows "$G/rows.crl"
g_stop app01
sed -i '/^crl = /d' "$G/app01/clavigerd.conf"
g_start app01
wait_for 20 g_server_up
try_rows "$G/rows"
[ "$n" -ge 40 ] && ok "$n bad certificates tried at the server" || bad "only $n bad certificates"
equal "each is one clear event" "$silent silent, $wrong with other words" "0 silent, 0 with other words"
equal "application bytes sent to them" "$bytes" 0

# --- enrol the agent; not approved is another event than not authenticated ---
g_enroll web01 || bad "enrol: $(cat "$G/web01/enroll.out")"
g_start web01
check "not approved: 20000 at the server" wait_for 10 has_event 'id:20000 text:web01.ops.test'
told() { grep -q 'event 20070' "$G/web01/log"; }
check "not approved: 20070 at the agent" wait_for 10 told
check "and not 20071" bash -c "! grep -q 'event 20071' '$G/web01/log'"
g_approve web01 >/dev/null
check "then approved" wait_for 40 is_confirmed web01
g_stop web01

# --- every bad certificate at the agent: a server of other people's ---
S=$(g_port)
sed -i "s,^server = .*,server = web01.ops.test@127.0.0.1:$S," "$G/web01/clavigerd.conf"
cp "$G/web01/clavigerd.conf" "$G/with-crl.conf"
grep -v '^crl = ' "$G/with-crl.conf" >"$G/without-crl.conf"
n=0 wrong=0 bytes=0 silent=0
while read -r name words; do
	[ "$words" != - ] || continue
	n=$((n + 1))
	[ -n "$LONG" ] || [ "$n" -le 40 ] || continue
	# As at the server above: where revocation is not the point, no list is configured. What openssl itself
	# would not serve any more (weak keys and signatures) is served at its lowest level.
	case $words in *revo*) cp "$G/with-crl.conf" "$G/web01/clavigerd.conf" ;; *) cp "$G/without-crl.conf" "$G/web01/clavigerd.conf" ;; esac
	openssl s_server -cipher 'DEFAULT:@SECLEVEL=0' -accept "127.0.0.1:$S" -cert "$M/bad/$name.pem" -cert_chain "$M/bad/$name.pem" -key "$M/bad/$name.key" \
		-tls1_3 -quiet </dev/null >"$G/server.out" 2>/dev/null &
	server=$!
	listening() { grep -qi ":$(printf '%04X' "$S") .* 0A " /proc/net/tcp; }
	wait_for 5 listening
	: >"$G/web01/log"
	g_start web01
	refused() { grep -q 'event 20071' "$G/web01/log"; }
	if wait_for 10 refused; then
		grep -m1 'event 20071' "$G/web01/log" >"$G/text"
		grep -qF "$words" "$G/text" || { wrong=$((wrong + 1)); printf '      %s: %s\n' "$name" "$(cut -c60-220 "$G/text")"; }
	else
		silent=$((silent + 1)); printf '      %s: no event\n' "$name"
	fi
	g_stop web01
	kill "$server" 2>/dev/null; wait "$server" 2>/dev/null
	bytes=$((bytes + $(stat -c %s "$G/server.out")))
done <"$M/bad/list"
[ -n "$LONG" ] && ok "$n bad certificates tried at the agent" || ok "40 of $n bad certificates tried at the agent"
equal "each is one clear event at the agent" "$silent silent, $wrong with other words" "0 silent, 0 with other words"
equal "application bytes sent by the agent" "$bytes" 0
g_end
