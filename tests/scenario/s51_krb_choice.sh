#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Choice and pinning (S2 to S4, T15): a node moves from Kerberos to its certificate by the same node key and never
# back without an administrator; what fails is told on both ends, each with its number and one clear reason.
# shellcheck source-path=SCRIPTDIR source=../lib/group.sh source=../lib/realm.sh
. "$(dirname "$0")/../lib/group.sh"
. "$(dirname "$0")/../lib/realm.sh"
g_begin
export KRB5_MORE='allow_rc4 = true' # the realm's; Claviger's own comes first
r_begin || g_end
r_server || g_end
logged() { grep -q "$2" "$G/$1/log"; }
is_by() { [ "$(field_of "$1" mechanism)" = "$2" ]; }
restart() { g_stop "$1"; : >"$G/$1/log"; g_start "$1"; }

# --- from Kerberos to a certificate ---
r_node web01
check 'enrolled by Kerberos' g_enroll web01
check 'and accepted' g_approve web01
g_start web01
check 'linked by Kerberos' wait_for 30 is_by web01 kerberos
key=$(clv describe agent web01.ops.test -o json | jq -r .node_key_id)
kerberos_only=$(cat "$G/web01/clavigerd.conf")
sed -i "s|^\[channel\]|[channel]\nca = $G/ca/ca.pem\ncertificate = $G/web01/channel.pem\nkey = $G/web01/channel.key|" "$G/web01/clavigerd.conf"
restart web01
check 'with a certificate beside it, by the certificate (S2)' wait_for 30 is_by web01 certificate
check 'told at the server' wait_for 10 has_event 'id:20020 text:"from now on; before: by kerberos"'
check 'and at the agent' wait_for 10 logged web01 'event 20020: rms1.ops.test is proven by certificate from now on; before: by kerberos'
equal 'by the same node key' "$(clv describe agent web01.ops.test -o json | jq -r .node_key_id)" "$key"

# --- and not back ---
printf '%s\n' "$kerberos_only" >"$G/web01/clavigerd.conf"
restart web01
check 'its certificate gone: the agent tries nothing less' wait_for 20 logged web01 'event 21036'
check 'and no link comes to the server by Kerberos' not is_by web01 kerberos
sed -i 's/^\[channel\]/[channel]\nmechanism = kerberos/' "$G/web01/clavigerd.conf"
restart web01
check 'told to use Kerberos: the server refuses' wait_for 20 has_event 'id:20002 text:"it came by Kerberos, and was proven by its certificate before"'
check 'and the agent says so' wait_for 20 logged web01 'event 21011: rms1.ops.test refused the link: web01.ops.test is pinned to certificates here'
check 'and that it has no link at all' wait_for 20 logged web01 'event 21016: There is no link to any of the 1 servers'
check 'still no link' not is_by web01 kerberos
sed -i 's/^realms = .*/&\ntake_back = web01.ops.test/' "$G/rms1/clavigerd.conf"
restart rms1
check 'taken back by an administrator of the server' wait_for 60 is_by web01 kerberos
sed -i '/^take_back/d' "$G/rms1/clavigerd.conf"
restart rms1
check 'from then on Kerberos is what it is pinned to' wait_for 60 is_by web01 kerberos

# --- what fails, and how it is told ---
r_node web02
sed -i "s/^server = rms1.ops.test/server = rms9.ops.test/" "$G/web02/clavigerd.conf"
"$BIN/clavigerd" enroll -c "$G/web02/clavigerd.conf" --role agent >"$G/web02/out" 2>&1
check 'a service that the KDC does not know' grep -q 'rms9.ops.test: no Kerberos ticket for the server: the KDC does not know this service' "$G/web02/out"
r_admin cpw -randkey MSOMHSvc/rms1.ops.test
restart web01
rm -f "$G/web01/state/kerberos/ccache"
check 'a ticket for a newer key than the keytab has: 21001 at the agent' wait_for 40 logged web01 'event 21001: .*the peer refused our ticket: the Kerberos token was refused: the ticket is for an older or newer key'
check 'and 20002 at the server' wait_for 10 has_event 'id:20002 text:"older or newer key than the keytab"'
g_stop web01
g_node plain01 agent
g_agent plain02 agent
sed -i 's/^\[channel\]/[channel]\nmechanism = kerberos/' "$G/rms1/clavigerd.conf"
restart rms1
wait_for 20 g_server_up || bad 'the server is not back'
"$BIN/clavigerd" enroll -c "$G/plain01/clavigerd.conf" --role agent >"$G/plain01/out" 2>&1
check 'no mechanism in common (S4)' grep -q 'the peer refused our offer: no common mechanism: this side has Kerberos only; across an untrusted boundary enable certificates on both ends' "$G/plain01/out"
check 'which the server tells too' wait_for 10 has_event 'id:20002 text:"no common mechanism"'
check 'a member that has certificates only: 21007 at its end' wait_for 20 logged plain02 'event 21007: .*no common mechanism: this side has Kerberos only'
check 'and nothing else is said of it' not logged plain02 'event \(20057\|20070\|20071\|21001\|21011\)'
g_stop plain02

