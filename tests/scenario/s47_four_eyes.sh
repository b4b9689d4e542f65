#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Four-eyes (design 3, "Roles and audit"): a gateway is accepted by two administrators who are two persons, each of whom
# types its digits; never by one who holds two certificates, by root as the second, by a shared account, by who was
# made less meanwhile; and every yes and no is in the audit trail.
. "$(dirname "$0")/../lib/group.sh"
g_begin
mkdir -p "$G/rms1"
cat >"$G/rms1/profiles" <<'END'
[person Anna]
principals = mail:anna@ops.test, mail:anna.admin@ops.test, mail:shared@ops.test
[person Bert]
principals = mail:bert@ops.test, mail:shared@ops.test
[person Carl]
principals = mail:carl@ops.test
END
for who in anna anna.admin bert carl shared nobody; do
	"$BIN/clavigerd" ca issue "$G/ca" "$who" --operator "$who@ops.test" --out "$G/$who" >/dev/null || bad "no certificate for $who"
done
EYES=1 g_init || g_end
for who in anna anna.admin bert shared nobody; do clv role grant "mail:$who@ops.test" administrator --yes >"$G/out" 2>&1 || bad "grant $who: $(cat "$G/out")"; done
clv role grant mail:carl@ops.test operator --yes >"$G/out" 2>&1
group_key=$("$BIN/claviger" -s "rms1.ops.test@127.0.0.1:$CONSOLE_PORT" --ca "$G/ca/ca.pem" --cert "$G/anna.pem" --key "$G/anna.key" get agents 2>&1 | sed -n "s/.*--trust-group '\\(.*\\)'.*/\\1/p")
as() { # WHO command...
	local who=$1; shift
	"$BIN/claviger" --trust-group "$group_key" -s "rms1.ops.test@127.0.0.1:$CONSOLE_PORT" --ca "$G/ca/ca.pem" --cert "$G/$who.pem" --key "$G/$who.key" "$@"
}
g_node gw1 gateway
check 'a gateway asks to be accepted' g_enroll gw1
yes() { as "$1" approve gw1.ops.test --fingerprint "$(digits_of gw1)" --yes "${@:2}"; }
no() { # text, status, words, command...
	local text=$1 status=$2 words=$3 rc; shift 3
	"$@" >"$G/out" 2>&1
	rc=$?
	equal "$text: $(tail -1 "$G/out" | cut -c1-90)" "$rc $(grep -c "$words" "$G/out")" "$status 1"
}
member() { [ "$(clv get agents --filter name:gw1.ops.test -o json 2>/dev/null | jq length)" = "$1" ]; }
looks() { clv get pending -o json 2>/dev/null | jq -r '.[0].looks_like'; }
audit() { clv get audit --filter "act:approve" --limit 100 -o json 2>/dev/null | jq -r ".[0].$1"; }

no 'an operator may not' 3 'administrator' yes carl
no 'who stands under no [person] may not' 3 'under no .person' yes nobody
no 'a shared account may not' 3 'shared account' yes shared
equal 'none of them left a yes' "$(looks | grep -c "said yes")" 0
check 'the first yes' yes anna
equal 'is none yet: it still waits' "$(member 0 && echo yes)" yes
equal 'and the request says so' "$(looks)" '1 of 2 said yes: mail:anna@ops.test'
equal 'the audit trail too' "$(audit result)" 'waits for a second person'
no 'the same person again' 3 'another person' yes anna
no 'the same person by another certificate' 3 'another person' yes anna.admin
root() { [ "$(id -u)" != 0 ] || "$@"; } # an ordinary user's group has no root among its operators
root no 'root as the second' 3 'root cannot be the second' clv approve gw1.ops.test --fingerprint "$(digits_of gw1)" --yes
equal 'still waiting' "$(member 0 && echo yes)" yes
no 'the second person with wrong digits' 1 'not the digits' as bert approve gw1.ops.test --fingerprint 'AAAA BBBB CCCC' --yes
check 'another request (--replace) is another first yes' yes bert --replace
equal 'of bert' "$(looks)" '1 of 2 said yes: mail:bert@ops.test'
check 'so the first request begins anew' yes anna
check 'and who said yes first is made less' clv role revoke mail:anna@ops.test administrator --yes
check 'then the second is the first' yes bert
equal 'it still waits' "$(member 0 && echo yes) $(looks)" 'yes 1 of 2 said yes: mail:bert@ops.test'
check 'a second person says yes' yes anna.admin
equal 'and it is a member' "$(member 1 && echo yes)" yes
equal 'the row names both' "$(audit 'result + ": " + .[0].who + ", " + .[0].detail')" 'done: mail:anna.admin@ops.test, first yes: mail:bert@ops.test'
g_start gw1
check 'it runs' wait_for 40 is_confirmed gw1

# Another machine under its name: who says yes second is warned as who said it first.
g_stop gw1
rm -rf "$G/gw1/state"; mkdir "$G/gw1/state"
od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$G/gw1/machine-id"
check 'another machine asks under that name' g_enroll gw1
equal 'which is shown' "$(looks)" 'IMPOSTOR? name taken'
check 'a first yes to it' yes bert --replace
equal 'leaves the warning where it was' "$(looks)" 'IMPOSTOR? name taken; 1 of 2 said yes: mail:bert@ops.test'
check 'it is declined' clv reject gw1.ops.test --yes

