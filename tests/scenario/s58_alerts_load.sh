#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Several agents raise alerts at once while processes of the server and of agents are killed, the server itself is
# stopped and started: whatever was said to be stored arrives once, in the order of its agent; then every path
# verifies. --long: 50 agents, 400 alerts each, 40 kills.
# (Issue 5: Must show 6, over one link.)
. "$(dirname "$0")/../lib/group.sh"
g_begin
agents=4 each=60 kills=16
[ -z "$LONG" ] || agents=50 each=400 kills=40
[ -z "${CLAVIGER_ASAN:-}" ] || each=30
g_init || g_end
for a in $(seq "$agents"); do g_agent "n$a" agent >/dev/null || g_end; done
ok "$agents agents"
# One after the other, each until it is said to be stored: an alert that was stored but not told may come twice by
# its name, under two numbers, as two alerts that were raised.
raise() { # agent
	local i
	for i in $(seq "$each"); do
		for _ in $(seq 600); do
			"$BIN/clavigerd" alert -c "$G/$1/clavigerd.conf" --severity information --name "$1 $i" >/dev/null 2>&1 && break
			sleep 0.1
		done
	done
	echo "$1" >>"$G/done"
}
: >"$G/done"
raising=()
for a in $(seq "$agents"); do raise "n$a" & raising+=($!); done
killed=0
for k in $(seq "$kills"); do
	n=$((1 + RANDOM % agents))
	case $((k % 8)) in
	0) g_stop rms1; sleep 0.5; g_start rms1; killed=$((killed + 1)); continue ;;
	1 | 4) at=rms1:core ;;
	2) at=n$n:core ;;
	3) at=rms1:net_node ;;
	5) at=n$n:net_node ;;
	6) at=rms1:keyholder ;;
	*) at=n$n:keyholder ;;
	esac
	p=$(g_proc "${at%:*}" "${at#*:}")
	[ -z "$p" ] || { kill -KILL "$p" 2>/dev/null && killed=$((killed + 1)); }
	sleep 0.4
done
all_said() { [ "$(wc -l <"$G/done")" = "$agents" ]; }
check "everything was said to be stored, with $killed kills" wait_for $((120 + agents * each / 20)) all_said
wait "${raising[@]}"
check "the server answers" wait_for 30 g_server_up
for a in $(seq "$agents"); do "$BIN/clavigerd" alert -c "$G/n$a/clavigerd.conf" --severity warning --name "n$a the end" >/dev/null 2>&1 || bad "n$a takes no last one"; done
ends() { [ "$(clv get alerts --filter 'name:"the end"' --limit 1000 -o json 2>/dev/null | jq length)" = "$agents" ]; }
check "the last of each arrives" wait_for 120 ends
clv proof n1 -o json >"$G/proof.json" 2>/dev/null
equal "every path of one verifies" "$?,$(jq '.parcels==.verified and .parcels>0' "$G/proof.json")" 0,true
g_stop rms1
db=$G/rms1/state/OperationsManager.db
sql() { sqlite3 "$db" "$1"; }
equal "each is there" "$(sql "select count(distinct name) from alerts where severity=1")" $((agents * each))
equal "no number of an outbox twice" "$(sql "select count(*) from (select outbox, sequence from alerts group by outbox, sequence having count(*)>1)")" 0
equal "in the order of its agent" "$(sql "select count(*) from (select p.agent, cast(substr(a.name, instr(a.name,' ')+1) as integer) i, lag(cast(substr(a.name, instr(a.name,' ')+1) as integer)) over (partition by p.agent order by a.id) b from alerts a join parcels p on p.id=a.parcel where a.severity=1) where b>i")" 0
equal "rows are in the order of their numbers" "$(sql "select count(*) from (select sequence s, lag(sequence) over (partition by outbox order by id) b from alerts where outbox is not null) where b>=s")" 0
equal "none was taken for another's" "$(sql "select count(*) from alerts a join parcels p on p.id=a.parcel where a.severity=1 and p.agent<>substr(a.name,1,instr(a.name,' ')-1)||'.ops.test'")" 0
equal "the database is whole" "$(sql 'pragma integrity_check')" ok
printf '      %s alerts, %s of them raised again because nobody was told\n' "$(sql "select count(*) from alerts where severity=1")" "$(sql "select count(*)-count(distinct name) from alerts where severity=1")"
g_end
