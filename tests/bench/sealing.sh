#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The key holder's work, in one run on one machine: configurations sealed for 10,000 agents beside `openssl
# speed` of the two public-key operations that each needs (the limit); 10,000 passwords re-encrypted beside
# MIT krb5's `kdb5_util update_princ_encryption` of as many principals with one key each; and how far apart
# the refusals of a sealed message are by cause (at most 5 %).
set -u
cd "$(dirname "$0")/../.." || exit 2
B=${B:-build}
n=${AGENTS:-10000}
passwords=${PASSWORDS:-10000}
dir=$(mktemp -d "${TMPDIR:-/tmp}/bench.XXXXXX")
trap 'rm -rf "$dir"' EXIT
failed=0

beside_openssl() {
	local ours speed pub sign
	ours=$("$B/tests/bench/sealing" seal "$n") || { failed=1; return; }
	speed=$(openssl speed -seconds 2 -mr rsa3072 ecdsap256 2>/dev/null)
	pub=$(awk -F: '/^\+F2:/ { print $5 }' <<<"$speed")
	sign=$(awk -F: '/^\+F4:/ { print $4 }' <<<"$speed")
	awk -v ours="$ours" -v pub="$pub" -v sign="$sign" -v n="$n" 'BEGIN {
		least = 1e6 / pub + 1e6 / sign
		printf "configuration sealed: %.0f us each, %d agents in %.1f s; openssl speed: RSA-3072 %.0f us + ECDSA P-256 %.0f us; %.2f times the limit\n",
			ours, n, ours * n / 1e6, 1e6 / pub, 1e6 / sign, ours / least
	}'
}

# A database of as many principals: one made by kdb5_util itself, under as many names.
krb5_database() {
	export KRB5_CONFIG=$dir/krb5.conf KRB5_KDC_PROFILE=$dir/kdc.conf
	printf '[libdefaults]\ndefault_realm = BENCH.TEST\ndns_lookup_kdc = false\n[realms]\nBENCH.TEST = {\n}\n' >"$KRB5_CONFIG"
	printf '[realms]\nBENCH.TEST = {\n database_name = %s/principal\n key_stash_file = %s/stash\n master_key_type = aes256-cts-hmac-sha1-96\n supported_enctypes = aes256-cts-hmac-sha1-96:normal\n}\n' \
		"$dir" "$dir" >"$KRB5_KDC_PROFILE"
	kdb5_util create -s -P first -r BENCH.TEST >/dev/null 2>&1 || return 1
	kdb5_util dump "$dir/one" || return 1
	awk -F'\t' -v OFS='\t' -v n="$passwords" '
		NR == 1 { print; next }
		$7 == "kadmin/admin@BENCH.TEST" { for (i = 0; i < n; i++) { $7 = sprintf("u%05d@BENCH.TEST", i); $3 = length($7); print } }' \
		"$dir/one" >"$dir/many"
	kdb5_util load -update "$dir/many" >/dev/null 2>&1 || return 1
	# The time of a master key is in seconds, and one of the same second is not newer.
	printf 'second\nsecond\n' | kdb5_util add_mkey -s >/dev/null 2>&1 || return 1
	kdb5_util use_mkey 2 >/dev/null 2>&1
}

beside_krb5() {
	local ours theirs began said
	ours=$("$B/tests/bench/sealing" reencrypt "$passwords" "$dir/passwords.db") || { failed=1; return; }
	if ! command -v kdb5_util >/dev/null; then
		printf 'passwords re-encrypted: %d in %s s; beside: kdb5_util is not installed (apt-get install krb5-kdc)\n' "$passwords" "$ours"
		return
	fi
	krb5_database || { echo "beside: kdb5_util makes no database"; failed=1; return; }
	began=$(date +%s.%N)
	said=$(kdb5_util update_princ_encryption -f -v 2>&1 | tail -1)
	theirs=$(date +%s.%N)
	awk -v ours="$ours" -v from="$began" -v to="$theirs" -v n="$passwords" -v said="$said" 'BEGIN {
		printf "passwords re-encrypted: %d in %.2f s; kdb5_util: %.2f s (%s); %.2f times its time\n", n, ours, to - from, said, ours / (to - from)
	}'
}

beside_openssl
beside_krb5
"$B/tests/bench/sealing" refusals "${ROUNDS:-400}" || failed=1
exit $failed
