#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# P1, S14: changing a distribution, an account, a group or a profile makes anew exactly the configurations that
# it must, those that gain before those that lose; hosts outside get no byte of it.
. "$(dirname "$0")/../lib/group.sh"
g_begin
for n in web01 web02 db01 db02; do
	mkdir -p "$G/$n"
	printf '[host]\nclasses = SQL\nobjects = orders\n[profile P]\nusers = %s\n[profile Q]\nusers = %s\n' "$(id -un)" "$(id -un)" >"$G/$n/profiles"
done
g_init
for n in web01 web02 db01 db02; do g_agent "$n" agent; done
enter() { printf '%s' "$2" | clv reenter "$1" --password-fd 0 "${@:3}" >/dev/null 2>&1; }
versions() { clv get agents --sort name -o json 2>/dev/null | jq -r '.[] | .name[0:(.name|index("."))] + " " + (.config_version|tostring)'; }
settled() { # every configuration that was made is confirmed
	local n
	for n in web01 web02 db01 db02; do
		[ -n "${PID[$n]:-}" ] || continue
		[ "$(clv describe agent "$n" -o json 2>/dev/null | jq '.config_version == .config_confirmed')" = true ] || return 1
	done
}
cred() { "$BIN/clavigerd" credential -c "$G/$1/clavigerd.conf" "$2" 2>/dev/null; }
# changes TEXT "HOSTS" COMMAND...: exactly these hosts get a new configuration.
changes() {
	local text=$1 want=$2 got; shift 2
	wait_for 10 settled
	versions >"$G/before"
	"$@" >"$G/act.out" 2>&1 || { bad "$text: $(tail -1 "$G/act.out")"; return; }
	differ() { versions >"$G/after"; [ "$(diff "$G/before" "$G/after" | sed -n 's/^> \([^ ]*\).*/\1/p' | tr '\n' ' ')" = "$want" ]; }
	wait_for 10 differ
	# Nothing more comes: what was made is confirmed, and still no other host has changed.
	wait_for 10 settled
	versions >"$G/after"
	got=$(diff "$G/before" "$G/after" | sed -n 's/^> \([^ ]*\).*/\1/p' | tr '\n' ' ')
	equal "$text" "$got" "$want"
}
version_of() { sed -n "s/^$1 //p" "$G/after"; }

changes 'a new account changes nobody' '' clv account add one --type simple --user one
changes 'nor does its distribution while it has no password' '' clv account distribute one --to web01 --yes
changes 'its password reaches its host' 'web01 ' enter one 'password of one' --all-at-once
changes 'a note changes nobody' '' clv account edit one --note 'kept by ann' --yes
changes 'its user changes its host' 'web01 ' clv account edit one --user one2 --yes
changes 'another host gains it' 'web02 ' clv account distribute one --to web02 --yes
changes 'a pattern adds two' 'db01 db02 ' clv account distribute one --to 'db*' --yes
changes 'one goes, and only it' 'web02 ' clv account distribute one --not web02 --yes
changes 'the same again changes nobody' '' clv account distribute one --to web01 --yes
changes 'a group is nothing by itself' '' clv group add G web02 --yes
changes 'until an account goes to it' 'web02 ' clv account distribute one --to group:G --yes
changes 'a member more that has it already' '' clv group edit G --add web01 --yes
changes 'a member less' 'web02 ' clv group edit G --remove web02 --yes
changes 'a profile is nothing by itself' '' clv profile add P
changes 'its association changes the hosts that have the account' 'db01 db02 web01 ' clv profile associate P one --all
clv profile add Q >/dev/null 2>&1
changes 'an association by pattern, those it names' 'db01 db02 ' clv profile associate Q one --pattern 'db*'
equal 'which can use it there' "$(cred db01 Q)" 'password of one'
equal 'and elsewhere not' "$(cred web01 Q)" ''
changes 'no longer' 'db01 db02 ' clv profile associate Q one --pattern 'db*' --remove

# Many associations come in the order that was asked for, by each column.
clv profile add Many >/dev/null 2>&1
for i in 7 3 9 1 8 2 6 4 5; do clv profile associate Many one --class "$i" >/dev/null 2>&1; done
for how in 'profile:Many' ''; do
	clv get profiles --filter "$how" --sort target -o json 2>/dev/null | jq -r '.[].target | select(. != null)' >"$G/targets"
	equal "sorted by target ${how:+of one profile}" "$(cat "$G/targets")" "$(LC_ALL=C sort -f "$G/targets")"
done
equal 'all nine are there' "$(grep -c '^class ' "$G/targets")" 9
wait_for 10 settled

# Gain before lose, in one act.
changes 'one gains, two lose' 'db01 db02 web02 ' clv account distribute one --to web02 --not 'db*' --yes
equal 'the one that gains comes first' "$([ "$(version_of web02)" -le "$(version_of db01)" ] && [ "$(version_of web02)" -le "$(version_of db02)" ] && echo yes)" yes
equal 'who lost it has it no more' "$(cred db01 P)" ''
equal 'who has it has it' "$(cred web01 P)" 'password of one'

# Offline: it follows at its return.
g_stop web02
changes 'an offline host gets nothing yet' 'db01 web01 ' clv account distribute one --not web01 --not web02 --not group:G --to db01 --yes
g_start web02
gone() { [ -z "$(cred web02 P)" ]; }
check 'it follows when it returns' wait_for 20 gone
changes 'removed: who had it forgets it' 'db01 ' clv account remove one --yes
equal 'with it went its associations' "$(clv get profiles -o json 2>/dev/null | jq -r '[.[].account] | unique | join(",")')" ''

# The plan says it before.
clv account add two --type simple >/dev/null 2>&1
clv account distribute two --to 'web*' --yes >/dev/null 2>&1
equal 'a plan: who gains and who loses' "$(clv account distribute two --to 'db*' --not 'web*' --plan 2>/dev/null | grep -oE '[0-9]+ hosts gain it, [0-9]+ lose it')" '2 hosts gain it, 2 lose it'
equal 'and does nothing' "$(clv get accounts -o json 2>/dev/null | jq -r '.[0].targets')" 2

# No byte of it at hosts outside.
enter two 'for web hosts only 77' --all-at-once
has_two() { [ "$(clv get accounts -o json 2>/dev/null | jq -r '.[0].confirmed')" = 2 ]; }
check 'the web hosts have it' wait_for 20 has_two
id=$(clv describe account two -o json 2>/dev/null | jq -r .id)
equal 'no db host was told even of its id' "$(grep -rlF "$id" "$G/db01/state" "$G/db02/state" | wc -l)" 0
printf '%s' "$id" >"$G/id"
if [ "$(id -u)" = 0 ]; then
	equal 'nor holds it in memory' "$("$BIN/tests/tools/leak" "$G/id" "pid:$(g_proc db01 core)" "pid:$(g_proc db01 net_node)" | grep -c FOUND)" 0
	check 'where a web host does (control)' bash -c "! $BIN/tests/tools/leak $G/id pid:$(g_proc web01 core)"
fi
g_end
