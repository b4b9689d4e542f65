#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A throw-away Kerberos realm for scenario scripts: own database, own krb5.conf, a free port on loopback.
# Source it after group.sh; r_begin starts it, g_end ends it (it is one of PID). Nothing of the host's
# krb5.conf is read.
REALM=OPS.TEST
PATH=$PATH:/usr/sbin
# r_begin [ENCTYPES]: those that the KDC makes keys of.
r_begin() {
	local kinds=${1:-aes256-cts-hmac-sha384-192:normal aes256-cts-hmac-sha1-96:normal}
	R=$G/realm
	mkdir -p "$R"
	chmod go+x "$R"
	KDC_PORT=$(g_port)
	cat >"$R/kdc.conf" <<-X
		[kdcdefaults]
		 kdc_listen = 127.0.0.1:$KDC_PORT
		 kdc_tcp_listen = 127.0.0.1:$KDC_PORT
		[realms]
		 $REALM = {
		  database_name = $R/principal
		  key_stash_file = $R/stash
		  acl_file = $R/acl
		  max_life = ${KDC_LIFE:-10h}
		  supported_enctypes = $kinds
		  master_key_type = aes256-cts-hmac-sha1-96
		 }
		[logging]
		 kdc = FILE:$R/kdc.log
		 admin_server = FILE:$R/kadmin.log
	X
	cat >"$R/krb5.conf" <<-X
		[libdefaults]
		 default_realm = $REALM
		 dns_lookup_kdc = false
		 dns_lookup_realm = false
		 ${KRB5_MORE:-}
		[realms]
		 $REALM = {
		  kdc = ${KDC_HOST:-127.0.0.1}:$KDC_PORT
		 }
	X
	chmod go+r "$R/krb5.conf"
	r_admin_env kdb5_util -r $REALM create -s -P "$RANDOM$RANDOM" >"$R/create.out" 2>&1 || { bad "no realm: $(cat "$R/create.out")"; return 1; }
	r_kdc_start
}
r_admin_env() { KRB5_CONFIG=$R/krb5.conf KRB5_KDC_PROFILE=$R/kdc.conf "$@"; }
r_admin() { r_admin_env kadmin.local -r $REALM -q "$*" >>"$R/admin.out" 2>&1; }
r_kdc_start() {
	KRB5_CONFIG=$R/krb5.conf KRB5_KDC_PROFILE=$R/kdc.conf krb5kdc -n >>"$R/kdc.out" 2>&1 &
	PID[kdc]=$!
	wait_for 10 r_answers || { bad "the KDC does not answer: $(tail -2 "$R/kdc.log")"; return 1; }
}
# A principal that is not there is an answer too.
r_answers() { grep -q 'not found in Kerberos database' <<<"$(KRB5_CONFIG=$R/krb5.conf kinit -c "$R/probe" nobody </dev/null 2>&1)"; }
# r_keytab FILE PRINCIPAL...: makes the principals with random keys, and a keytab of them.
r_keytab() {
	local file=$1 p; shift
	for p in "$@"; do
		r_admin addprinc -randkey "$p" && r_admin ktadd -k "$file" "$p"
	done
	chmod 600 "$file"
}
# The lines of [kerberos] for a node with this keytab: to be put behind g_node's own (into NODE/profiles).
r_section() { # KEYTAB [lines...]
	printf '[kerberos]\nkeytab = %s\nrealms = %s\nkrb5_conf = %s/krb5.conf\n' "$1" "$REALM" "$R"
	shift
	printf '%s\n' "$@"
}
# The first management server, with both mechanisms, up. r_server [lines of its [channel]...]
r_server() {
	mkdir -p "$G/rms1"
	[ -f "$G/rms1/keytab" ] || r_keytab "$G/rms1/keytab" MSOMHSvc/rms1.ops.test MSOMSdkSvc/rms1.ops.test || return 1
	r_section "$G/rms1/keytab" "${RMS_KRB:-}" >"$G/rms1/profiles"
	g_init "$@"
}
# An agent's files, for Kerberos alone. r_node NAME [lines of [kerberos]...]
r_node() {
	local n=$1; shift
	mkdir -p "$G/$n"
	r_keytab "$G/$n/keytab" "MSOMHSvc/$n.ops.test"
	r_section "$G/$n/keytab" "$@" >"$G/$n/profiles"
	g_node "$n" agent
	r_only "$n"
}
not() { ! "$@"; }
# A node that speaks Kerberos alone: no certificate lines.
r_only() { # NODE
	sed -i -E '/^(ca|certificate|key|crl) = .*\//d' "$G/$1/clavigerd.conf"
}

# By itself: tests/lib/realm.sh COMMAND... runs the command in a realm, for tests that are programs. They find its
# folder in CLV_REALM; kadmin.local's environment is set.
if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	# shellcheck source-path=SCRIPTDIR source=group.sh
	. "$(dirname "$0")/group.sh"
	G=$(mktemp -d "$CLAVIGER_TMP/g.XXX")
	trap 'g_kill kdc; rm -rf "$G"' EXIT
	KDC_KINDS=''
	KRB5_MORE='allow_rc4 = true' # the KDC's; what is refused is refused by Claviger
	r_begin "$KDC_KINDS" || exit 1
	export CLV_REALM=$R KRB5_CONFIG=$R/krb5.conf KRB5_KDC_PROFILE=$R/kdc.conf
	"$@"
	exit $?
fi
