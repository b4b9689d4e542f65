#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Alerts from an agent to the root: stored exactly once and in order for each outbox, while core, net and key
# holder are killed at both ends; nothing that was said to be stored is lost; who may raise one; an outbox that is
# full; acknowledging. (Issue 5: alerts, exactly once, in order, at the limit; Must show 6, over one link.)
. "$(dirname "$0")/../lib/group.sh"
g_begin
g_init || g_end
g_agent web01 agent || g_end
alert() { "$BIN/clavigerd" alert -c "$G/$1/clavigerd.conf" "${@:2}"; }
count() { clv get alerts --filter "$1" -o json --limit 1000 2>/dev/null | jq 'map(.count)|add // 0'; }
has() { [ "$(count "$1")" = "$2" ]; }

check "an alert is stored in the outbox" alert web01 --severity critical --name 'Disk / is nearly full' --text '97 % used'
check "and comes to the root" wait_for 20 has 'name:Disk' 1
clv get alerts -o json >"$G/alerts.json"
equal "the fields of design 2, in order" "$(jq -r '.[0]|keys_unsorted|join(" ")' "$G/alerts.json")" \
	"id time severity agent name text count path acknowledged"
equal "what it says" "$(jq -r '.[0]|[.severity,.agent,.name,.text,.count,.path,.acknowledged]|map(tostring)|join("|")' "$G/alerts.json")" \
	"critical|web01.ops.test|Disk / is nearly full|97 % used|1|not checked yet|null"
id=$(jq '.[0].id' "$G/alerts.json")
check "ack" clv ack "$id" --yes
equal "it is acknowledged" "$(clv get alerts -o json | jq '.[0].acknowledged!=null')" true
if clv ack "$id" --yes >"$G/out" 2>&1; then bad "an alert is acknowledged twice"; else ok "a second time is refused: $(cut -c1-60 "$G/out")"; fi
equal "the audit trail has both" "$(clv get audit --filter 'act:ack' -o json | jq length)" 1
alert web01 --severity loud --name x >"$G/out" 2>&1
equal "a severity that is none is usage" $? 2
alert rms1 --severity warning --name x >"$G/out" 2>&1
equal "a server takes none" $? 2

# Who may: by the kernel's word on the caller, and the host's own configuration.
if [ "$(id -u)" = 0 ]; then
	as() { setpriv --reuid "$1" --regid "$2" --clear-groups "$BIN/clavigerd" alert -c "$G/web01/clavigerd.conf" --severity warning --name "by $1" >"$G/out" 2>&1; }
	chmod -R a+rX "$BIN/clavigerd" "$G/web01/clavigerd.conf"
	if setpriv --reuid 64199 --regid 64199 --clear-groups test -x "$BIN/clavigerd" 2>/dev/null; then
		as 64199 64199
		equal "somebody else is refused" $? 3
		g_stop web01
		printf '\n[host]\nalert_users = 64198\nalert_groups = 64197\n' >>"$G/web01/clavigerd.conf"
		g_start web01
		up() { [ -S "$G/web01.alert" ] && as 64198 64198; }
		check "a user that is named may" wait_for 20 up
		check "and a group" as 64199 64197
		as 64199 64199
		equal "and still nobody else" $? 3
		check "of three that one tried, the one he was entitled to comes" wait_for 20 has 'name:"by 64199"' 1
	else
		ok "the programs lie where no other user may go: entitlement is not tried here"
	fi
fi

# Killed at both ends while they flow. What clavigerd said is stored must come, once, in order.
: >"$G/said"
pump() { # first last
	local i n=$1
	while [ "$n" -le "$2" ]; do
		if alert web01 --severity information --name "flow $n" >"$G/pump.out" 2>&1; then
			echo "$n" >>"$G/said"
		fi
		n=$((n + 1))
	done
}
kills=0
pump 1 150 &
pumping=$!
for _ in 1 2 3; do
	for at in web01:core rms1:core web01:net_node rms1:net_node web01:keyholder rms1:keyholder; do
		p=$(g_proc "${at%:*}" "${at#*:}")
		[ -z "$p" ] || { kill -KILL "$p" 2>/dev/null && kills=$((kills + 1)); }
		sleep 0.3
	done
