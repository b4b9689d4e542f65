#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A link by Kerberos with a real KDC, from enrolment to a confirmed key: what the console says of it, that both
# ends computed the same fingerprint, that the ticket is what klist says, and that nobody else pays for it.
# (S3, design 3 "Kerberos".)
# shellcheck source-path=SCRIPTDIR source=../lib/group.sh source=../lib/realm.sh
. "$(dirname "$0")/../lib/group.sh"
. "$(dirname "$0")/../lib/realm.sh"
g_begin
r_begin || g_end
r_server || g_end
r_node web01
check 'enrolment over Kerberos' g_enroll web01
equal 'it waits as one that proved its name by Kerberos' "$(clv get pending -o json 2>/dev/null | jq -r '.[0].came_by')" 'Kerberos, own name'
check 'accepted by its fingerprint' g_approve web01
g_start web01
check 'the agent is confirmed' wait_for 40 is_confirmed web01
equal 'the mechanism' "$(field_of web01 mechanism)" kerberos
cipher=$(field_of web01 cipher)
equal 'the cipher is the strongest there is' "$cipher" aes256-cts-hmac-sha384-192
detail() { clv describe agent web01.ops.test -o json | jq -r "$1"; }
equal 'both ends agree on the fingerprint' "$(detail .fingerprint_agreed)" true
check 'which is not empty' grep -qE '^[0-9A-F]{32}$' <(detail .fingerprint)
equal 'a Kerberos link has no certificate' "$(detail .channel_certificate)" null
ticket() { KRB5_CONFIG=$R/krb5.conf klist -e -c "$G/web01/state/kerberos/ccache" | grep -A1 MSOMHSvc/rms1.ops.test | sed -n 's/.*tkt): //p' | tr -d ' '; }
equal 'klist shows the ticket with the same enctype' "$(ticket)" "$cipher,$cipher"

# --- the path of now, by stored records ---
clv trace --probe web01 -o json >"$G/trace.json" 2>"$G/trace.err"
equal 'the trace is verified' "$(jq -r .verified "$G/trace.json")" true
equal 'it names mechanism and enctype as the ticket has them' "$(jq -r '.links[0] | .mechanism + " " + .cipher' "$G/trace.json")" "kerberos $cipher"
equal 'with equal fingerprints at both ends' "$(jq -r '.links[0] | .fingerprint_from == .fingerprint_to and (.fingerprint_from | length) > 0' "$G/trace.json")" true

# --- on screen ---
screen() { tmux -S "$G/tmux" -f /dev/null new-session -d -x 110 -y 30 "env LANG=C.UTF-8 $BIN/claviger $*"; }
shown() { tmux -S "$G/tmux" capture-pane -p | grep -q "$1"; }
screen agents
check 'LINK says krb aes256' wait_for 15 shown 'krb aes256'
tmux -S "$G/tmux" send-keys Enter
check 'the page names Kerberos and the enctype' wait_for 15 shown "Kerberos $cipher"
tmux -S "$G/tmux" kill-server

check 'and misses no certificate' not grep -q certificate "$G/web01/log"

# --- what clavigerd check says ---
said() { "$BIN/clavigerd" check -c "$G/$1/clavigerd.conf" 2>&1; }
equal 'check finds no problem at the agent' "$(said web01 | tail -1)" 'fine: no problem found'
check 'and says as whom it would link, and why' grep -q 'by Kerberos as MSOMHSvc/web01.ops.test@OPS.TEST (mechanism = auto: there is no certificate here (S3)); the server must prove MSOMHSvc/rms1.ops.test' <(said web01)
check 'and which keys there are' grep -q 'MSOMHSvc/web01.ops.test@OPS.TEST, version 2, aes256-cts-hmac-sha384-192' <(said web01)
check 'the server accepts consoles as' grep -q 'consoles are accepted as MSOMSdkSvc/rms1.ops.test@OPS.TEST' <(said rms1)
r_node rc4
r_admin ktadd -k "$G/rc4/keytab" -e arcfour-hmac:normal MSOMHSvc/rc4.ops.test
equal 'a keytab with an RC4 key is a problem' "$(said rc4 | grep -c 'PROBLEM.*holds a key of arcfour-hmac')" 1
check 'and the service does not start with it' not timeout 60 "$BIN/clavigerd" enroll -c "$G/rc4/clavigerd.conf" --role agent
"$BIN/clavigerd" enroll -c "$G/rc4/clavigerd.conf" --role agent >"$G/rc4/out" 2>&1
check 'and says why' grep -q 'the keytab holds a key of arcfour-hmac for MSOMHSvc/rc4.ops.test@OPS.TEST' "$G/rc4/out"

