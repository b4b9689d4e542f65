#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The demo's group: six confirmed, one waiting; thumbprints equal to openssl's; 7006 to the letter; every
# child behind its walls; a rotation; stop leaves nothing running. (Must show 2, part of 7.)
. "$(dirname "$0")/../lib/group.sh"
g_begin
D=$G/demo
check "the demo comes up" env CLAVIGER_DEMO_BIN="$BIN" "$top/share/demo/run" --detach "$D"
# shellcheck disable=SC1091
. "$D/env"
clv get agents -o json >"$G/agents.json"
equal "six agents, a second server, a gateway behind it and one behind that" "$(jq length "$G/agents.json")" 9
equal "all confirmed" "$(jq '[.[]|select(.key_state=="confirmed" and .approval=="approved" and .contact=="up")]|length' "$G/agents.json")" 9
equal "who comes by whom" "$(jq -r '.[]|select(.gateway!=null)|.name+" "+.gateway+" "+.mechanism' "$G/agents.json" | sort | tr '\n' ' ')" "edge01.ops.test gw1.ops.test kerberos gw1.ops.test ms1.ops.test certificate "
equal "the second server by Kerberos" "$(jq -r '.[]|select(.name=="ms1.ops.test")|.mechanism' "$G/agents.json")" kerberos
equal "the fields of design 2, in order" "$(jq -r '.[0]|keys_unsorted|join(" ")' "$G/agents.json")" \
	"name approval contact key_id sha1 sha256 not_before not_after generation key_state gateway server mechanism protocol cipher last_seen config_version"
equal "new01 is pending" "$(clv get pending -o json | jq -r '.[].name')" new01.ops.test
for a in web01 web02 db01 db02 app01 app02; do
	f=$(ls "$D/$a/state/certificates/Operations Manager/"*.pem)
	j() { jq -r ".[]|select(.name==\"$a.ops.test\").$1" "$G/agents.json"; }
	equal "$a: SHA-256" "$(j sha256)" "$(openssl x509 -in "$f" -noout -fingerprint -sha256 | sed 's/.*=//; s/://g')"
	equal "$a: SHA-1" "$(j sha1)" "$(openssl x509 -in "$f" -noout -fingerprint -sha1 | sed 's/.*=//; s/://g')"
	equal "$a: key id" "$(j key_id)" "$(j sha256 | cut -c1-32)"
	equal "$a: ends" "$(date -u -d "$(j not_after)" +%s)" "$(date -u -d "$(openssl x509 -in "$f" -noout -enddate | cut -d= -f2)" +%s)"
	pairs=$(j key_id | sed 's/../& /g')
	want="The Health Service has published the public key [$pairs] used to send it secure messages to management group OMMG1.  This message only indicates that the key is scheduled for delivery, not that delivery has been confirmed."
	clv get events --filter "id:7006 node:$a.ops.test" -o json | jq -r '.[0]|.text,.source,.level,.category' >"$G/e"
	equal "$a: 7006" "$(sed -n 1p "$G/e")" "$want"
	equal "$a: 7006's source, level, category" "$(sed -n '2,4p' "$G/e" | tr '\n' ',')" "HealthService,Information,Health Service,"
	equal "$a: RSA 3072, a year, CN" "$(openssl x509 -in "$f" -noout -text | grep -c 'Public-Key: (3072 bit)')$(openssl x509 -in "$f" -noout -subject)" "1subject=CN = $a.ops.test"
done
# By its proper parents' pids: every child of the demo.
n=0
while read -r pid _; do
	for c in $(pgrep -P "$pid"); do
		n=$((n + 1))
		s=$(awk '/^NoNewPrivs:|^Seccomp:/ {printf "%s ", $2}' "/proc/$c/status")
		[ "$s" = "1 2 " ] || bad "walls of $(cat "/proc/$c/comm"): NoNewPrivs and Seccomp are $s"
	done
done <"$D/pids"
if [ "$n" -ge 25 ]; then ok "Seccomp 2 and NoNewPrivs 1 in $n children"; else bad "only $n children found"; fi
check "one rotates" clv rotate web01 --wait --yes
# It goes once the server has acknowledged the confirmation, a moment after the server shows it.
one_left() { [ "$(find "$D/web01/state/certificates/Operations Manager/" -name '*.pem' | wc -l)" = 1 ]; }
check "the old certificate is gone from the folder" wait_for 20 one_left
pids=$(cut -d' ' -f1 "$D/pids")
check "stop" "$top/share/demo/stop" "$D"
left=0
for p in $pids; do case $(ps -o stat= -p "$p") in '' | Z*) ;; *) left=$((left + 1)) ;; esac; done
equal "nothing is left running" "$left" 0

# One that does not come up says so and ends what it had started: services, and the server that still waits to join.
mkdir "$G/bin"
ln -s "$BIN/clavigerd" "$G/bin/clavigerd"
printf '#!/bin/sh\ncase " $* " in *" approve "*) exit 1 ;; esac\nexec "%s" "$@"\n' "$BIN/claviger" >"$G/bin/claviger"
chmod +x "$G/bin/claviger"
CLAVIGER_DEMO_BIN=$G/bin "$top/share/demo/run" --detach "$G/half" >"$G/out" 2>&1
equal "a demo that does not come up says why" "$? $(tail -1 "$G/out")" "1 share/demo/run: ms1 was not accepted"
equal "and leaves nothing running" "$(pgrep -c -f "$G/half/")" 0
g_end
