#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The real console on a real group: approve by typed digits, filter, marks that the filter hides,
# rotate and see it confirmed by a push, the server killed and back, another program's watch, and the
# proof of a server reached by TLS. (Must show 9 and 11, with real processes.)
. "$(dirname "$0")/../lib/group.sh"
g_begin
D=$G/demo
check "the demo comes up" env CLAVIGER_DEMO_BIN="$BIN" "$top/share/demo/run" --detach "$D"
# shellcheck disable=SC1091
. "$D/env"
drive() { "$BIN/tests/tools/drive" "$BIN/claviger" "$CLAVIGER_SERVER" "$@"; }
digits=$(sed -n 's/.*first 12 digits: *//p' "$D/new01/enroll.out")

cat >"$G/approve" <<END
wait 1 waits
not ${digits%% *}
key A
wait Accept new01 in OMMG1?
settle
key 0000 0000 0000\r
wait Not done
key A
wait Digits
settle
key $digits\r
wait new01 was accepted
wait Nobody waits
END
check "approve by typed digits" drive pending <"$G/approve"
equal "new01 is approved" "$(clv get agents --filter name=new01.ops.test -o json | jq -r '.[0].approval')" approved

cat >"$G/rotate" <<'END'
wait app01
key \s\s\s
wait 3 marked
key /app\r
wait 3 marked, 1 hidden
key R
wait Rotate the keys of 2 agents in OMMG1?
wait Not taken: 1 marked row that the filter hides.
settle
key 2\r
wait 2 agents were asked to rotate
key g\r
wait gen 2
wait gen 1  2
key .
wait Agent app02
wait gen 2
wait gen 1  2
END
check "rotate the visible marked ones" drive agents <"$G/rotate"
for a in app01 app02 db01; do
	gens=$(clv describe agent "$a" -o json | jq '.keys|length')
	if [ "$a" = db01 ]; then equal "the hidden one was not touched" "$gens" 1; else equal "$a has a second key" "$gens" 2; fi
done

cat >"$G/ahead" <<'END'
wait app01
key Ry
wait Rotate the key of app01
settle
not was asked
key \e
wait Nothing was done
END
check "typed-ahead keys answer nothing" drive agents <"$G/ahead"

cat >"$G/lost" <<'END'
wait app01
key /app\r
wait 2 of 10
key \s
wait 1 marked
key R
wait Rotate the key of app01
say ready
wait STALE since
settle
key y
key R
wait You can look, not act
say stale
wait Back, by rms1
wait 2 of 10   1 marked
settle
not was asked
END
drive agents <"$G/lost" >"$G/lost.out" 2>&1 &
console=$!
g_sign() { for _ in $(seq 600); do grep -q "$1" "$G/lost.out" && return 0; sleep 0.05; done; return 1; }
check "a question stands" g_sign ready
server=$(sed -n 's/ rms1$//p' "$D/pids")
kill -KILL "$server"
check "the server is gone, the screen says so" g_sign stale
"$BIN/clavigerd" run -c "$D/rms1/clavigerd.conf" </dev/null >>"$D/rms1/log" 2>&1 &
sed -i "s/^$server rms1/$! rms1/" "$D/pids"
if wait "$console"; then ok "back on the same screen, filter and mark; nothing was replayed"; else bad "lost server: $(tail -30 "$G/lost.out")"; fi
gens() { clv describe agent app01 -o json | jq '.keys|length'; }
equal "no key was rotated by it" "$(gens)" 2

"$BIN/tests/tools/list_watch" "$CLAVIGER_SERVER" 20 >"$G/watch" 2>&1 &
watch=$!
for _ in $(seq 600); do grep -q ' of ' "$G/watch" && break; sleep 0.05; done
check "an agent rotates" clv rotate web01 --yes
if wait "$watch"; then ok "a program with the library alone sees one change pushed"; else bad "list_watch: $(tail -1 "$G/watch")"; fi

# A password typed in the form reaches its hosts and no other (issue 3, Must show 1, the console's part).
restarted=$(date -u +%Y-%m-%dT%H:%M:%SZ)
for a in web01 db01; do # they let the caller have what the profile uses
	printf '[profile S10]\nusers = %s\n' "$(id -un)" >>"$D/$a/clavigerd.conf"
	pid=$(sed -n "s/ $a$//p" "$D/pids")
	kill "$pid"
	for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
	"$BIN/clavigerd" run -c "$D/$a/clavigerd.conf" </dev/null >>"$D/$a/log" 2>&1 &
	sed -i "s/^$pid $a/$! $a/" "$D/pids"
done
# A host that returns changes what a question shows, and takes what was typed with it.
both_up() { [ "$(clv get agents -o json 2>/dev/null | jq '[.[]|select((.name=="web01.ops.test" or .name=="db01.ops.test") and .contact=="up" and .last_seen>="'"$restarted"'")]|length')" = 2 ]; }
check "both are in touch again" wait_for 40 both_up
cat >"$G/runas" <<'END'
wait Accounts
key +
wait A new account
key s10-reader\e[Z\r
wait s10-reader was added
key /s10\r
wait 1 of
key S
wait Also to
key web*\e[Z\r
wait s10-reader: 2 hosts gain it, 0 lose it.
settle
key 2\r
gone Type 2
key E
wait New password of s10-reader in OMMG1, the first.
settle
key Kx9-typed/here\r
key Kx9-typed/here\r
wait Saved as v1
key \r
gone Saved as v1
key \r
wait opened v1; nothing tests it there
key A
wait Give v1 of s10-reader to the 1 other host?
settle
key y
wait all 2 hosts have v1
END
check "an account, its hosts, its password, in the full screen" drive accounts <"$G/runas"
check "a profile uses it" clv profile add S10
check "everywhere" clv profile associate S10 s10-reader --all
cred() { "$BIN/clavigerd" credential -c "$D/$1/clavigerd.conf" S10 2>/dev/null; }
for _ in $(seq 600); do [ -n "$(cred web01)" ] && break; sleep 0.1; done
equal "web01 has what was typed" "$(cred web01)" 'Kx9-typed/here'
equal "db01 does not" "$(cred db01)" ''
equal "each host confirmed it" "$(clv get accounts --filter name=s10-reader -o json | jq -r '.[0] | "\(.targets) \(.sent) \(.confirmed) \(.missing)"')" '2 2 2 0'

port=$(sed -n 's/^listen_console = .*://p' "$D/rms1/clavigerd.conf")
"$BIN/clavigerd" ca issue "$D/ca" ops --operator ops@ops.test --out "$G/ops" >/dev/null
tls() { clv -s "rms1.ops.test@127.0.0.1:$port" --ca "$D/ca/ca.pem" --cert "$G/ops.pem" --key "$G/ops.key" "$@"; }
tls get agents >"$G/o" 2>&1; equal "an unknown group is not trusted" "$?" 4
group=$(sed -n 's/^Group signing key *//p' "$D/rms1/init.out")
check "a role by certificate" clv role grant mail:ops@ops.test viewer --yes
check "trusted once" tls --trust-group "$group" get agents
check "and known from then on" tls get agents
tls rotate web01 --yes >"$G/o" 2>&1; equal "a viewer may not rotate" "$?" 3
sed -i 's/ [0-9A-F]\{4\}/ 0000/' "$HOME/.config/claviger/known_groups"
tls get agents >"$G/o" 2>&1; equal "another group key stops it" "$?$(grep -c STOP "$G/o")" 41
check "stop" "$top/share/demo/stop" "$D"
g_end