done
wait "$pumping"
said=$(wc -l <"$G/said")
ok "$said of 150 were said to be stored while $kills processes were killed"
check "the server answers" wait_for 30 g_server_up
check "another one comes after all that" alert web01 --severity information --name 'flow end'
check "it arrives" wait_for 60 has 'name:"flow end"' 1
clv get alerts --filter 'name:flow' -o json --sort time --limit 1000 >"$G/flow.json"
equal "each that was said is there" "$(jq -r '.[].name' "$G/flow.json" | sed -n 's/^flow \([0-9]*\)$/\1/p' | sort -n | uniq | comm -23 <(sort "$G/said") <(sort -) | wc -l)" 0
equal "none is there twice" "$(jq -r '.[].name' "$G/flow.json" | sort | uniq -d | wc -l)" 0
equal "they are in order" "$(jq -r '.[].name' "$G/flow.json" | sed -n 's/^flow \([0-9]*\)$/\1/p' | sort -n -c 2>&1 | wc -l)" 0

# The server is away, and the outbox is small: the oldest go, and one record says which.
g_stop web01
sed -i '/^\[channel\]/i [store]\noutbox_limit = 10' "$G/web01/clavigerd.conf"
g_stop rms1
g_start web01
check "the agent runs" wait_for 20 test -S "$G/web01.alert"
for i in $(seq 40); do printf 'warning\tbox %d\tx\n' "$i"; done >"$G/lines"
check "forty alerts while the server is away" wait_for 20 alert web01 --severity warning --name 'box 0'
check "in one go" sh -c "'$BIN/clavigerd' alert -c '$G/web01/clavigerd.conf' --lines <'$G/lines'"
g_start rms1
check "the server is back" wait_for 20 g_server_up
check "the last one comes" wait_for 60 has 'name:"box 40"' 1
clv get alerts --filter 'name:"Alerts lost"' -o json >"$G/lost.json"
equal "one record stands for the lost ones" "$(jq length "$G/lost.json")" 1
kept=$(clv get alerts --filter 'name:box' -o json | jq length)
lost=$(jq '.[0].count' "$G/lost.json")
if [ "$kept" -le 10 ] && [ "$((kept + lost))" -ge 41 ]; then ok "$kept came, $lost are named as lost: $(jq -r '.[0].text' "$G/lost.json")"; else bad "$kept came, $lost lost"; fi

# The database is brought back from an older copy: what was acknowledged is gone there, and that is said.
"$BIN/clavigerd" store backup -c "$G/rms1/clavigerd.conf" before.db >"$G/out" 2>&1
cp "$(sed 's/^copied to //' "$G/out")" "$G/before.db"
for i in 1 2 3; do alert web01 --severity warning --name "after $i" >/dev/null; done
check "three more come" wait_for 20 has 'name:after' 3
g_stop rms1
check "an older copy is brought back" "$BIN/clavigerd" store restore -c "$G/rms1/clavigerd.conf" --replace "$G/before.db"
g_start rms1
check "the server is back" wait_for 20 g_server_up
equal "it does not have the three" "$(count 'name:after')" 0
alert web01 --severity warning --name 'beyond' >/dev/null
check "what comes later comes" wait_for 60 has 'name:beyond' 1
check "the gap is told" has_event 'id:20027'

g_stop web01; g_stop rms1
db=$G/rms1/state/OperationsManager.db
equal "no number twice, none left out" "$(sqlite3 "$db" "select count(*) from alerts where outbox is not null")" "$(sqlite3 "$db" "select count(distinct sequence) from alerts where outbox is not null")"
equal "the database is whole" "$(sqlite3 "$db" 'pragma integrity_check')" ok
g_end
