#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every system call that a process's row of share/doc/processes.md does not grant is planted in it, behind
# its walls, and must kill it. Counts are printed per process. (Must show 7.)
# shellcheck source-path=SCRIPTDIR source=../lib/group.sh source=../lib/realm.sh
. "$(dirname "$0")/../lib/group.sh"
. "$(dirname "$0")/../lib/realm.sh"
g_begin
as_written() { # PROCESS LINE: and no more than tests/data/walls.txt says
	equal "$1: its wall is as wide as is written down" "$(sed -E 's/.*: ([0-9]+) granted.*/\1/' <<<"$2")" "$(sed -n "s/^$1 //p" "$top/tests/data/walls.txt")"
}
g_node rms1 management-server
g_start rms1 CLAVIGER_TEST_PLANT=1
planted() { grep -q "planted: $1: [0-9]* granted" "$G/rms1/log"; }
for p in keygen keyholder core signer net_node net_console; do
	wait_for 180 planted "$p" || bad "$p planted nothing"
	line=$(grep -o "planted: $p: [0-9]* granted, [0-9]* refused, [0-9]* not refused" "$G/rms1/log" | head -1)
	printf '      %s\n' "$line"
	case $line in *", 0 not refused") ok "$p refuses what its row does not grant" ;; *) bad "$p: $line $(grep "planted: $p: call" "$G/rms1/log" | head -3)" ;; esac
	as_written "$p" "$line"
done
g_stop rms1

# --- where Kerberos is on ---
planted_at() { grep -q "planted: $2: [0-9]* granted" "$G/$1/log"; }
judge() { # NODE PROCESS
	wait_for 180 planted_at "$1" "$2" || bad "$2 planted nothing"
	line=$(grep -o "planted: $2: [0-9]* granted, [0-9]* refused, [0-9]* not refused" "$G/$1/log" | head -1)
	printf '      %s\n' "$line"
	case $line in *", 0 not refused") ok "$2 refuses what its row does not grant" ;; *) bad "$2: $line $(grep "planted: $2: call" "$G/$1/log" | head -3)" ;; esac
	as_written "$2" "$line"
}
r_begin || g_end
mkdir -p "$G/rms2"
r_keytab "$G/rms2/keytab" MSOMHSvc/rms2.ops.test
r_section "$G/rms2/keytab" >"$G/rms2/profiles"
NODE_PORT=$(g_port) CONSOLE_PORT=$(g_port) g_node rms2 management-server
r_node web01
g_start rms2 CLAVIGER_TEST_PLANT=1
g_start web01 CLAVIGER_TEST_PLANT=1
for p in net_node_krb net_console_krb krb_accept; do judge rms2 $p; done
judge web01 krb_init
g_stop rms2
g_stop web01
line=$(CLAVIGER_TEST_PLANT=1 "$BIN/libexec/claviger/resolve" localhost 2>&1 | tail -1)
printf '      %s\n' "$line"
case $line in *", 0 not refused") ok "resolve refuses what its row does not grant" ;; *) bad "resolve: $line" ;; esac
as_written resolve "$line"
# The parent's children cannot be started without walls unless the configuration says so aloud.
g_end
