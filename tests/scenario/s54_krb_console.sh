#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Logon to a management server's console by ticket: as whom, with which role, and who is refused. (S3, MSOMSdkSvc.)
# shellcheck source-path=SCRIPTDIR source=../lib/group.sh source=../lib/realm.sh
. "$(dirname "$0")/../lib/group.sh"
. "$(dirname "$0")/../lib/realm.sh"
g_begin
r_begin || g_end
r_server || g_end
g_agent plain01 agent || g_end
r_keytab "$G/anna.keytab" anna
r_keytab "$G/web01.keytab" MSOMHSvc/web01.ops.test
export KRB5_CONFIG=$R/krb5.conf
login() { kinit -c "$G/$1.cc" -k -t "$G/$2.keytab" "${3:-$1}"; }
as() { # CACHE words...
	KRB5CCNAME=$G/$1.cc "$BIN/claviger" -s "rms1.ops.test@127.0.0.1:$CONSOLE_PORT" "${@:2}" 2>"$G/as.err"
}
login anna anna
as anna get agents -o json >"$G/out"
equal 'an unknown group is not trusted' "$?" 4
check 'and nothing is asked of it' grep -q 'is not known here yet' "$G/as.err"
fp=$(sed -n 's/.*It shows \([0-9A-F ]*\);.*/\1/p' "$G/as.err" | tr -d ' ')
as anna --trust-group "$fp" get agents -o json >"$G/out"
equal 'without a role nothing is allowed' "$?" 3
clv role grant krb:anna@OPS.TEST viewer --yes >/dev/null
as anna get agents -o json >"$G/out"
equal 'with one it is' "$(jq -r '.[].name' "$G/out")" plain01.ops.test
as anna rotate plain01 --yes >/dev/null
equal 'a viewer may not act' "$?" 3
check 'which the audit trail has by the principal' grep -q 'krb:anna@OPS.TEST' <(clv get audit --limit 20 -o json)
login node web01 MSOMHSvc/web01.ops.test
as node get agents >/dev/null
equal 'a node does not log on' "$?" 4
check "because it is no person" grep -q "is a service's or a machine's, no person's" "$G/as.err"
as nobody get agents >/dev/null
equal 'without a ticket there is no logon' "$?" 4
check 'and it says what to do' grep -q 'no logon by ticket (kinit, or set ca, cert and key)' "$G/as.err"
kill -STOP "${PID[kdc]}"
as anna get agents -o json >"$G/out"
equal 'while the KDC is silent, who has a ticket logs on' "$(jq -r '.[].name' "$G/out")" plain01.ops.test
kill -CONT "${PID[kdc]}"
g_end
