#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What ends, and anything by anything, at a real server: `get expiry` by its columns, both ways, a window of it;
# `find` by name, user, any spelling and any number of digits of a key of any generation; `status` for people and
# for Nagios; `get --watch`.
# shellcheck source-path=SCRIPTDIR source=../lib/group.sh
. "$(dirname "$0")/../lib/group.sh"
g_begin
# shellcheck disable=SC2119
g_init || g_end
for n in web01 web02 db01; do g_agent $n agent || g_end; done
all_confirmed() { [ "$(clv get agents --filter state:confirmed -o json 2>/dev/null | jq length)" = 3 ]; }
check 'three agents' wait_for 30 all_confirmed
{
	clv account add sql-reader --type windows --domain CORP --user sql-reader --ends 2027-01-15 --kept-by 'DBA team'
	clv account add backup --type simple --user backup
} >/dev/null 2>&1

# --- expiry ---
ends() { clv get expiry -o json "$@" 2>/dev/null; }
equal 'what ends: keys, channel certificates, the password that has an end, and the server'"'"'s own' \
	"$(ends | jq -c 'group_by(.what) | map([.[0].what, length])')" '[["account password",1],["agent key",3],["authority",1],["channel certificate",4],["key drill",1],["revocation list",1],["vault master key",1]]'
end_of() { ends --filter "what:${1// /*}" | jq -r '.[0].ends'; }
utc() { date -u -d "$1" +%Y-%m-%dT%H:%M:%SZ; }
equal 'the authority, by openssl' "$(end_of authority)" "$(utc "$(openssl x509 -in "$G/ca/ca.pem" -noout -enddate | cut -d= -f2)")"
equal 'the revocation list, by openssl' "$(end_of 'revocation list')" "$(utc "$(openssl crl -in "$G/ca/ca.crl" -noout -nextupdate | cut -d= -f2)")"
equal 'the master key, 90 days after it was made' "$(end_of 'vault master key' | cut -c1-10)" "$(date -u -d '+90 days' +%Y-%m-%d)"
equal 'a drill was never done' "$(ends --filter 'what:key*drill' | jq -r '.[0].renews')" 'no: never done, clavigerd key drill'
equal 'in the order of their ends' "$(ends | jq 'map(.ends) | . == sort')" true
equal 'and downwards' "$(ends --sort -ends | jq 'map(.ends) | . == (sort | reverse)')" true
equal 'by whose it is' "$(ends --sort whose | jq 'map(.whose) | . == sort')" true
equal 'a window of it' "$(ends --limit 2 | jq -c 'map(.ends)')" "$(ends | jq -c '[.[0].ends, .[1].ends]')"
equal 'filtered' "$(ends --filter 'what:account*' | jq -r '.[].whose')" sql-reader
equal 'a wrong column is named' "$(clv get expiry --sort colour 2>&1; echo $?)" $'claviger: no such column to sort by; there are: ends what whose renews\n2'

# --- find ---
found() { clv find "$@" -o json 2>/dev/null | jq -r '[.[] | select(.what != "audit") | .what + " " + .name] | unique | join(", ")'; }
field() { clv describe agent web01 -o json 2>/dev/null | jq -r "$1"; }
sha256=$(field .sha256) sha1=$(field .sha1) node=$(field .node_key_id)
equal 'by a piece of a name' "$(found web0)" 'agent web01.ops.test, agent web02.ops.test'
equal 'by a user' "$(found 'CORP\sql')" 'account sql-reader'
equal 'by who keeps it' "$(found 'dba team')" 'account sql-reader'
for n in 64 32 13 12 7; do equal "by $n digits of a key" "$(found "${sha256:0:$n}")" 'agent key web01.ops.test'; done
equal 'by its SHA-1' "$(found "$sha1")" 'agent key web01.ops.test'
equal 'in groups of two, in lower case' "$(found "$(fold -w 2 <<<"${sha1,,}" | tr "\n" " ")")" 'agent key web01.ops.test'
equal 'with colons, and 0x' "$(found "0x$(sed 's/../&:/g; s/:$//' <<<"$sha256")")" 'agent key web01.ops.test'
equal 'in base64' "$(found "SHA256:$(xxd -r -p <<<"$sha256" | base64 | tr -d =)")" 'agent key web01.ops.test'
equal 'a node key' "$(found "$node")" 'node key web01.ops.test'
check 'a new key' clv rotate web01 --wait --yes
equal 'the key before it is found too' "$(found "$sha256")" 'agent key web01.ops.test'
equal 'a digit more than it has' "$(clv find "${sha256}0" 2>/dev/null | tail -n +2 | grep -c 'agent key')" 0
last=${sha256:11:1}; other=$([ "$last" = F ] && echo 0 || echo F)
equal 'another last digit' "$(found "${sha256:0:11}$other")" ''
equal 'then no row of the audit trail either' "$(clv find "${sha256:0:11}$other" -o json 2>/dev/null | jq length)" 0
clv find 4AA8718Bx -o json >"$G/none" 2>"$G/none.err"
equal 'nothing found: an empty list, exit 0, and message 19' "$?$(jq length "$G/none")$(grep -c '^Nothing known begins 4AA8718Bx. Looked in: names' "$G/none.err")" 001
equal 'who did something' "$(clv find web02 -o json 2>/dev/null | jq -r '.[] | select(.what == "audit") | .detail')" 'approve web02.ops.test'

# --- status ---
equal 'status' "$(clv status >/dev/null 2>&1; echo $?)" 0
check 'for Nagios' grep -qE '^CLAVIGER (OK|WARNING|CRITICAL)' <(clv status -o nagios 2>/dev/null)
"$BIN/claviger" get agents --filter name:db01 --watch >"$G/watch" 2>/dev/null &
watching=$!
lines() { [ "$(wc -l <"$G/watch")" -ge "$1" ]; }
check 'watch begins with what there is' wait_for 10 lines 1
check 'a change' clv rotate db01 --wait --yes
check 'is told' wait_for 10 lines 2
kill $watching; wait $watching 2>/dev/null
equal 'each line is JSON' "$(jq -c type "$G/watch" | sort -u | wc -l)" 1
g_end
