#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The ports that scenarios listen at: none twice in a script, none of a script beside it, none that the kernel gives to
# anybody else while the script runs, and listening there is possible again and again.
# shellcheck source-path=SCRIPTDIR source=../lib/group.sh
. "$(dirname "$0")/../lib/group.sh"
g_begin
warden=$BIN/tests/tools/warden
[ -x "$warden" ] || warden=$top/build/test/tests/tools/warden
mine=$(for _ in $(seq 20); do g_port; done)
others=$(for _ in 1 2 3; do env -u CLAVIGER_PORTS "$warden" --ports 100 -- sh -c 'printf "%s\n" $CLAVIGER_PORTS'; done)
equal 'twenty of this script, none twice' "$(sort -un <<<"$mine" | wc -l)" 20
equal 'of three scripts after each other none is of this one' "$(sort -n <<<"$mine
$(sort -un <<<"$others")" | uniq -d | wc -l)" 0
last() { for _ in $(seq 80); do g_port; done; }
last >"$G/rest" 2>"$G/said"
equal 'one that asks for more than it has is told so' "$(grep -c 'no port is left' "$G/said") $(sort -u "$G/rest" | wc -l)" '38 42'
listens() { timeout 5 openssl s_server -accept "127.0.0.1:$1" -nocert -quiet </dev/null >/dev/null 2>"$G/listen" & local p=$!; nap 0.3; kill -0 $p 2>/dev/null; local rc=$?; kill $p 2>/dev/null; wait $p 2>/dev/null; return $rc; }
port=$(head -n 1 <<<"$mine")
check 'listening at one' listens "$port"
check 'and again' listens "$port"
g_end
