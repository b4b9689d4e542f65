#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An alert over a Kerberos link with a real KDC: the trace names the mechanism and the enctype that klist shows, its
# two ends have equal fingerprints, the probe agrees, and the proof says what a later leak opens. Beside it an agent by
# certificate: each link by its own mechanism. (Issue 5: Must show 1, 9, over one link.)
# shellcheck source-path=SCRIPTDIR source=../lib/group.sh source=../lib/realm.sh
. "$(dirname "$0")/../lib/group.sh"
. "$(dirname "$0")/../lib/realm.sh"
g_begin
r_begin || g_end
r_server || g_end
r_node web01
g_enroll web01
g_approve web01 >/dev/null
g_start web01
check 'an agent by Kerberos' wait_for 40 is_confirmed web01
g_agent db01 agent || g_end
alert() { "$BIN/clavigerd" alert -c "$G/$1/clavigerd.conf" --severity warning --name "$2" >/dev/null; }
has() { [ "$(clv get alerts --filter "name:$1" -o json 2>/dev/null | jq length)" = 1 ]; }
id_of() { clv get alerts --filter "name:$1" -o json 2>/dev/null | jq '.[0].id'; }
alert web01 one
alert db01 two
check 'its alert comes' wait_for 20 has one
check 'and the other one' wait_for 20 has two
clv trace "$(id_of one)" -o json >"$G/trace.json" 2>/dev/null
equal 'the path verifies' $? 0
link() { jq -r ".links[0].$1" "$G/trace.json"; }
equal 'by Kerberos' "$(link mechanism)" kerberos
ticket() { KRB5_CONFIG=$R/krb5.conf klist -e -c "$G/web01/state/kerberos/ccache" | grep -A1 MSOMHSvc/rms1.ops.test | sed -n 's/.*tkt): //p' | tr -d ' '; }
equal 'with the enctype that klist shows' "$(ticket)" "$(link cipher),$(link cipher)"
equal 'equal fingerprints' "$(jq '.links[0]|.fingerprint_from==.fingerprint_to and (.fingerprint_from|length)==32' "$G/trace.json")" true
clv trace --probe web01 -o json >"$G/trace.json" 2>/dev/null
equal 'the probe' "$?,$(link mechanism)" 0,kerberos
clv trace "$(id_of two)" -o json >"$G/trace.json" 2>/dev/null
equal 'the other one by certificate' "$?,$(link mechanism)" 0,certificate
clv report encryption -o json >"$G/report.json" 2>/dev/null
equal 'the report has both, verified' "$?,$(jq -r '[.links[]|.mechanism+" "+(.parcels|tostring)+" "+(.verified|tostring)]|sort|join(",")' "$G/report.json")" '0,certificate 1 1,kerberos 1 1'
check 'and says what a later leak opens' grep -q 'keytab opens' "$G/report.json"
if jq -e '[.links[]|select(.mechanism=="kerberos" and .weak!=null)]|length>0' "$G/report.json" >/dev/null; then bad 'AES is called weak'; else ok 'AES is not called weak'; fi
# What is configured does not count: the report is of what runs.
sed -i 's/^mechanism = .*//; /^\[channel\]/a mechanism = certificate' "$G/web01/clavigerd.conf"
clv report encryption -o json >"$G/again.json" 2>/dev/null
equal 'a changed configuration changes nothing' "$(jq -c '[.links[].mechanism]|sort' "$G/again.json")" "$(jq -c '[.links[].mechanism]|sort' "$G/report.json")"
g_end