# --- a machine account, by the map ---
r_keytab "$G/m.keytab" 'WEB02$'
mkdir -p "$G/web02"
r_section "$G/m.keytab" 'principal = WEB02$@OPS.TEST' >"$G/web02/profiles"
g_node web02 agent
r_only web02
check 'a machine account that no map names is refused' not g_enroll web02
check 'for that reason' grep -q 'the principal WEB02$@OPS.TEST is no node.s' "$G/web02/enroll.out"
g_stop rms1
sed -i 's/^realms = .*/&\nmap = WEB02$@OPS.TEST=web02.ops.test/' "$G/rms1/clavigerd.conf"
g_start rms1
wait_for 20 g_server_up || bad 'the server is not back'
check 'with the map it is the node web02' g_enroll web02
check 'and is accepted as that' g_approve web02
g_start web02
check 'and linked' wait_for 40 is_confirmed web02
equal 'by Kerberos' "$(field_of web02 mechanism)" kerberos

# --- on the wire: a RunAs password on its way to an agent, by Kerberos ---
RELAY_PORT=$(g_port)
mkdir "$G/wire"
"$BIN/tests/tools/wire" relay "$RELAY_PORT" "$NODE_PORT" "$G/wire" >"$G/wire.out" 2>&1 &
PID[relay]=$!
wait_for 10 grep -q listening "$G/wire.out" || bad "the relay does not listen: $(cat "$G/wire.out")"
SERVER_PORT=$RELAY_PORT r_node web03
g_enroll web03
g_approve web03 >/dev/null
g_start web03
check 'a node behind a relay that copies all bytes' wait_for 40 is_confirmed web03
{
	clv account add svc-of-the-wire --type windows --user svc-of-the-wire --domain CORP
	clv profile add 'Backup of the wire'
	clv account distribute svc-of-the-wire --to web03 --yes
	clv profile associate 'Backup of the wire' svc-of-the-wire --all
} >/dev/null 2>&1
printf 'Passw0rd-of-the-wire' >"$G/first"
check 'a password is entered for it' quiet clv reenter svc-of-the-wire --password-fd 0 --all-at-once <"$G/first"
has_it() { [ "$(clv get accounts -o json 2>/dev/null | jq '.[0].confirmed')" = 1 ]; }
check 'and confirmed by it' wait_for 40 has_it
caught() { cat "$G"/wire/*.[cs] | grep -caF "$1"; }
printf '      %s bytes were copied\n' "$(cat "$G"/wire/*.[cs] | wc -c)"
check 'what was copied is this link: the token names its realm' test "$(caught OPS.TEST)" -gt 0
for word in svc-of-the-wire Passw0rd-of-the-wire SecureData OMMG1 'Backup of the wire' node_key; do
	equal "nothing else is in the clear: $word" "$(caught "$word")" 0
done

# --- who runs, and who is linked with what ---
runs() { [ -n "$(g_proc "$1" "$2")" ]; }
check 'the agent initiates' runs web01 krb_init
check 'and accepts nothing' not runs web01 krb_accept
check 'it has no certificate, so no signer either' not runs web01 signer
check 'the server accepts' runs rms1 krb_accept
check 'and initiates nothing' not runs rms1 krb_init
g_agent plain01 agent || g_end
equal 'what ends: no ticket among the certificates' "$(clv get expiry -o json 2>/dev/null | jq -c '[.[] | select(.what == "channel certificate") | .name // .whose] | length')" 2
check 'a node without Kerberos runs neither' not runs plain01 'krb_.*'
check 'nor the network process that is linked with it' runs plain01 net_node
check 'which has no libkrb5' not grep -q krb5 /proc/"$(g_proc plain01 net_node)"/maps
equal 'a certificate link beside it' "$(field_of plain01 mechanism)" certificate
g_end
