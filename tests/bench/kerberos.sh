#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Kerberos contexts and wrapped messages beside the same calls in a bare loop, in a realm of its own.
set -u
cd "$(dirname "$0")/../.." || exit 2
B=${B:-build}
# What runs inside the realm: two principals, one keytab, then the program.
inside=$(mktemp)
trap 'rm -f "$inside"' EXIT
cat >"$inside" <<'X'
for p in MSOMHSvc/web01.ops.test MSOMHSvc/rms1.ops.test; do
	kadmin.local -r OPS.TEST -q "addprinc -randkey -e aes256-cts-hmac-sha384-192:normal $p" >/dev/null 2>&1
	kadmin.local -r OPS.TEST -q "ktadd -norandkey -k $CLV_REALM/keytab $p" >/dev/null 2>&1
done
exec "$1/tests/bench/kerberos" "$CLV_REALM/keytab" "${2:-3}"
X
PATH=$PATH:/usr/sbin bash tests/lib/realm.sh bash "$inside" "$B" "${SECONDS_EACH:-3}"
