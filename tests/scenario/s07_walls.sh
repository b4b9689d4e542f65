#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every system call that a process's row of share/doc/processes.md does not grant is planted in it, behind
# its walls, and must kill it. Counts are printed per process. (Must show 7.)
. "$(dirname "$0")/../lib/group.sh"
g_begin
g_node rms1 management-server
g_start rms1 CLAVIGER_TEST_PLANT=1
planted() { grep -q "planted: $1: [0-9]* granted" "$G/rms1/log"; }
for p in keygen keyholder core net_node net_console; do
	wait_for 60 planted "$p" || bad "$p planted nothing"
	line=$(grep -o "planted: $p: [0-9]* granted, [0-9]* refused, [0-9]* not refused" "$G/rms1/log" | head -1)
	printf '      %s\n' "$line"
	case $line in *", 0 not refused") ok "$p refuses what its row does not grant" ;; *) bad "$p: $line $(grep "planted: $p: call" "$G/rms1/log" | head -3)" ;; esac
done
g_stop rms1
line=$(CLAVIGER_TEST_PLANT=1 "$BIN/libexec/claviger/resolve" localhost 2>&1 | tail -1)
printf '      %s\n' "$line"
case $line in *", 0 not refused") ok "resolve refuses what its row does not grant" ;; *) bad "resolve: $line" ;; esac
# The parent's children cannot be started without walls unless the configuration says so aloud.
g_end
