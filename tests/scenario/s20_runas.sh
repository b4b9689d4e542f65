#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# S14 to S20, S30, P1, P2, B1: a password from the keyboard reaches exactly the hosts it is meant for, one
# host first where a check tries it, and an entitled local caller there; and it is nowhere else in the clear.
. "$(dirname "$0")/../lib/group.sh"
g_begin
me=$(id -un)
tools=$BIN/tests/tools
# A check that takes what is in a file, on descriptor 3, and says that it was asked.
cat >"$G/check" <<'X'
#!/bin/sh
echo "$CLAVIGER_PROFILE" >>"$1.asked"
[ "$(cat <&3)" = "$(cat "$1")" ]
X
chmod 755 "$G/check"
mkdir -p "$G/checks"
chmod 777 "$G/checks"
for n in web01 web02 web03 db01; do
	mkdir -p "$G/$n"
	{
		printf '[host]\nclasses = SQL Server, Web\n[profile SQL Monitoring]\nusers = %s\ncheck = %s %s\n' "$me" "$G/check" "$G/checks/$n"
		printf '[profile Backup]\nusers = %s\n' "$me"
		printf '[profile By group]\ngroups = %s\n[profile By unit]\nunits = backup.service, other.service\n[profile Nobody]\nusers = nobody\n' "$(id -gn)"
	} >"$G/$n/profiles"
done
g_init
for n in web01 web02 web03 db01; do g_agent "$n" agent; done
secret='Pa55 wörd<&>"1 Zq8'
printf '%s' "$secret" >"$G/secret"
right() { for n in web01 web02 web03; do printf '%s' "$1" >"$G/checks/$n"; chmod 644 "$G/checks/$n"; done; }
right "$secret"
enter() { printf '%s' "$2" | clv reenter "$1" --password-fd 0 "${@:3}" 2>&1; }
field() { clv describe account "$1" -o json 2>/dev/null | jq -r ".$2"; }
confirmed_at() { [ "$(clv get accounts --filter "name:$1" -o json 2>/dev/null | jq -r '.[0].confirmed')" = "$2" ]; }
cred() { "$BIN/clavigerd" credential -c "$G/$1/clavigerd.conf" "$2" 2>/dev/null; }

check 'an account is added' clv account add sql-reader --type windows --user sql-reader --domain CORP --kept-by 'DBA team'
equal 'it is more secure and goes nowhere' "$(clv get accounts -o json 2>/dev/null | jq -r '.[0] | [.distribution, .state, .targets] | @csv')" '"more secure","never entered",0'
check 'a profile' clv profile add 'SQL Monitoring'
check 'uses it' clv profile associate 'SQL Monitoring' sql-reader --class 'SQL Server'
check 'it goes to three hosts, by name and by pattern' clv account distribute sql-reader --to web01 --to 'web*' --yes
check 'an unknown name is refused' bash -c "! $BIN/claviger account distribute sql-reader --to nosuch --yes"
equal 'so it has three targets' "$(clv get accounts -o json 2>/dev/null | jq -r '.[0].targets')" 3
check 'a password is entered' enter sql-reader "$secret" --first web01
check 'web01 takes it, then the rest' wait_for 30 confirmed_at sql-reader 3
equal 'web01 hands it to an entitled caller' "$(cred web01 'SQL Monitoring')" "$secret"
equal 'web02 too' "$(cred web02 'SQL Monitoring')" "$secret"
check 'db01, outside the distribution, has none' bash -c "! $BIN/clavigerd credential -c $G/db01/clavigerd.conf 'SQL Monitoring'"
equal 'the user and domain by themselves' "$("$BIN/clavigerd" credential -c "$G/web01/clavigerd.conf" --user 'SQL Monitoring')" 'CORP\sql-reader'

