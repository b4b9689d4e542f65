#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A certificate found again, deleted, near its end; a renewed channel certificate; a broken one.
# (Must show 5; S12, P3, T6.)
. "$(dirname "$0")/../lib/group.sh"
g_begin
g_init || g_end
g_agent web01 agent || g_end
store="$G/web01/state/certificates/Operations Manager"
first=$(field_of web01 sha256)
g_stop web01
g_start web01
wait_for 20 test "$(field_of web01 contact)" = up
up_again() { [ "$(event_count 'id:7006 node:web01.ops.test')" -ge 2 ]; }
check "found again and published again after a restart" wait_for 20 up_again
equal "the same key after a restart" "$(field_of web01 sha256)" "$first"

g_stop web01
rm "$store"/*.pem
g_start web01
renewed() { is_confirmed web01 && [ "$(field_of web01 sha256)" != "$first" ]; }
check "deleted: made anew and confirmed without an operator" wait_for 40 renewed
second=$(field_of web01 sha256)
equal "the certificate in the store is the new one" "$(openssl x509 -in "$store"/*.pem -noout -fingerprint -sha256 | sed 's/.*=//; s/://g')" "$second"

# The channel's certificates must live longer than the key for secure messages, further down.
for n in rms1 web01; do
	"$BIN/clavigerd" ca issue "$G/ca" "$n.ops.test" --days 900 --out "$G/$n/channel2" >/dev/null
	sed -i "s,channel\.pem,channel2.pem,; s,channel\.key,channel2.key,; /^crl = /d" "$G/$n/clavigerd.conf"
done
# Channel certificates: a renewed one without a restart, a broken one keeps the old.
g_stop web01
g_stop rms1
g_start rms1
wait_for 20 g_server_up
g_start web01
up() { [ "$(field_of web01 contact)" = up ]; }
wait_for 30 up || bad "web01 is not in touch again"
"$BIN/clavigerd" ca issue "$G/ca" rms1.ops.test --days 900 --out "$G/rms1/new" >/dev/null
cp "$G/rms1/new.key" "$G/rms1/channel2.key"
cp "$G/rms1/new.pem" "$G/rms1/channel2.pem"
check "a renewed channel certificate is taken up (20053)" wait_for 20 has_event 'id:20053 node:rms1.ops.test'
served() { openssl s_client -connect "127.0.0.1:$NODE_PORT" -tls1_3 </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256 | sed 's/.*=//; s/://g'; }
want=$(openssl x509 -in "$G/rms1/new.pem" -noout -fingerprint -sha256 | sed 's/.*=//; s/://g')
equal "it is what the port shows" "$(served)" "$want"
printf 'no certificate\n' >"$G/rms1/channel2.pem"
check "a broken one is an event (21036)" wait_for 20 has_event 'id:21036 node:rms1.ops.test'
equal "and the old one stays in use" "$(served)" "$want"

# The key for secure messages at day 340 of its year, by the test build's clock. Last, for time does not go
# back: a vault refuses a master key of the future (S33).
cp "$G/rms1/new.pem" "$G/rms1/channel2.pem"
second=$(field_of web01 sha256)
g_stop web01
g_stop rms1
at_340() { is_confirmed web01 && [ "$(field_of web01 sha256)" != "$second" ]; }
g_start rms1 CLAVIGER_TEST_CLOCK=$((340 * 86400))
g_start web01 CLAVIGER_TEST_CLOCK=$((340 * 86400))
check "at day 340 it renews by itself" wait_for 60 at_340
check "and says so (7013)" has_event 'id:7013 node:web01.ops.test'
# The vaults' master keys have ended too: items lie under new ones, the old ones are gone.
g_stop web01
g_stop rms1
for n in rms1 web01; do
	equal "$n's vault has one master key, the second, and all items under it" \
		"$(sqlite3 "$G/$n/state/vault/vault.db" 'SELECT (SELECT group_concat(id) FROM master), (SELECT count(DISTINCT master) FROM item), (SELECT max(master) FROM item)')" '2|1|2'
done
g_end
