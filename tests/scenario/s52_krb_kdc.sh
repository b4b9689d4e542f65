#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The KDC falls silent, then is gone (T27): links that stand go on without a missed heartbeat, tickets that are
# there still open links, a new initiation fails in 5 s, certificate links do not notice, and all is back soon.
# CLAVIGER_LONG: two minutes of silence.
# shellcheck source-path=SCRIPTDIR source=../lib/group.sh source=../lib/realm.sh
. "$(dirname "$0")/../lib/group.sh"
. "$(dirname "$0")/../lib/realm.sh"
g_begin
r_begin || g_end
r_server 'heartbeat = 1s' || g_end
logged() { grep -q "$2" "$G/$1/log"; }
is_up() { [ "$(field_of "$1" contact 2>/dev/null)" = up ]; }
for n in web01 web02 web03; do
	r_node $n
	sed -i 's/^\[channel\]/[channel]\nheartbeat = 1s/' "$G/$n/clavigerd.conf"
	g_enroll $n && g_approve $n >/dev/null
	g_start $n
	wait_for 40 is_confirmed $n || bad "$n is not confirmed"
done
g_agent plain01 agent 'heartbeat = 1s'
g_stop web02
g_stop web03
rm -f "$G/web02/state/kerberos/ccache" # web03 keeps its tickets
since() { clv describe agent "$1.ops.test" -o json | jq -r .link_since; }
stood=$(since web01)

# --- silent ---
kill -STOP "${PID[kdc]}"
silent_from=$SECONDS
g_start web03
check 'with a ticket that is there a link opens while the KDC is silent' wait_for 20 is_up web03
: >"$G/web02/log"
t0=$(date +%s%3N)
g_start web02
check 'without one it fails: 20057' wait_for 20 logged web02 'event 20057: .*no KDC answered within 5 s'
took=$(($(date +%s%3N) - t0))
printf '      failed after %s ms\n' "$took"
check 'in 5 s, and the start of a node' test "$took" -ge 4500 -a "$took" -lt 9000
asks() { [ -n "$(g_proc web02 krb_init)" ]; }
check 'krb_init was ended and is there again' wait_for 10 asks
# The oldest that a node in touch was heard while we look; the heartbeat is 1 s.
worst=0
limit=$((silent_from + 25))
[ -z "$LONG" ] || limit=$((silent_from + 120))
while [ $SECONDS -lt "$limit" ]; do
	for n in web01 web03 plain01; do is_up $n || bad "$n is not in touch"; done
	age=$(clv get agents -o json 2>/dev/null | jq '[.[] | select(.name != "web02.ops.test") | (now - (.last_seen | sub("\\.[0-9]+"; "") | fromdate))] | max * 1000 | floor')
	[ "${age:-9999}" -le "$worst" ] || worst=$age
	sleep 0.5 # between two looks
done
printf '      the oldest word of a node in touch: %s ms ago\n' "$worst"
check 'no heartbeat later than twice the interval (and what a look takes)' test "$worst" -lt 3500
equal 'none was told as missed' "$(event_count id:20022)" 0
equal 'the link that stood is the same' "$(since web01)" "$stood"
check 'the service of web02 lives on' kill -0 "${PID[web02]}"
kill -CONT "${PID[kdc]}"
check 'when it answers again the node is back within 60 s' wait_for 60 is_up web02

# --- gone ---
g_stop kdc
g_stop web02
rm -f "$G/web02/state/kerberos/ccache"
: >"$G/web02/log"
g_start web02
check 'a KDC that is gone is told at once' wait_for 10 logged web02 'event 20057: .*no KDC of the realm answers'
check 'the others go on' is_up web01
r_kdc_start
check 'and the node is back within 60 s' wait_for 75 is_up web02
g_end
