#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What operators of the reference system read of RunAs accounts: 7001 and 7014 (ends soon), 7009 and 7010 (the
# action account), 7011 (blank), 7019 to 7021 (a round of checks), 1107 (not arrived in time).
. "$(dirname "$0")/../lib/group.sh"
g_begin
me=$(id -un)
# A check that ends as a file says.
printf '#!/bin/sh\nexit "$(cat "$1")"\n' >"$G/check"
chmod 755 "$G/check"
mkdir -p "$G/says" "$G/web01" "$G/web02"
for p in A B; do echo 0 >"$G/says/$p"; done
chmod -R go+rX "$G/says"
{
	for p in A B; do printf '[profile %s]\nusers = %s\ncheck = %s %s/says/%s\ncheck_user = %s\n' "$p" "$me" "$G/check" "$G" "$p" "$me"; done
	printf '[profile Default Action Account]\nusers = %s\n' "$me"
} >"$G/web01/profiles"
cp "$G/web01/profiles" "$G/web02/profiles"
g_node rms1 management-server
printf '[keys]\narrive = 4s\n' >>"$G/rms1/clavigerd.conf"
"$BIN/clavigerd" init -c "$G/rms1/clavigerd.conf" >"$G/out" 2>&1
g_start rms1
wait_for 20 g_server_up
g_agent web01 agent
add() { clv account add "$1" --type "$2" --user "$1" "${@:4}" && clv account distribute "$1" --to web01 --yes && { clv profile add "$3" || :; } && clv profile associate "$3" "$1" --all; }
enter() { printf 'pw of %s' "$1" | clv reenter "$1" --password-fd 0 --all-at-once >"$G/out" 2>&1; }
seen() { [ "$(event_count "id:$1")" -ge "${2:-1}" ]; }
says() { echo "$2" >"$G/says/$1"; }
text() { events "id:$1" | jq -r '.[0].text'; }

{ add one simple A; add two simple B; } >"$G/out" 2>&1
enter one
check 'all that were tried work: 7019' wait_for 30 seen 7019
says B 1
says A 0
enter two
check 'none works: 7021' wait_for 30 seen 7021
equal 'and 7000 names it' "$(event_count 'id:7000')" 1
# Two of one configuration, one of which works: the host is away while both are entered.
g_stop web01
enter one; enter two
g_start web01
check 'some work, some do not: 7020' wait_for 40 seen 7020
says B 0
says A 3
enter one
check 'the check says that the password ends soon: 7001' wait_for 30 seen 7001
check 'it works all the same' wait_for 20 seen 7019 2
says A 4
enter one
check 'the check says that the account itself ends soon: 7014' wait_for 30 seen 7014
says A 0

# By the date that the account has.
clv account add dated --type simple --user dated --ends "$(date -u -d '+5 days' +%F)" >"$G/out" 2>&1 || bad "dated: $(cat "$G/out")"
dated() { events id:7001 | jq -e '.[] | select(.node=="rms1.ops.test" and (.text | test("account dated ends at")))' >/dev/null; }
check 'the account says that its password ends in 5 days: 7001, from the server' wait_for 30 dated
clv account add far --type simple --user far --ends "$(date -u -d '+90 days' +%F)" >"$G/out" 2>&1
sleep 5
equal 'one that ends in 90 days: nothing' "$(events id:7001 | jq '[.[] | select(.text | test("account far"))] | length')" 0
equal 'and each once a day' "$(events id:7001 | jq '[.[] | select(.text | test("account dated ends at"))] | length')" 1

# The action account.
add agent-action simple 'Default Action Account' >"$G/out" 2>&1
check 'an action account without a password: 7009' wait_for 30 seen 7009
enter agent-action
check 'of another type than action or windows: 7010' wait_for 30 seen 7010
check 'it is given to nobody' bash -c "! $BIN/clavigerd credential -c $G/web01/clavigerd.conf 'Default Action Account' 2>/dev/null"
{ clv profile associate 'Default Action Account' agent-action --all --remove && add proper action 'Default Action Account'; } >"$G/out" 2>&1 || bad "another: $(cat "$G/out")"
enter proper
given() { [ "$("$BIN/clavigerd" credential -c "$G/web01/clavigerd.conf" 'Default Action Account' 2>/dev/null)" = 'pw of proper' ]; }
check 'one of the right type is' wait_for 30 given

# Blank: the console refuses it before it is sealed.
before=$(clv describe account one -o json | jq .version)
printf '' | clv reenter one --password-fd 0 --all-at-once >"$G/out" 2>&1
equal 'a blank password is refused by the command' "$?" 2
equal 'and the one before stays' "$(clv describe account one -o json | jq .version)" "$before"

# A host in touch that does not take it.
kill -STOP "$(g_proc web01 core)"
enter one
check 'not arrived within the time that is configured: 1107' wait_for 20 seen 1107
equal 'it names account and version' "$(events id:1107 | jq -r '.[0].text' | grep -c "account one, version $((before + 1)), has not arrived within 4 s; the host goes on with the version before it")" 1
kill -CONT "$(g_proc web01 core)"
arrived() { [ "$(clv get accounts --filter name:one -o json | jq '.[0].confirmed')" = 1 ]; }
check 'then it comes' wait_for 30 arrived
g_end