# An agent needs one alone; root may be the first for a gateway.
g_agent web01 agent
g_node gw2 gateway
g_enroll gw2
root check 'root says yes first' clv approve gw2.ops.test --fingerprint "$(digits_of gw2)" --yes
root no 'and not second' 3 'root cannot be the second' clv approve gw2.ops.test --fingerprint "$(digits_of gw2)" --yes
check 'a request that was declined takes the first yes with it' clv reject gw2.ops.test
g_enroll gw2
equal 'asked again, nobody said yes' "$(looks | grep -c "said yes")" 0

# A server that joins gets the group's keys: two persons as well, each of whom types its code.
NODE_PORT=$(g_port) CONSOLE_PORT=$(g_port) g_node rms2 management-server 'retry = 500ms'
"$BIN/clavigerd" join -c "$G/rms2/clavigerd.conf" --server "rms1.ops.test@127.0.0.1:$NODE_PORT" >"$G/rms2/join.out" 2>&1 </dev/null &
joining=$!
code() { sed -n 's/^Code *//p' "$G/rms2/join.out"; }
asks() { [ -n "$(code)" ] && clv get pending -o json 2>/dev/null | jq -e '[.[]|select(.name=="rms2.ops.test")]|length==1'; }
check 'a server asks to join' wait_for 60 asks
types() { as "$1" approve rms2.ops.test --fingerprint "$2" --yes; }
no 'the first person with a wrong code' 4 'not that of this request' types anna.admin 'AAAA-BBBB-CCCC-DDDD-EEEE-0000'
check 'the first yes to it' types anna.admin "$(code)"
equal 'is noted, and gives nothing out' "$(clv get pending -o json | jq -r '.[]|select(.name=="rms2.ops.test")|.looks_like' | grep -c '1 of 2 said yes: mail:anna.admin@ops.test') $(grep -c 'has joined' "$G/rms2/join.out")" '1 0'
no 'the same person again' 3 'another person' types anna.admin "$(code)"
no 'another person with a wrong code' 4 'not that of this request' types bert 'AAAA-BBBB-CCCC-DDDD-EEEE-0000'
check 'another person with the code' types bert "$(code)"
joined() { grep -q 'has joined' "$G/rms2/join.out"; }
check 'and it joins' wait_for 30 joined
wait "$joining"
equal 'the row names both' "$(clv get audit --filter act:join --limit 100 -o json | jq -r '[.[]|select(.result=="done")][0]|.who + ", " + .detail')" 'mail:bert@ops.test, first yes: mail:anna.admin@ops.test'

# A request whose key was swapped where it is stored: the digits are not those of it any more.
g_node web02 agent
g_enroll web02
g_node web03 agent
g_enroll web03
g_stop rms1
swap="update pending set node_key=(select node_key from pending where name='web03.ops.test') where name='web02.ops.test'"
equal 'somebody writes into the database' "$(sqlite3 "$G/rms1/state/OperationsManager.db" "$swap; select changes()")" 1
g_start rms1
wait_for 20 g_server_up
no 'the request is not accepted by its digits' 1 'is not the one that came' clv approve web02.ops.test --fingerprint "$(digits_of web02)" --yes
clv reject web02.ops.test --yes >"$G/out" 2>&1; clv reject web03.ops.test --yes >"$G/out" 2>&1

# It is kept in memory alone. (That it ends after an hour: test_eyes.)
check 'a first yes' as bert approve gw2.ops.test --fingerprint "$(digits_of gw2)" --yes
equal 'shown' "$(looks)" '1 of 2 said yes: mail:bert@ops.test'
g_stop rms1
g_start rms1
wait_for 20 g_server_up
equal 'a restart forgets it: nobody said yes' "$(looks | grep -c "said yes")" 0

# Bad configuration: one line, with its place.
for bad in 'principals = group:wheel' 'principals = anna'; do
	sed "s/^principals = mail:carl.*/$bad/" "$G/rms1/clavigerd.conf" >"$G/bad.conf"
	no "$bad" 2 'bad.conf:[0-9]*: .*belongs to no one human; .* uid:NUMBER' "$BIN/clavigerd" run -c "$G/bad.conf"
done
for bad in user:root uid:0; do
	sed "s/^principals = mail:carl.*/principals = mail:carl@ops.test $bad/" "$G/rms1/clavigerd.conf" >"$G/bad.conf"
	no "$bad" 2 "bad.conf:[0-9]*: '$bad' is no one human" "$BIN/clavigerd" run -c "$G/bad.conf"
done
{ cat "$G/rms1/clavigerd.conf"; printf '[trust]\nrequire_approval = everything\n'; } >"$G/bad.conf"
no 'require_approval = everything' 2 'expected gateway, management-server or none' "$BIN/clavigerd" run -c "$G/bad.conf"
g_end
