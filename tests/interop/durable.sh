#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What is acknowledged is on the disk: by strace, each file under state/ that is renamed into place was synced after its last
# write, its folder after that, and each database that was written to was synced afterwards. At a server and an agent, while a
# group is made, an agent joins and a key is rotated.
# shellcheck source-path=SCRIPTDIR source=../lib/group.sh
. "$(dirname "$0")/../lib/group.sh"
TRACE=(strace -f -qq -y -e "trace=write,pwrite64,writev,rename,renameat,renameat2,fsync,fdatasync" -e signal=none)
traced() { # NAME COMMAND...
	"${TRACE[@]}" -o "$G/trace.$1" "${@:2}"
}
g_begin
g_node rms1 management-server
check 'a group is made' traced init "$BIN/clavigerd" init -c "$G/rms1/clavigerd.conf"
"${TRACE[@]}" -o "$G/trace.rms1" "$BIN/clavigerd" run -c "$G/rms1/clavigerd.conf" </dev/null >>"$G/rms1/log" 2>&1 &
PID[rms1]=$!
wait_for 60 g_server_up || { bad "rms1 does not answer: $(tail -3 "$G/rms1/log")"; g_end; }
g_node web01 agent
check 'an agent enrols' traced enroll "$BIN/clavigerd" enroll -c "$G/web01/clavigerd.conf" --role agent
sed -n p "$G/check.out" >"$G/web01/enroll.out"
check 'it is accepted' g_approve web01
"${TRACE[@]}" -o "$G/trace.web01" "$BIN/clavigerd" run -c "$G/web01/clavigerd.conf" </dev/null >>"$G/web01/log" 2>&1 &
PID[web01]=$!
check 'its key is confirmed' wait_for 60 is_confirmed web01
check 'a rotation' clv rotate web01 --wait --yes
check 'a copy of the database' "$BIN/clavigerd" store backup -c "$G/rms1/clavigerd.conf" copy
copy=$(sed 's/^copied to //' "$G/check.out")
for n in web01 rms1; do # the services themselves, so that their traces end whole
	kill -TERM "$(pgrep -P "${PID[$n]}" | head -n 1)"
	wait "${PID[$n]}" 2>/dev/null
	unset "PID[$n]"
done
# Per file: how often it was renamed or written and what was missing before or after.
judge() { # TRACE
	awk '
		function path(s) { return match(s, /<[^>]*>/) ? substr(s, RSTART + 1, RLENGTH - 2) : "" }
		function quoted(s, n,   i) { for (i = 0; i < n; i++) { if (!match(s, /"[^"]*"/)) return ""; q = substr(s, RSTART + 1, RLENGTH - 2); s = substr(s, RSTART + RLENGTH) } return q }
		/ = -1 / || /resumed/ && !/fsync|fdatasync/ { next }
		/[0-9]+ +(write|pwrite64|writev)\(/ { p = path($0); if (p ~ /\/state\//) { dirty[p] = 1; if (p ~ /\.db$/) db[p] = 1 } next }
		/[0-9]+ +(fsync|fdatasync)\(/ { p = path($0); delete dirty[p]; if (p in folder) delete folder[p]; syncs++ ; if (p ~ /\.db$/) synced[p]++; next }
		/[0-9]+ +rename(at2?)?\(/ {
			from = quoted($0, 1); to = quoted($0, 2)
			if (to !~ /\/state\// && from !~ /\/state\// && to ~ /^\//) next
			renames++
			for (d in dirty) if (d ~ from "$") print "renamed before it was synced: " d
			d = to; if (sub(/\/[^\/]*$/, "", d) && d ~ /^\//) folder[d] = to
		}
		END {
			for (d in folder) print "the folder was not synced after a rename: " d
			for (p in db) { if (!synced[p]) print "written and never synced: " p; if (p in dirty) print "not synced after the last write: " p }
			printf "%d %d\n", renames, syncs >"/dev/stderr"
		}' "$G/trace.$1" >"$G/judged" 2>"$G/counted"
}
check 'it is brought back' traced restore "$BIN/clavigerd" store restore -c "$G/rms1/clavigerd.conf" --replace "$copy"
for t in init enroll rms1 web01 restore; do
	judge "$t"
	equal "$t: what was written was synced, in order ($(cat "$G/counted") renames and syncs)" "$(head -3 "$G/judged" | tr '\n' ' ')" ''
	read -r _ syncs <"$G/counted"
	check "$t: the trace has syncs" test "$syncs" -gt 0
done
g_end
