#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9, EIO and ENOSPC in core and key holder, at the server and at the agent, at every 10th call that changes
# a file (--long: every call) while a password is entered and delivered. All comes back by itself; an entitled
# caller at the agent is given the old or the new password, never neither; what was acknowledged is what it comes
# to; a further password arrives. (Must show 7.)
. "$(dirname "$0")/../lib/group.sh"
# Two groups, one a node: CLAVIGER_SWEEP names a node, or node:process.
g_parts rms1 web01
g_begin
step=10
[ -z "${CLAVIGER_ASAN:-}" ] || step=50 # what the sanitizers look for does not depend on the point
[ -z "$LONG" ] || step=1
limit=20 # seconds until it has come to one of them
mkdir -p "$G/web01"
printf '[profile Backup]\nusers = %s\n' "$(id -un)" >"$G/web01/profiles"
g_init || g_end
g_agent web01 agent || g_end
{
	clv account add svc --type simple --user svc && clv account distribute svc --to web01 --yes &&
		clv profile add Backup && clv profile associate Backup svc --all
} >"$G/out" 2>&1 || { bad "an account: $(cat "$G/out")"; g_end; }

enter() { printf '%s' "$1" | timeout 40 "$BIN/claviger" reenter svc --password-fd 0 --all-at-once >"$G/enter.out" 2>&1; }
cred() { timeout 60 "$BIN/clavigerd" credential -c "$G/web01/clavigerd.conf" Backup 2>/dev/null; }
gives() { [ "$(cred)" = "$1" ]; }
version() { clv describe account svc -o json 2>/dev/null | jq -r '.version // empty'; }
at_rest() { # what the server says of it
	[[ $("$ASK" get accounts --filter name:svc -o json 2>/dev/null) == *'"confirmed":1,'* ]] && [ "$(field_of web01 contact)" = up ]
}
# How many points a process of a node passed since it was started.
count() { read_count "$1" "$2"; printf '%s' "$counted"; }
read_count() { # without a process of its own: quiet_disk asks a hundred times for each point
	local v=''
	[ ! -s "$G/count.$1/$2" ] || IFS= read -r -d '' v <"$G/count.$1/$2"
	counted=$((10#0${v//[^0-9]/}))
}
# Nothing was written at either node for a while: what was begun is over. Limit 10 s.
quiet_disk() {
	local before='' now p same=0
	for _ in $(seq 250); do
		now=''
		for p in rms1/core rms1/keyholder web01/core web01/keyholder; do
			read_count "${p%/*}" "${p#*/}"
			now="$now $counted"
		done
		if [ "$now" = "$before" ]; then same=$((same + 1)); else same=0; fi
		[ $same -lt 5 ] || return 0
		before=$now
		nap 0.04
	done
	return 1
}
restart() { # node [ENV=VALUE ...]
	g_stop "$1"
	: >"$G/$1/log"
	rm -f "$G/count.$1"/*
	g_start "$1" CLAVIGER_TEST_COUNT_DIR="$G/count.$1" "${@:2}"
	wait_for 20 at_rest && wait_for 10 gives "$holds" && quiet_disk
}
serial=0 acked=0 n_acked=0 holds='' new=''
next() { serial=$((serial + 1)) new="pass wörd $serial"; }
settled() { enter "$new" && wait_for 20 gives "$new" && wait_for 20 at_rest && quiet_disk && holds=$new; }
# After a point that went wrong: both anew, and a password that arrives, so that the next point says its own.
recover() {
	local n
	for n in rms1 web01; do
		g_stop "$n"
		rm -f "$G/count.$n"/*
		g_start "$n" CLAVIGER_TEST_COUNT_DIR="$G/count.$n"
	done
	next
	wait_for 20 g_server_up && wait_for 90 settled
}
why() { printf '%s' "$(tail -qn 3 "$G/rms1/log" "$G/web01/log" | cut -c1-220 | tr '\n' '|')"; }
end_of() { grep -oE "$2 (was ended by signal [0-9]+|ended with status [0-9]+)" "$G/$1/log" | head -1; }

for n in rms1 web01; do mkdir -m 777 "$G/count.$n"; done
recover || { bad "no password arrives: $(cat "$G/enter.out"; why)"; g_end; }

# One password entered with the fault set. 0: hit and fine, 1: fine, the point was not reached, 2: not fine.
point() { # node process n text
	local node=$1 process=$2 n=$3 text=$4 old=$holds expected before given rc until entering entered hit=1
	next
	before=$(version)
	[ -n "$before" ] || { bad "$text: the server does not say which version it has: $(why)"; return 2; }
	enter "$new" &
	entering=$!
	# Every answer that is given meanwhile is one of the two; none at all is given only while it comes back.
	until=$((SECONDS + limit))
	entered=''
	while :; do
		given=$(cred); rc=$?
		if { [ $rc = 0 ] && [ "$given" != "$old" ] && [ "$given" != "$new" ]; } || [ $rc = 3 ]; then
			bad "$text: neither the old nor the new is given ($rc): $(why)"
			wait $entering
			return 2
		fi
		kill -0 $entering 2>/dev/null || { entered=1; [ $rc != 0 ] || break; }
		[ $SECONDS -le $until ] || { bad "$text: ${entered:+nothing is given}${entered:-the entry is not answered}: $(why)"; wait $entering; return 2; }
	done
	wait $entering && acked=1 || acked=0
	n_acked=$((n_acked + acked))
	wait_for 20 g_server_up || { bad "$text: the server does not answer: $(why)"; return 2; }
	quiet_disk || { bad "$text: no end of writing: $(why)"; return 2; }
	[ -n "$(end_of "$node" "$process")" ] || [ "$(count "$node" "$process")" -ge "$n" ] || hit=''
	expected=$new
	[ $acked = 1 ] || { wait_for 20 g_server_up; [ "$(version)" != "$before" ] || expected=$old; }
	if ! wait_for $limit gives "$expected"; then
		given=$(cred); rc=$?
		bad "$text (entry $([ $acked = 1 ] && echo acknowledged || echo "refused: $(cut -c1-200 "$G/enter.out")"), $(end_of "$node" "$process")): it does not come to the $([ "$expected" = "$new" ] && echo new || echo old): $rc $([ "$given" = "$old" ] && echo old || echo other): $(why)"
		return 2
	fi
	wait_for $limit at_rest || { bad "$text: the server does not learn that it arrived ($(end_of "$node" "$process")): $(why)"; return 2; }
	# Nothing is stuck: a further one arrives, without anybody having started anything.
	next
	if ! wait_for 10 enter "$new" || ! wait_for $limit gives "$new" || ! wait_for $limit at_rest; then
		bad "$text ($(end_of "$node" "$process")): a further password does not arrive: $(cut -c1-200 "$G/enter.out") $(why)"
		return 2
	fi
	holds=$new
	[ -n "$hit" ]
}

points=0 hits=0 of=0 wrong=0
sweep() { # node process
	local node=$1 process=$2 first last mode n total hit refused fault fine offset=0 rc
	restart "$node" || { bad "$node does not come back: $(why)"; return; }
	first=$(($(count "$node" "$process") + 1))
	next
	settled || { bad "$node $process: a password does not arrive: $(why)"; return; }
	last=$(count "$node" "$process")
	[ "$last" -ge "$first" ] || { bad "$node $process: nothing is written while a password is entered"; return; }
	for mode in kill EIO ENOSPC; do
		total=0 hit=0 refused=0 fine=1
		for ((n = first + offset % step; n <= last; n += step)); do
			case $mode in
			kill) fault=(CLAVIGER_TEST_KILL_AT="$n") ;;
			EIO) fault=(CLAVIGER_TEST_FAIL_AT="$n" CLAVIGER_TEST_FAIL_ERRNO=5) ;;
			ENOSPC) fault=(CLAVIGER_TEST_FAIL_AT="$n" CLAVIGER_TEST_FAIL_ERRNO=28) ;;
			esac
			total=$((total + 1))
			rc=2
			if restart "$node" CLAVIGER_TEST_KILL_IN="$process" "${fault[@]}"; then
				point "$node" "$process" "$n" "$node: $process, $mode at call $n"
				rc=$?
			else
				bad "$node $process, $mode at call $n: not at rest before it: $(why)"
			fi
			[ $rc = 1 ] || hit=$((hit + 1))
			[ $rc != 2 ] || { fine='' wrong=$((wrong + 1)); recover || { bad "nothing arrives any more: $(why)"; return; }; }
			refused=$((refused + 1 - acked))
		done
		offset=$((offset + 3)) # so that the three together see more places
		points=$((points + total)) hits=$((hits + hit)) of=$((of + last - first + 1))
		[ -z "$fine" ] || ok "$node: $process, $mode at $hit of $total points tried, of $((last - first + 1)) (calls $first to $last, every ${step}th); $refused entries refused"
	done
}
for s in rms1:core rms1:keyholder web01:core web01:keyholder; do
	[[ $s == "$CLAVIGER_SWEEP"* ]] || continue
	sweep "${s%:*}" "${s#*:}"
done

# What was acknowledged is in the books, each once.
equal "web01 gives the last one" "$(cred)" "$holds"
g_stop web01; g_stop rms1
db=$G/rms1/state/OperationsManager.db
equal "the audit trail has no gap" "$(sqlite3 "$db" "select count(*)=max(seq) from audit")" 1
equal "each password that was acknowledged is in it" "$(sqlite3 "$db" "select count(*) >= $n_acked from audit where act='reenter'" 2>&1)" 1
equal "no configuration is told twice" "$(sqlite3 "$db" "select count(*) from (select text from events where id=1210 group by node, text having count(*)>1)")" 0
equal "the database is whole" "$(sqlite3 "$db" 'pragma integrity_check')" ok
printf '      %s of %s points tried, hit at %s, wrong at %s\n' "$points" "$of" "$hits" "$wrong"
g_end
