#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A Kerberos link is renewed before its ticket ends, the new link up before the old one goes: no heartbeat is
# missed and nobody is told of two links. Where it cannot be renewed it is closed at the ticket's end.
# shellcheck source-path=SCRIPTDIR source=../lib/group.sh source=../lib/realm.sh
. "$(dirname "$0")/../lib/group.sh"
. "$(dirname "$0")/../lib/realm.sh"
g_begin
export KDC_LIFE=24s
r_begin || g_end
r_server 'heartbeat = 1s' || g_end
r_node web01
sed -i 's/^\[channel\]/[channel]\nheartbeat = 1s/' "$G/web01/clavigerd.conf"
g_enroll web01 && g_approve web01 >/dev/null
g_start web01
check 'a link whose ticket ends in 24 s' wait_for 40 is_confirmed web01
renewed() { [ "$(grep -c 'the link to rms1.ops.test was renewed' "$G/web01/log")" -ge "$1" ]; }
was_up() { [ "$(field_of web01 contact 2>/dev/null)" = up ]; }
gaps=0
limit=$((SECONDS + 90))
until renewed 2 || [ $SECONDS -gt $limit ]; do
	was_up || gaps=$((gaps + 1))
	sleep 0.2 # between two looks
done
check 'was renewed, and renewed again' renewed 2
equal 'the node was in touch at every look' "$gaps" 0
equal 'no heartbeat was missed' "$(event_count id:20022)" 0
equal 'nobody was told of two links' "$(event_count 'id:20000 text:"Two links"')" 0
equal 'no link was refused' "$(event_count id:20002)" 0
check 'no link of the agent broke' not grep -qE 'event (20070|20071|20057)' "$G/web01/log"
held() { ss -Htn state established "( dport = :$NODE_PORT )" 2>/dev/null | wc -l; }
equal 'the old ones are gone' "$(held)" 1
g_stop kdc
check 'without a KDC the link is closed at the end of its ticket' wait_for 60 grep -q 'its Kerberos ticket has ended' "$G/web01/log"
r_kdc_start
check 'and is there again with the KDC' wait_for 75 was_up
g_end
