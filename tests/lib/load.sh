#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Agents that raise alerts at once while something is done to the group, and what must hold when it is over. Sourced
# after group.sh. The agents are n1, n2 and so on.

# One after the other, each until it is said to be stored: an alert that was stored but not told may come twice by
# its name, under two numbers, as two alerts that were raised.
load_raise() { # agent
	local i
	for i in $(seq "$load_each"); do
		for _ in $(seq 600); do
			"$BIN/clavigerd" alert -c "$G/$1/clavigerd.conf" --severity information --name "$1 $i" >/dev/null 2>&1 && break
			sleep 0.1
		done
		sleep "$load_pause"
	done
	echo "$1" >>"$G/done"
}

load_begin() { # AGENTS ALERTS-OF-EACH SECONDS-BETWEEN-TWO
	local a
	load_agents=$1 load_each=$2 load_pause=$3 raising=() blows_fallen=0
	: >"$G/done"
	for a in $(seq "$load_agents"); do load_raise "n$a" & raising+=($!); done
}

load_kill() { # node:process
	local p
	p=$(g_proc "${1%:*}" "${1#*:}")
	[ -z "$p" ] || { kill -KILL "$p" 2>/dev/null && blows_fallen=$((blows_fallen + 1)); }
}

load_restart() { g_stop "$1"; sleep 0.3; g_start "$1"; blows_fallen=$((blows_fallen + 1)); }

load_said() { [ "$(wc -l <"$G/done")" = "$load_agents" ]; }
load_last() { [ "$(clv get alerts --filter 'name:"the end"' --limit 1000 -o json 2>/dev/null | jq length)" = "$load_agents" ]; }

# Waits until all was said to be stored, and until the last of each agent is at the server.
load_end() {
	local a
	check "everything was said to be stored, after $blows_fallen blows" wait_for $((120 + load_agents * load_each / 20)) load_said
	wait "${raising[@]}"
	check "the server answers" wait_for 30 g_server_up
	for a in $(seq "$load_agents"); do
		"$BIN/clavigerd" alert -c "$G/n$a/clavigerd.conf" --severity warning --name "n$a the end" >/dev/null 2>&1 || bad "n$a takes no last one"
	done
	check "the last of each arrives" wait_for 150 load_last
}

load_verifies() { # agent
	clv proof "$1" -o json >"$G/proof.json" 2>/dev/null
	equal "every path of $1 verifies" "$?,$(jq '.parcels==.verified and .parcels>0' "$G/proof.json")" 0,true
}

sql() { sqlite3 "$G/rms1/state/OperationsManager.db" "$1"; }

# Once, in order, nobody else's: read from the database of a server that was stopped.
load_rows() {
	local ours="a.severity=1 and a.name glob 'n[0-9]* [0-9]*'" number="cast(substr(a.name, instr(a.name,' ')+1) as integer)"
	equal "each is there" "$(sql "select count(distinct name) from alerts a where $ours")" $((load_agents * load_each))
	equal "no number of an outbox twice" "$(sql "select count(*) from (select outbox, sequence from alerts group by outbox, sequence having count(*)>1)")" 0
	equal "in the order of its agent" "$(sql "select count(*) from (select $number i, lag($number) over (partition by p.agent order by a.id) b from alerts a join parcels p on p.id=a.parcel where $ours) where b>i")" 0
	equal "rows are in the order of their numbers" "$(sql "select count(*) from (select sequence s, lag(sequence) over (partition by outbox order by id) b from alerts where outbox is not null) where b>=s")" 0
	equal "none was taken for another's" "$(sql "select count(*) from alerts a join parcels p on p.id=a.parcel where $ours and p.agent<>substr(a.name,1,instr(a.name,' ')-1)||'.ops.test'")" 0
	equal "the database is whole" "$(sql 'pragma integrity_check')" ok
	printf '      %s alerts, %s of them raised again because nobody was told\n' "$(sql "select count(*) from alerts a where $ours")" "$(sql "select count(*)-count(distinct name) from alerts a where $ours")"
}