# --- RC4: refused, permitted, weak ---
g_stop rms1
rm -f "$G/rms1/keytab"
r_admin cpw -randkey -e arcfour-hmac:normal MSOMHSvc/rms1.ops.test
r_admin ktadd -norandkey -k "$G/rms1/keytab" MSOMHSvc/rms1.ops.test
chmod 600 "$G/rms1/keytab"
sed -i '/^mechanism = /d' "$G/rms1/clavigerd.conf" "$G/web01/clavigerd.conf"
: >"$G/rms1/log"
timeout 60 "$BIN/clavigerd" run -c "$G/rms1/clavigerd.conf" </dev/null >>"$G/rms1/log" 2>&1
check 'a server whose keytab has an RC4 key does not start' logged rms1 'the keytab holds a key of arcfour-hmac for MSOMHSvc/rms1.ops.test@OPS.TEST'
sed -i 's/^realms = .*/&\npermit_rc4 = yes/' "$G/rms1/clavigerd.conf"
g_start rms1
wait_for 20 g_server_up || bad 'the server is not back'
check 'where an administrator permits it, it starts and warns' logged rms1 'permit_rc4 = yes: links may be protected by RC4, which is weak'
rm -f "$G/web01/state/kerberos/ccache"
restart web01
check 'the agent by itself still refuses' wait_for 30 logged web01 'event 20057'
check 'and no link comes of it' not is_by web01 kerberos
sed -i 's/^realms = .*/&\npermit_rc4 = yes/' "$G/web01/clavigerd.conf"
rm -f "$G/web01/state/kerberos/ccache"
restart web01
check 'permitted on both ends it links' wait_for 60 is_by web01 kerberos
printf '      %s\n' "$(field_of web01 cipher)"
check 'and is weak by its name' grep -q '(weak' <(field_of web01 cipher)
screens=0 T=''
# A session of its own each time: the server of the one before may still be on its way out.
screen() { T=$G/tmux.$((++screens)); tmux -S "$T" -f /dev/null new-session -d -x 110 -y 40 "env LANG=C.UTF-8 $BIN/claviger $*"; }
shown() { tmux -S "$T" capture-pane -p | grep -q "$1"; }
# weak PART: everywhere where this link is told of, and by which part of it.
weak_everywhere() {
	local part=$1 alert
	check "$part: in the list" grep -q "(weak.*" <(field_of web01 cipher)
	"$BIN/clavigerd" alert -c "$G/web01/clavigerd.conf" --severity warning --name "over a link with an $part" >"$G/out" 2>&1
	kept() { [ "$(clv get alerts --filter "name:\"$part\"" -o json 2>/dev/null | jq length)" = 1 ]; }
	check "$part: an alert comes over it" wait_for 20 kept
	alert=$(clv get alerts --filter "name:\"$part\"" -o json | jq -r '.[0].id')
	check "$part: the trace names it" grep -q "(weak: $part)" <(clv trace "$alert" -o json | jq -r '.links[].cipher')
	clv report encryption -o json >"$G/report.json"
	equal "$part: the report does not say encrypted" "$(jq -r .encrypted "$G/report.json")" false
	equal "$part: it says why of the link that is up" "$(jq -r '[.links[] | select(.live) | .weak | test("'"$part"'")] | tostring' "$G/report.json")" '[true]'
	equal "$part: and in what is weak" "$(jq -r '[.weak[] | select(test("'"$part"'"))] | length' "$G/report.json")" 1
	check "$part: as text" grep -q "$part" <(clv report encryption)
	check "$part: as a page" grep -q "$part" <(clv report encryption -o html)
	check "$part: in the proof" grep -q "$part" <(clv proof web01.ops.test)
	screen agents
	check "$part: LINK on screen" wait_for 15 shown 'krb weak !'
	tmux -S "$T" send-keys ':proof web01.ops.test' Enter
	check "$part: the proof's page" wait_for 15 shown "$part"
	check "$part: it does not begin with yes" not shown 'Encrypted? *[Yy]es'
	tmux -S "$T" send-keys ":trace $alert" Enter
	check "$part: and the trace's" wait_for 15 shown "$part: "
	tmux -S "$T" kill-server
}
again() { # both anew, without old tickets
	restart rms1
	wait_for 20 g_server_up || bad 'the server is not back'
	rm -f "$G/web01/state/kerberos/ccache"
	restart web01
	wait_for 60 is_by web01 kerberos || bad "no link: $(tail -2 "$G/web01/log")"
}
weak_everywhere 'RC4 ticket'

# The reverse: the ticket under AES, its session key of RC4.
r_admin cpw -randkey -e aes256-cts-hmac-sha1-96:normal MSOMHSvc/rms1.ops.test
rm -f "$G/rms1/keytab"
r_admin ktadd -norandkey -k "$G/rms1/keytab" MSOMHSvc/rms1.ops.test
chmod 600 "$G/rms1/keytab"
r_admin setstr MSOMHSvc/rms1.ops.test session_enctypes arcfour-hmac
again
weak_everywhere 'RC4 session'
sed -i '/^permit_rc4/d' "$G/web01/clavigerd.conf"
rm -f "$G/web01/state/kerberos/ccache"
restart web01
check 'not permitted at the agent: it gets no such ticket' wait_for 30 logged web01 'event 20057'
check 'and no link' not is_by web01 kerberos
g_end