# Steps, and who asked.
tested() { [ "$(field sql-reader tested)" = "$1" ]; }
check 'every host tested it' wait_for 20 tested 3
equal 'each of them once' "$(cat "$G"/checks/*.asked | wc -l)" 3

# Entitlements: by group, by unit as uid 0 only, and nobody else (S16).
for p in Backup 'By group' 'By unit' Nobody; do
	clv profile add "$p" >/dev/null 2>&1
	clv profile associate "$p" sql-reader --all >/dev/null 2>&1
done
has_profile() { [ "$(cred web01 'By group')" = "$secret" ]; }
check 'by group' wait_for 20 has_profile
check 'another user is not entitled' bash -c "! $BIN/clavigerd credential -c $G/web01/clavigerd.conf Nobody"
equal 'the refusal says nothing of why' "$("$BIN/clavigerd" credential -c "$G/web01/clavigerd.conf" Nobody 2>&1 | sed 's/Nobody/P/')" \
	"$("$BIN/clavigerd" credential -c "$G/web01/clavigerd.conf" 'No such profile' 2>&1 | sed 's/No such profile/P/')"
if [ "$(id -u)" = 0 ]; then
	equal 'a unit, as systemd asks' "$("$tools/unit_peer" "$G/web01.cred" backup.service 'By unit')" "$secret"
	equal 'another unit gets nothing' "$("$tools/unit_peer" "$G/web01.cred" evil.service 'By unit')" ''
	equal 'a unit gets no profile of users' "$("$tools/unit_peer" "$G/web01.cred" backup.service Backup)" ''
	chmod go+rx "$tools" "$BIN" 2>/dev/null
	cp "$tools/unit_peer" "$G/unit_peer"; chmod 755 "$G/unit_peer"
	equal 'who is not root claims a unit in vain' "$(setpriv --reuid 65534 --regid 65534 --clear-groups "$G/unit_peer" "$G/web01.cred" backup.service 'By unit' | grep -c "$secret")" 0
	cp "$BIN/clavigerd" "$G/clavigerd-copy"; chmod 755 "$G/clavigerd-copy"; chmod 644 "$G/web01/clavigerd.conf"; chmod go+rx "$G/web01"
	equal 'nobody is entitled to the profile of nobody' "$(setpriv --reuid 65534 --regid 65534 --clear-groups "$G/clavigerd-copy" credential -c "$G/web01/clavigerd.conf" Nobody)" "$secret"
	equal 'and to no other' "$(setpriv --reuid 65534 --regid 65534 --clear-groups "$G/clavigerd-copy" credential -c "$G/web01/clavigerd.conf" Backup 2>/dev/null)" ''
fi

# One host without a check: opened, then asked (design 7).
check 'an account without a check' clv account add plain --type simple --user plain
clv account distribute plain --to db01 --to web03 --yes >/dev/null 2>&1
clv profile associate Backup plain --class Web >/dev/null 2>&1
khs=()
if [ "$(id -u)" = 0 ] && command -v strace >/dev/null; then
	for n in rms1 db01; do
		strace -f -p "$(g_proc "$n" keyholder)" -e trace=sendmsg,recvmsg,write,read,writev,readv -s 4000000 -xx -o "$G/trace.$n" 2>/dev/null &
		khs+=($!)
	done
	sleep 1
