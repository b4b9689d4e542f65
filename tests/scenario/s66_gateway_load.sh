#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Ten agents behind one gateway with more than its link to the server holds: parcels as large as they may be, while the
# server's net is stopped, then while processes are killed. Nothing is lost, nothing comes twice, each outbox is in
# order, and the gateway's memory stays bounded. (Issue 5: Must show 6; back-pressure.)
. "$(dirname "$0")/../lib/group.sh"
g_begin
g_init || g_end
g_agent gw1 gateway || g_end
N=10
agents() { seq -f 'a%02g' $N; }
for n in $(agents); do VIA=gw1 g_agent "$n" agent >"$G/out" 2>&1 || bad "$n: $(cat "$G/out")"; done
by_gw() { [ "$(clv get agents --filter 'via:gw1 contact:up' -o json 2>/dev/null | jq length)" = $N ]; }
check "ten agents behind it" wait_for 40 by_gw
text=$(head -c 3900 /dev/zero | tr '\0' x)
# 120 alerts of 3.9 kB: one parcel is full.
raise() { # ROUND
	local n i
	for n in $(agents); do
		for i in $(seq 120); do printf 'information\t%s %s %s\t%s\n' "$1" "$n" "$i" "$text"; done >"$G/lines.$n"
		"$BIN/clavigerd" alert -c "$G/$n/clavigerd.conf" --lines <"$G/lines.$n" >"$G/out.$n" 2>&1 &
		jobs+=" $!"
	done
}
waited() { local j; for j in $jobs; do wait "$j" || bad "an alert was not stored"; done; jobs=''; }
# How many alerts there are; the names are held against each other at the end.
stored() { clv get alerts --limit 1 -o json 2>&1 >/dev/null | sed -n 's/^1 of \([0-9]*\) alerts.*/\1/p'; }
all_stored() { [ "$(stored)" -ge $((N * 120 * $1)) ]; }
jobs=''

net=$(g_proc rms1 net_node)
gwnet=$(g_proc gw1 net_node)
kill -STOP "$net"
raise held
waited
sleep 2
rss=$(awk '/^VmRSS/ {print $2}' "/proc/$gwnet/status")
if [ "$rss" -lt 150000 ]; then ok "the gateway's net holds $rss kB while the server does not read"; else bad "the gateway's net holds $rss kB"; fi
kill -CONT "$net"
check "when it reads again all of it comes" wait_for 60 all_stored 1
equal "and no link was given up for it" "$(g_proc gw1 net_node) $(grep -c 'links behind it are closed' "$G/gw1/log")" "$gwnet 0"

raise killed
for at in gw1:net_node rms1:core gw1:core rms1:net_node gw1:keyholder rms1:keyholder; do
	p=$(g_proc "${at%:*}" "${at#*:}")
	[ -z "$p" ] || kill -KILL "$p"
	sleep 0.7
done
waited
check "with six processes killed in the middle all of it comes" wait_for 120 all_stored 2
check "the agents are back behind it" wait_for 90 by_gw
for n in $(agents) gw1 rms1; do g_stop "$n"; done
db=$G/rms1/state/OperationsManager.db
equal "no number twice" "$(sqlite3 "$db" "select count(*) from (select outbox, sequence from alerts where outbox is not null group by outbox, sequence having count(*)>1)")" 0
equal "in order, for each outbox" "$(sqlite3 "$db" "select count(*) from alerts a join alerts b on b.outbox=a.outbox and b.id<a.id and b.sequence>a.sequence")" 0
for w in held killed; do equal "all that were $w are there" "$(sqlite3 "$db" "select count(distinct name) from alerts where name like '$w %'")" $((N * 120)); done
equal "nothing twice" "$(sqlite3 "$db" "select count(*)-count(distinct name) from alerts where name like 'held %' or name like 'killed %'")" 0
records() { sqlite3 "$db" "select count(*) from (select p.id from parcels p join hops h on h.parcel=p.id where p.agent like 'a%' and exists (select 1 from alerts a where a.parcel=p.id and a.name like '$1 %') group by p.id having count(*) not in ($2))"; }
equal "each parcel that was held has three records" "$(records held 3)" 0
equal "the others three, or two where the agent came directly meanwhile" "$(records killed 2,3)" 0
equal "the database is whole" "$(sqlite3 "$db" 'pragma integrity_check')" ok
g_end
