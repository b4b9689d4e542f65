#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the acts of the full screen come to: each is done by its key in the real console on a real group, and its effect
# is read again by other ways: batch commands, the hosts themselves, the audit trail. And a server whose processes are
# killed for want of memory: the console goes stale, is calm, comes back, and leaves the terminal as it was.
. "$(dirname "$0")/../lib/group.sh"
g_begin
for a in web01 web02; do
	mkdir -p "$G/$a"
	printf '[profile S45]\nusers = %s\n' "$(id -un)" >"$G/$a/profiles"
done
g_init
for a in web01 web02 db01; do g_agent "$a" agent >/dev/null; done
g_node new01 agent; g_enroll new01
drive() { "$BIN/tests/tools/drive" "$BIN/claviger" "$CLAVIGER_SERVER" "$@"; }
account() { clv get accounts --filter "name:$1" -o json 2>/dev/null | jq -r ".[0] | \"$2\""; }
cred() { "$BIN/clavigerd" credential -c "$G/$1/clavigerd.conf" S45 2>/dev/null; }
has() { [ "$(cred "$1")" = "$2" ]; }
has_none() { ! cred "$1" >/dev/null; }
audit() { clv get audit --filter "act:$1" --limit 1000 -o json 2>/dev/null | jq -r '.[0] | "\(.object) \(.result)"'; }
check 'a profile' clv profile add S45

