#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The ports that scenarios listen at: none twice in a script, none of a script beside it, none that the kernel takes for a
# connection.
# shellcheck source-path=SCRIPTDIR source=../lib/group.sh
. "$(dirname "$0")/../lib/group.sh"
g_begin
draw() { # PART: a hundred ports of a script of its own
	(
		export CLAVIGER_PART=$1
		rm -f "$G/port"
		for _ in $(seq 100); do g_port; done
	) >"$G/ports.$1"
}
for part in 0 1 16; do draw $part; done
sort -n "$G"/ports.* >"$G/all"
equal 'three hundred ports, none twice' "$(sort -un "$G/all" | wc -l)" 300
lowest=$(head -n 1 "$G/all") highest=$(tail -n 1 "$G/all") kernels=$(cut -f 1 /proc/sys/net/ipv4/ip_local_port_range)
equal "all below those of the kernel's choice" "$([ "$lowest" -ge 10000 ] && [ "$highest" -lt "$kernels" ] && echo yes)" yes
echo $((10000 + 1299)) >"$G/port"
check 'at the end of its part a script gets none of the next' bash -c "! (. '$top/tests/lib/group.sh'; G='$G' CLAVIGER_PART=0 g_port)"
g_end
