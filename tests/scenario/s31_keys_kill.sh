#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9, EIO and ENOSPC in core and key holder at every 10th call that changes a file (--long: every call) while a
# group's keys are made, made anew over a kept database, brought back from a key backup, and while a vault's items
# move to a new master key at the server and at an agent: the old or the new opens, never neither; the same command
# ends what was cut; what was acknowledged is there, once. (Must show 7; entry and delivery are s22.)
. "$(dirname "$0")/../lib/group.sh"
g_parts init recover restore rewrap
g_begin
step=10
[ -z "${CLAVIGER_ASAN:-}" ] || step=40 # what the sanitizers look for does not depend on the point
[ -z "$LONG" ] || step=1
conf=$G/rms1/clavigerd.conf
later=$((95 * 86400)) # beyond the 90 days of a master key
mkdir -m 777 "$G/count"
fault=() # the environment of the command that is to fail
printf 'a passphrase for the keys\n' >"$G/pass"

count() { read_count "$1"; printf '%s' "$counted"; }
read_count() {
	local v=''
	[ ! -s "$G/count/$1" ] || IFS= read -r -d '' v <"$G/count/$1"
	counted=$((10#0${v//[^0-9]/}))
}
svc() { timeout 60 env "${fault[@]}" "$BIN/clavigerd" "$@"; }
cred() { timeout 60 "$BIN/clavigerd" credential -c "$G/web01/clavigerd.conf" P 2>/dev/null; }
gives() { [ "$(cred)" = "$1" ]; }
states() { clv get accounts -o json 2>/dev/null | jq -r '[.[] | .name + " " + .state] | sort | join(",")'; }
version() { clv describe account "$1" -o json 2>/dev/null | jq -r '.version // 0'; }
linked() { [ "$(field_of web01 contact)" = up ]; }
enter() { printf '%s' "$2" | timeout 60 "$BIN/claviger" reenter "$1" --password-fd 0 --all-at-once >"$G/enter.out" 2>&1; }
sql() { sqlite3 "$G/rms1/state/OperationsManager.db" "$1" 2>&1; }
drill() { svc key drill -c "$conf" --passphrase-fd 3 "$G/keys.backup" 3<"$G/pass" >"$G/drill.out" 2>&1; }
account() { clv account add "$1" --type simple --user "$1" && printf 'password of %s' "$1" | clv reenter "$1" --password-fd 0 --all-at-once; }
settled() { [[ $("$ASK" get accounts --filter name:one -o json 2>/dev/null) == *'"confirmed":1,'* ]] && linked; }
fail() { printf '%s\n' "$*" >"$G/why"; return 1; }
# need SECONDS TEXT COMMAND...: a sign that has to come.
need() { local s=$1 text=$2; shift 2; wait_for "$s" "$@" || fail "$text"; }

agent() {
	mkdir -p "$G/web01"
	printf '[profile P]\nusers = %s\n' "$(id -un)" >"$G/web01/profiles"
	g_agent web01 agent
}
# A group with an agent that gives the password of one, and an account two that goes nowhere; stopped and kept.
prepare() {
	g_init && agent || g_end
	{
		clv profile add P && account one && clv account distribute one --to web01 --yes && clv profile associate P one --all &&
			account two
	} >"$G/out" 2>&1 || { bad "two accounts: $(cat "$G/out")"; g_end; }
	wait_for 20 gives 'password of one' && wait_for 20 settled || { bad "the password does not arrive: $(tail -2 "$G/web01/log")"; g_end; }
	svc key backup -c "$conf" --passphrase-fd 3 "$G/keys.backup" 3<"$G/pass" >"$G/out" 2>&1 || { bad "key backup: $(cat "$G/out")"; g_end; }
	g_stop rms1
	mkdir "$G/kept"
	cp -a "$G/rms1/state" "$G/rms1/machine.secret" "$G/kept/"
}
fresh() { # as it was kept, without a server's log
	g_stop rms1
	rm -rf "$G/rms1/state" "$G/rms1/machine.secret" "$G/count"/*
	: >"$G/rms1/log"
	: >"$G/op.out"
}
whole() { fresh; cp -a "$G/kept/state" "$G/kept/machine.secret" "$G/rms1/"; }
# All is lost but the database.
lost() {
	fresh
	cp -a "$G/kept/state" "$G/rms1/"
	find "$G/rms1/state" -mindepth 1 -maxdepth 1 ! -name OperationsManager.db -exec rm -rf {} +
}
books() { # act times: the stopped server's database
	[ "$(sql 'pragma integrity_check')" = ok ] || fail "the database is not whole" || return
	[ "$(sql 'select count(*)=max(seq) from audit')" = 1 ] || fail "the audit trail has a gap" || return
	[ "$(sql "select count(*) from audit where act='$1' and result='done'")" = "$2" ] ||
		fail "'$1' stands $(sql "select count(*) from audit where act='$1' and result='done'") times in the audit trail, not $2"
}
# The command again: it ends what was cut, or says that nothing is left to do, in these words.
again() {
	"op_$1" >"$G/again.out" 2>&1
	local rc=$?
	if [ $rc = 0 ]; then
		[ "$op_rc" != 0 ] || fail "it was acknowledged, and is done again" || return
	else
		grep -q "$2" "$G/again.out" || fail "the same command again, after status $op_rc ($(head -c 200 "$G/op.out" | tr '\n' ' ')): $(head -c 300 "$G/again.out" | tr '\n' ' ')" || return
	fi
	svc check -c "$conf" >"$G/check.out" 2>&1 || fail "check: $(tail -1 "$G/check.out")"
}
up() {
	g_start rms1 "$@"
	need 20 "the server does not come up: $(tail -2 "$G/rms1/log" | tr '\n' ' ')" g_server_up
}
no_complaint() {
	[ "$(event_count id:2004)" = 0 ] || fail "a row that decides is named (2004)" || return
	! grep -E ' (error|critical)' "$G/rms1/log" >"$G/complaint" || fail "the log complains: $(head -1 "$G/complaint")"
}

# sweep NAME PROCESS: setup_NAME, op_NAME with the fault, after_NAME without; after says in $G/why what is wrong.
points=0 hits=0 of=0
reached() { [ "$(count "$1")" -ge "$2" ] || grep -qE "$1 (was ended by signal|ended with status)" "$G/op.out" "$G/rms1/log" "$G/web01/log" 2>/dev/null; }
run_op() { # name: op_rc
	fault=("${@:2}" CLAVIGER_TEST_COUNT_DIR="$G/count")
	"setup_$1"
	"op_$1" >"$G/op.out" 2>&1
	op_rc=$?
	fault=()
	: >"$G/why"
}
sweep() {
	local name=$1 process=$2 last mode n total hit wrong refused offset=0 op_rc
	run_op "$name"
	last=$(count "$process")
	if [ "$last" = 0 ] || [ "$op_rc" != 0 ] || ! "after_$name"; then
		bad "$name without a fault: status $op_rc, $last calls in $process: $(cat "$G/why") $(head -c 300 "$G/op.out")"
		return
	fi
	for mode in kill EIO ENOSPC; do
		total=0 hit=0 wrong=0 refused=0
		for ((n = 1 + offset % step; n <= last; n += step)); do
			total=$((total + 1))
			case $mode in
			kill) run_op "$name" CLAVIGER_TEST_KILL_IN="$process" CLAVIGER_TEST_KILL_AT="$n" ;;
			EIO) run_op "$name" CLAVIGER_TEST_KILL_IN="$process" CLAVIGER_TEST_FAIL_AT="$n" CLAVIGER_TEST_FAIL_ERRNO=5 ;;
			ENOSPC) run_op "$name" CLAVIGER_TEST_KILL_IN="$process" CLAVIGER_TEST_FAIL_AT="$n" CLAVIGER_TEST_FAIL_ERRNO=28 ;;
			esac
			[ "$op_rc" = 0 ] || refused=$((refused + 1))
			! reached "$process" "$n" || hit=$((hit + 1))
			"after_$name" && continue
			wrong=$((wrong + 1))
			bad "$name: $mode in $process at call $n of $last, status $op_rc: $(cat "$G/why")"
		done
		offset=$((offset + 3)) # so that the three together see more places
		points=$((points + total)) hits=$((hits + hit)) of=$((of + last))
		[ $wrong != 0 ] || ok "$name: $mode in $process at $hit of $total points tried, of $last (every ${step}th); $refused times not acknowledged"
	done
}

# --- a group's keys are made ---
setup_init() { fresh; mkdir -p "$G/rms1/state"; }
op_init() { svc init -c "$conf"; }
after_init() {
	again init 'belongs to a management group already' && up || return
	account one >"$G/out" 2>&1 || fail "an account: $(tail -1 "$G/out")" || return
	no_complaint || return
	g_stop rms1
	up || return
	[ "$(version one)" = 1 ] || fail "the password that was entered is not there" || return
	no_complaint || return
	g_stop rms1
	books init 1
}
# An agent enrols with the group that the last point left, and gives the password.
read_back() {
	up && agent || return
	{ clv profile add P && clv account distribute one --to web01 --yes && clv profile associate P one --all; } >"$G/out" 2>&1 || return
	wait_for 20 gives 'password of one'
}

# --- recover over a kept database ---
setup_recover() { lost; }
op_recover() { svc recover -c "$conf"; }
after_recover() {
	gives 'password of one' || fail "the agent does not give what it holds" || return
	again recover 'nothing has to be recovered' && up || return
	[ "$(states)" = 'one needs re-entry,two needs re-entry' ] || fail "the accounts: $(states)" || return
	enter two 'second of two' || fail "a password: $(tail -1 "$G/enter.out")" || return
	no_complaint || return
	g_stop rms1
	up || return
	[ "$(version two)" = 2 ] || fail "the password that was entered is not there" || return
	[ "$(states)" = 'one needs re-entry,two ok' ] || fail "the accounts after re-entry: $(states)" || return
	no_complaint || return
	gives 'password of one' || fail "the agent does not give what it holds any more" || return
	g_stop rms1
	books recover 1
}
# A person trusts the keys that the last point left, and a new password arrives.
trusted() {
	svc trust -c "$G/web01/clavigerd.conf" "$(sed -n 's/^Group signing key *//p' "$G/again.out" "$G/op.out" | tail -1)" >"$G/out" 2>&1 || return
	g_stop web01 # it comes ever more seldom to a server that it does not trust
	g_start web01
	up && wait_for 60 linked && enter one 'second of one' && wait_for 20 gives 'second of one'
}

# --- key restore ---
setup_restore() { lost; }
op_restore() { svc key restore -c "$conf" --passphrase-fd 3 "$G/keys.backup" 3<"$G/pass"; }
after_restore() {
	gives 'password of one' || fail "the agent does not give what it holds" || return
	again restore 'nothing has to be recovered' && up || return
	[ "$(states)" = 'one ok,two ok' ] || fail "the accounts: $(states)" || return
	enter two 'second of two' || fail "a password: $(tail -1 "$G/enter.out")" || return
	need 20 "the agent does not come back: $(tail -1 "$G/web01/log")" settled || return
	no_complaint || return
	gives 'password of one' || fail "the agent does not give what it holds any more" || return
	g_stop rms1
	books 'key restore' 1
}

# --- items move to a new master key while the service runs: at the server, at an agent ---
masters() { sqlite3 "$G/$1/state/vault/vault.db" 'SELECT (SELECT count(*) FROM master), (SELECT count(DISTINCT master) FROM item), (SELECT max(id) FROM master)' 2>&1; }
moved() { # node: nothing is left under the old key, which is gone
	[ "$(masters "$1")" = '1|1|2' ] || fail "$1's master keys: $(masters "$1")"
}
resting() { # the key holder wrote nothing for a while
	local before='' same=0
	for _ in $(seq 200); do
		read_count keyholder
		if [ "$counted" = "$before" ]; then same=$((same + 1)); else same=0; fi
		[ $same -lt 4 ] || return 0
		before=$counted
		nap 0.03
	done
	return 1
}
setup_rewrap() { whole; }
ended=0
asks_for_it() { grep -qE 'start again|could not check the database' "$G/rms1/log"; }
up_or_ended() { g_server_up || asks_for_it; }
op_rewrap() {
	g_start rms1 CLAVIGER_TEST_CLOCK=$later "${fault[@]}" && wait_for 20 up_or_ended
	# Without its key holder while it checks the database a server ends and says so; whoever keeps it running
	# starts it again.
	if asks_for_it; then
		ended=$((ended + 1))
		g_stop rms1
		g_start rms1 CLAVIGER_TEST_CLOCK=$later
	fi
	wait_for 20 g_server_up && resting
}
after_rewrap() {
	[ "$op_rc" = 0 ] || fail "the server does not come up: $(tail -2 "$G/rms1/log" | tr '\n' ' ')" || return
	[ "$(states)" = 'one ok,two ok' ] || fail "the accounts: $(states)" || return
	need 20 "a password is not taken" enter two 'second of two' || return
	g_stop rms1
	up CLAVIGER_TEST_CLOCK=$((later + 86400)) && need 10 "items do not come to rest" resting || return
	[ "$(version two)" -ge 2 ] || fail "the password that was entered is not there" || return
	drill || fail "drill after a restart: $(cat "$G/drill.out")" || return
	[ "$(event_count id:2004)" = 0 ] || fail "a row that decides is named (2004)" || return
	g_stop rms1
	moved rms1
}
setup_agent() {
	g_stop web01
	rm -rf "$G/web01/state" "$G/count"/*
	: >"$G/web01/log"
	cp -a "$G/kept-agent" "$G/web01/state"
}
op_agent() { g_start web01 CLAVIGER_TEST_CLOCK=$later "${fault[@]}" && wait_for 30 gives 'password of one' && resting; }
after_agent() {
	[ "$op_rc" = 0 ] || fail "the agent does not give its password: $(tail -2 "$G/web01/log" | tr '\n' ' ')" || return
	g_stop web01
	g_start web01 CLAVIGER_TEST_CLOCK=$((later + 86400))
	need 20 "after a restart the agent does not give its password: $(tail -1 "$G/web01/log")" gives 'password of one' || return
	resting || fail 'items do not come to rest' || return
	g_stop web01
	moved web01
}

case $CLAVIGER_SWEEP in
init)
	g_node rms1 management-server
	for p in core keyholder; do sweep init $p; done
	check 'the keys that the last point left serve an agent' read_back
	;;
recover)
	prepare
	for p in core keyholder; do sweep recover $p; done
	check 'the keys that the last point left are trusted by a person, and a new password arrives' trusted
	;;
restore)
	prepare
	for p in core keyholder; do sweep restore $p; done
	;;
rewrap)
	prepare
	# More items: a row that decides is remembered in the vault.
	whole
	up || bad "$(cat "$G/why")"
	for i in $(seq 60); do clv role grant "user:nobody$i" viewer --yes; done >"$G/out" 2>&1
	g_stop rms1
	rm -rf "$G/kept/state"
	cp -a "$G/rms1/state" "$G/kept/"
	sweep rewrap keyholder
	printf '      the service ended at %s of them, and was started again\n' "$ended"
	g_stop rms1
	g_stop web01
	cp -a "$G/web01/state" "$G/kept-agent"
	sweep agent keyholder
	;;
esac
printf '      %s: %s of %s points tried, hit at %s\n' "$CLAVIGER_SWEEP" "$points" "$of" "$hits"
g_end
