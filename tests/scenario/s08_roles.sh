#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every request times every role equals the printed table, over the raw protocol; the audit trail; a full disk
# refuses acts and leaves looking; the console over TLS pins the group. (Must show 8; T18.)
. "$(dirname "$0")/../lib/group.sh"
g_begin
g_init || g_end
g_agent web01 agent || g_end
i=0
for role in none viewer operator "credential manager" administrator; do
	i=$((i + 1))
	mail=op$i@ops.test
	"$BIN/clavigerd" ca issue "$G/ca" "op$i" --operator "$mail" --out "$G/op$i" >/dev/null || bad "no operator certificate"
	[ "$role" = none ] || check "grant $role" clv role grant "mail:$mail" "$role" --yes
	"$BIN/tests/tools/requests" "$G/ca/ca.pem" "$G/op$i.pem" "$G/op$i.key" "$CONSOLE_PORT" rms1.ops.test "$role" >"$G/roles.out" 2>&1
	rc=$?
	printf '      %s\n' "$(tail -1 "$G/roles.out")"
	if [ $rc = 0 ]; then ok "as $role"; else bad "as $role: $(grep WRONG "$G/roles.out" | head -3)"; fi
done
clv get requests -o json >"$G/requests.json" 2>/dev/null
"$BIN/tests/tools/requests" "$G/ca/ca.pem" "$G/op2.pem" "$G/op2.key" "$CONSOLE_PORT" rms1.ops.test viewer >"$G/roles.out"
equal "the printed table has as many rows as were tried" "$(jq length "$G/requests.json")" "$(grep -cE ' (allowed|denied) ' "$G/roles.out")"
equal "what a viewer is denied is what the table says" \
	"$(jq -r '.[]|select(.role!="none" and .role!="viewer").name' "$G/requests.json" | sort | tr '\n' ',')" \
	"$(sed -n 's/ *denied *$//p' "$G/roles.out" | sort | tr '\n' ',')"
equal "denied acts are in the audit trail" "$([ "$(clv get audit --filter 'result:"not allowed"' --limit 1000 -o json 2>/dev/null | jq length)" -ge 14 ] && echo yes)" yes
check "the last administrator stays" bash -c "! '$BIN/claviger' role revoke mail:op5@ops.test administrator --yes 2>/dev/null || ! '$BIN/claviger' role revoke user:$(id -un) administrator --yes"

# A console by TLS: the group's key is pinned at first use, another one is refused.
tls() { "$BIN/claviger" -s "rms1.ops.test@127.0.0.1:$CONSOLE_PORT" --ca "$G/ca/ca.pem" --cert "$G/op2.pem" --key "$G/op2.key" "$@" 2>"$G/tls.err"; }
tls get agents -o json >"$G/tls.out"
equal "an unknown group is not trusted: exit 4" $? 4
fp=$(sed -n 's/.*It shows \([0-9A-F ]*\);.*/\1/p' "$G/tls.err" | tr -d ' ')
tls --trust-group "$fp" get agents -o json >"$G/tls.out"
equal "with its fingerprint it is" "$(jq -r '.[0].name' "$G/tls.out")" web01.ops.test
tls get agents -o json >"$G/tls.out"
equal "and is known from then on" "$(jq -r '.[0].name' "$G/tls.out")" web01.ops.test
tls rotate web01 --yes >/dev/null
equal "a viewer may not rotate: exit 3" $? 3

# A full disk: the state folder on a small file system of its own (root only).
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
	g_stop web01
	g_stop rms1
	mkdir "$G/small"
	cat >"$G/full.sh" <<'END'
mount -t tmpfs -o size=3m,mode=755 tmpfs "$1/small" && cp -a "$1/rms1/state" "$1/small/" &&
	sed "s,^state = .*,state = $1/small/state," "$1/rms1/clavigerd.conf" >"$1/full.conf" &&
	{ "$2/clavigerd" run -c "$1/full.conf" </dev/null >"$1/full.log" 2>&1 & } &&
	pid=$! && echo "$pid" >"$1/full.pid"
for _ in $(seq 300); do "$2/claviger" get agents -o csv >/dev/null 2>&1 && break; sleep 0.1; done
"$2/claviger" role grant user:before viewer --yes >"$1/full.before" 2>&1
echo $? >>"$1/full.before"
dd if=/dev/zero of="$1/small/fill" bs=4k >/dev/null 2>&1
n=0
long=$(printf '%0150d' 0)
while [ $n -lt 200 ]; do
	n=$((n + 1))
	"$2/claviger" role grant "user:full$n-$long" viewer --yes >"$1/full.act" 2>&1 || break
done
echo "$n" >"$1/full.n"
"$2/claviger" get agents -o json >"$1/full.look" 2>/dev/null
"$2/claviger" get roles -o json >"$1/full.roles" 2>/dev/null
rm "$1/small/fill"
"$2/claviger" role grant user:after viewer --yes >"$1/full.after" 2>&1
echo $? >>"$1/full.after"
kill -TERM "$pid"; wait "$pid"
END
	unshare -m bash "$G/full.sh" "$G" "$BIN" 2>"$G/full.err"
	equal "before it is full, an act is done" "$(tail -1 "$G/full.before")" 0
	check "full: an act is refused with message 15" grep -q 'cannot write the audit trail, so nobody can change anything' "$G/full.act"
	equal "looking works" "$(jq length "$G/full.look")" 1
	n=$(cat "$G/full.n")
	equal "no refused act had an effect" "$(jq "[.[]|select(.principal|startswith(\"user:full$n-\"))]|length" "$G/full.roles")" 0
	equal "with room again, acts are done" "$(tail -1 "$G/full.after")" 0
fi
g_end