# --- S: send to more, to fewer; E, D: taken back; E, A: to the rest ---
check 'an account' clv account add s45 --type basic
cat >"$G/send" <<'END'
wait never entered
key S
wait Also to
key web*\e[Z\r
wait s45: 2 hosts gain it, 0 lose it.
settle
key 2\r
gone Type 2
key E
wait New password of s45
wait sealed for rms1's
settle
key first-word/1\r
key first-word/1\r
wait Saved as v1
key \r
gone Saved as v1
key \r
wait opened v1; nothing tests it there
key A
wait Give v1 of s45 to the 1 other host?
settle
key y
wait all 2 hosts have v1
key E
wait New password of s45
wait sealed for rms1's
settle
key second-word/2\r
key second-word/2\r
wait Saved as v2
key \r
gone Saved as v2
wait opened v2; nothing tests it there
key D
wait Take v2 of s45 back
settle
key y
gone Take v2
wait v2 of s45 goes nowhere; v1 stays in use
END
check 'an account, sent to two hosts; its second password taken back' drive accounts <"$G/send"
check 'the profile uses it everywhere' clv profile associate S45 s45 --all
check 'web01 has the first word' wait_for 20 has web01 first-word/1
check 'web02 has it too' wait_for 20 has web02 first-word/1
equal 'the audit trail has the stop' "$(audit 'account*stop' | cut -d' ' -f1)" s45
cat >"$G/go" <<'END'
wait Used by
key E
wait New password of s45
wait sealed for rms1's
settle
key third-word/3\r
key third-word/3\r
wait Saved as v3
key \r
gone Saved as v3
wait opened v3; nothing tests it there
key A
wait Give v3 of s45
settle
key y
wait all 2 hosts have v3
key S
wait No longer to
key web01\tweb*\t\t\r
wait 1 lose
settle
key \e
gone 1 lose
END
check 'the next one goes to all' drive 'account s45' <"$G/go"
check 'web01 has the third word' wait_for 20 has web01 third-word/3
check 'web02 too' wait_for 20 has web02 third-word/3
equal 'S left by Esc changed nothing' "$(account s45 '\(.targets) \(.confirmed)')" '2 2'
cat >"$G/narrow" <<'END'
wait Used by
key S
wait No longer to
key web01\tweb*\t\t\r
wait lose
settle
key y
wait 1 host
gone 2 hosts
END
check 'to fewer' drive 'account s45' <"$G/narrow"
check 'web02 forgets it' wait_for 20 has_none web02
equal 'web01 keeps it' "$(cred web01)" third-word/3
equal 'one host is left' "$(account s45 '\(.targets) \(.confirmed)')" '1 1'

# --- C, + and X of a profile, X of an account ---
cat >"$G/change" <<'END'
wait s45
key C
wait Change account s45
key \t\t\t\tops team\tfor tests\t\t\r
gone Change account
wait s45 changed
END
check 'C' drive accounts <"$G/change"
equal 'who keeps it, and the note' "$(clv describe account s45 -o json | jq -r '"\(.kept_by) \(.note)"')" 'ops team for tests'
cat >"$G/profile" <<'END'
wait S45
key +
wait A new profile
key Later\t\r
wait Later
key /Later\r
wait 1 of 2
key X
wait Type Later
settle
key Later\r
gone Cannot be undone
wait No row matches
END
check '+ and X of a profile' drive profiles <"$G/profile"
equal 'it was there, and is gone' "$(clv get profiles -o json | jq -r 'map(.profile) | unique | join(",")') $(audit 'profile*add') $(audit 'profile*remove')" 'S45 Later done Later done'
cat >"$G/end" <<'END'
wait s45
key X
wait Cannot be undone
settle
key s45\r
gone Cannot be undone
wait No account yet
END
check 'X of an account' drive accounts <"$G/end"
equal 'no account is left' "$(clv get accounts -o json | jq length)" 0
check 'and web01 forgets it' wait_for 20 has_none web01

# --- D of who waits, X of an agent, D of a line of the overview ---
cat >"$G/aside" <<'END'
wait waits to be accepted
key D
wait Set aside in OMMG1
settle
key 14d not before the audit\r
wait not before the audit
END
check 'D of a line on the overview' drive overview <"$G/aside"
equal 'others see it' "$(audit 'overview*' | cut -d' ' -f1)" ':pending'
cat >"$G/decline" <<'END'
wait new01
key D
wait Reason
settle
key not ours\r
wait y/N
settle
key y
wait Nobody waits
END
check 'D of who waits' drive pending <"$G/decline"
equal 'nobody waits' "$(clv get pending -o json | jq length) $(clv get audit --filter act:reject -o json | jq -r '.[0].detail' | grep -c 'not ours')" '0 1'
cat >"$G/remove" <<'END'
wait db01
key X
wait Type db01:
settle
key db01\r
gone Type db01
wait db01 was removed
END
check 'X of an agent' drive agents <"$G/remove"
equal 'it is forgotten' "$(clv get agents -o json | jq -r 'map(.name) | join(" ")')" 'web01.ops.test web02.ops.test'

# --- a server whose processes are killed for want of memory ---
mkfifo "$G/in"
"$BIN/tests/tools/drive" "$BIN/claviger" "$CLAVIGER_SERVER" agents <"$G/in" >"$G/oom.out" 2>&1 &
console=$!
exec 9>"$G/in"
said() { grep -q "^$1$" "$G/oom.out"; }
printf 'wait web01\nkey /web\\r\nwait 2 of 2\nsay open\n' >&9
check 'the full screen' wait_for 20 said open
# The kernel ends what takes too much memory by SIGKILL: the mind first, then what the console is connected to.
for victim in core net_console; do
	pid=$(g_proc rms1 $victim)
	kill -KILL "$pid"
	printf 'wait STALE since\nkey R\nwait You can look, not act\nsay stale %s\n' $victim >&9
	check "$victim is gone: stale, and nothing can be done" wait_for 20 said "stale $victim"
	printf 'wait Back, by\nwait 2 of 2\nsay back %s\n' $victim >&9
	check 'it was started again, and the screen is back' wait_for 40 said "back $victim"
done
check 'an event says so' has_event id:2003
screen=$(pgrep -P "$console")
ticks() { awk '{print $14 + $15}' "/proc/$1/stat"; }
before=$(ticks "$screen")
printf 'settle\nsettle\nsettle\nsettle\nsay calm\n' >&9
check 'a moment' wait_for 10 said calm
equal 'it burns no CPU' "$(($(ticks "$screen") - before <= 1))" 1
printf 'key :quit\\r\nends 0\n' >&9
exec 9>&-
wait "$console"
equal 'the terminal is as it was' "$?" 0
check 'nothing was lost: the trail is whole' clv audit verify
g_end
