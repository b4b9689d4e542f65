# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For test scripts: source it first. The script runs under a warden (tests/tools/warden.c) from then on: it has a
# folder, CLAVIGER_TMP and TMPDIR, and ports that are kept for it; whatever ends it, nothing of it is left.
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BIN=${CLAVIGER_BIN:-$top/build/test}
if [ -z "${CLAVIGER_PORTS:-}" ]; then
	for warden in "$BIN" "$top/build/test"; do
		[ ! -x "$warden/tests/tools/warden" ] || exec "$warden/tests/tools/warden" --ports 64 ${CLAVIGER_KEEP:+--keep-failed} -- "$0" "$@"
	done
	printf '%s: build the tests first: make test-build\n' "$0" >&2
	exit 2
fi
[ -z "${CLAVIGER_SEED:-}" ] || RANDOM=$CLAVIGER_SEED

# One of the ports that the warden keeps for this script: nobody else is given it, also while its node is stopped.
g_port() {
	local -a ports
	local n=0
	read -ra ports <<<"$CLAVIGER_PORTS"
	[ ! -s "$CLAVIGER_TMP/port" ] || read -r n <"$CLAVIGER_TMP/port"
	[ -n "${ports[n]:-}" ] || { printf 'no port is left: this script has %s\n' "${#ports[@]}" >&2; return 1; }
	echo $((n + 1)) >"$CLAVIGER_TMP/port"
	echo "${ports[n]}"
}