fi
second='an0ther Sécret 9f3e'
printf '%s' "$second" >"$G/second"
check 'its password' enter plain "$second" --first db01
opened() { [ "$(field plain trial)" = 'opened, nothing tests it' ]; }
check 'one host opens it, then a person is asked' wait_for 20 opened
equal 'only that host has it' "$(cred web03 Backup | head -c 3)" ''
held() { clv describe agent "$1" -o json | jq -c '.account_rows[] | select(.name == "plain") | [.version, .held_back]'; }
equal 'the other is told to wait, not that nothing was entered' "$(held web03) $(held db01)" '[null,true] [1,false]'
check 'go on' clv account continue plain --yes
check 'then both have it' wait_for 20 confirmed_at plain 2
for p in "${khs[@]}"; do kill "$p"; wait "$p" 2>/dev/null; done
if [ "${#khs[@]}" -gt 0 ]; then
	for n in rms1 db01; do sed 's/\\x//g' "$G/trace.$n" >"$G/trace.$n.hex"; done
	equal 'no socket of a key holder carried it' "$("$tools/leak" "$G/second" "$G/trace.rms1.hex" "$G/trace.db01.hex" | grep -c FOUND)" 0
	printf 'plain' >"$G/control"; printf 'OMMG1.....' >"$G/control"
	equal 'the traces hold what is no secret (control)' "$(grep -c "$(printf OMMG1 | od -An -tx1 | tr -d ' ')" "$G/trace.rms1.hex" | awk '{print ($1 > 0)}')" 1
fi

# Wrong password: one failed try at one host, nothing sent further (must show 9).
rm -f "$G"/checks/*.asked
check 'a wrong password is entered' enter sql-reader 'not the right one' --first web01
failed_there() { [ "$(field sql-reader trial)" = failed ]; }
check 'web01 could not use it' wait_for 20 failed_there
equal 'one try, at one host' "$(cat "$G"/checks/*.asked | wc -l)" 1
equal 'the old one is in use there' "$(cred web01 'SQL Monitoring')" "$secret"
equal 'and everywhere' "$(cred web02 'SQL Monitoring')" "$secret"
check 'an event says so (7000)' wait_for 10 has_event 'id:7000 node:web01.ops.test'
third='the right one at last, 3'
right "$third"
rm -f "$G"/checks/*.asked
check 'entered again' enter sql-reader "$third"
has_third() { [ "$(cred web02 'SQL Monitoring')" = "$third" ] && [ "$(cred web03 'SQL Monitoring')" = "$third" ]; }
check 'it works and goes to all' wait_for 30 has_third

# Nowhere else (B1): database, journals, backup, state, logs, memory of net and core of every node.
clv store backup b1 >/dev/null 2>&1 || "$BIN/clavigerd" store backup b1 -c "$G/rms1/clavigerd.conf" >/dev/null 2>&1
places=()
for n in rms1 web01 web02 web03 db01; do
	places+=("$G/$n/state" "$G/$n/log")
	for p in net_node net_console core; do
		pid=$(g_proc "$n" "$p")
		[ -z "$pid" ] || [ "$(id -u)" != 0 ] || places+=("pid:$pid")
	done
	pid=$(g_proc "$n" keyholder)
	[ "$(id -u)" != 0 ] || places+=("pid:$pid")
done
for f in secret second; do
	"$tools/leak" "$G/$f" "${places[@]}" >"$G/leak.out" 2>&1
	equal "$f is nowhere else: $(tail -1 "$G/leak.out")" "$(grep -c FOUND "$G/leak.out")" 0
done
printf '      %s\n' "$(tail -1 "$G/leak.out")"
# Controls: what is planted in the log, and what each process surely holds, is found.
for form in "$secret" "$(printf '%s' "$secret" | base64 -w0)" "$(printf '%s' "$secret" | od -An -tx1 | tr -d ' \n')"; do
	printf '%s\n' "$form" >"$G/planted"
	check 'a planted form is found' bash -c "! $tools/leak $G/secret $G/planted"
done
printf '%s' "$secret" | iconv -f UTF-8 -t UTF-16LE >"$G/planted"
check 'UTF-16 too' bash -c "! $tools/leak $G/secret $G/planted"
if [ "$(id -u)" = 0 ]; then
	printf 'web01.ops.test' >"$G/control"
	for n in net_node core keyholder; do
		equal "memory of $n can be looked at" "$("$tools/leak" "$G/control" "pid:$(g_proc web01 $n)" | grep -c FOUND | awk '{print ($1 > 0)}')" 1
	done
fi
g_end
