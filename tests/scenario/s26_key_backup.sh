#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# S24, S30, P9: the group's keys in a file under a passphrase, made and tried at the running server. The passphrase
# comes from a terminal that does not echo or from a descriptor; only root and who runs the service may; every act
# is in the audit trail before its effect; the passphrase is nowhere afterwards. An old file is told apart in
# tests/unit/test_keyholder_backup.c, where a second group key can be made.
# shellcheck disable=SC2016,SC2119
. "$(dirname "$0")/../lib/group.sh"
g_begin
g_init
tools=$BIN/tests/tools
conf=$G/rms1/clavigerd.conf
pass='correct horse Bättery 41'
printf '%s\n' "$pass" >"$G/pass"
printf '%s' "$pass" >"$G/secret"
key() { # VERB FILE [PASSPHRASE-FILE]: output in $G/out, exit status its own
	"$BIN/clavigerd" key "$1" -c "${CONF:-$conf}" --passphrase-fd 3 "$2" 3<"${3:-$G/pass}" >"$G/out" 2>&1
}
said() { grep -qF -- "$1" "$G/out" && [ "$(wc -l <"$G/out")" = 1 ]; }
# refused TEXT WORDS VERB FILE [PASSPHRASE-FILE]: exit status 1, one line with these words, no file of it.
refused() {
	local text=$1 words=$2 rc; shift 2
	key "$@"; rc=$?
	if [ $rc = 1 ] && said "$words"; then ok "$text"; else bad "$text: status $rc: $(head -c 300 "$G/out")"; fi
}
acts() { clv get audit -o json 2>/dev/null | jq -r '.[] | select(.act | startswith("key ")) | "\(.act) \(.result) \(.who)"'; }

check 'a backup, the passphrase from a descriptor' key backup "$G/one.key"
equal 'its mode' "$(stat -c %a "$G/one.key")" 400
check 'it says what it is' grep -qx 'group OMMG1' "$G/one.key"
check 'a drill finds it good' key drill "$G/one.key"
equal 'the next one is due in 90 days' "$(clv get expiry --filter 'what:key*drill' -o json 2>/dev/null | jq -r '.[0].ends' | cut -c1-10)" "$(date -u -d '+90 days' +%Y-%m-%d)"
check 'and says what it would bring back' said 'would bring the group OMMG1 back: its signing key and group key v1'
who=$(id -un)
equal 'both are in the audit trail' "$(acts | sort | tr '\n' ',')" "key backup done user:$who,key drill done user:$who,"

# At a terminal: asked twice, nothing is echoed, the terminal is as before.
drive() { "$tools/drive" -- "$BIN/clavigerd" key "$@"; }
cat >"$G/typed" <<END
wait Passphrase of the key backup (typing is hidden):
key $pass\r
wait Again:
key $pass\r
wait sealed
not Bättery
ends 0
END
check 'a backup, the passphrase typed twice' drive backup -c "$conf" "$G/two.key" <"$G/typed"
cat >"$G/typed" <<END
wait Passphrase of the key backup (typing is hidden):
key $pass\r
wait would bring the group
not Bättery
ends 0
END
check 'and once for a drill' drive drill -c "$conf" "$G/two.key" <"$G/typed"
cat >"$G/typed" <<END
wait hidden
key $pass\r
wait Again:
key something else\r
wait the two entries differ: nothing was done
ends 1
END
check 'two entries that differ' drive backup -c "$conf" "$G/three.key" <"$G/typed"
cat >"$G/typed" <<END
wait hidden
key half a pass
key $(printf '\003')
ends 130
END
check 'an interrupt leaves the terminal as it was' drive backup -c "$conf" "$G/three.key" <"$G/typed"
printf 'short\n' >"$G/short"
refused 'a passphrase too short' 'fewer than 12 characters' backup "$G/three.key" "$G/short"
: >"$G/empty"
refused 'an empty one' 'an empty passphrase' backup "$G/three.key" "$G/empty"
head -c 2000 /dev/zero | tr '\0' x >"$G/long"
refused 'one beyond the limit' 'at most 1024 bytes' backup "$G/three.key" "$G/long"
refused 'a file that exists' 'exists; a key backup is never written over' backup "$G/one.key"
refused 'a folder that does not' 'cannot be written to' backup "$G/nowhere/three.key"
"$BIN/clavigerd" key backup -c "$conf" --passphrase-fd 9 "$G/three.key" >"$G/out" 2>&1
equal 'a descriptor that is not open' "$?" 2
check 'is said' said '--passphrase-fd takes the number of a descriptor that is open here'
equal 'no file came of all that' "$(find "$G" -name 'three.key*' | wc -l)" 0

# Drills that do not succeed.
printf 'another passphrase 7\n' >"$G/wrong"
before=$SECONDS
refused 'a wrong passphrase' 'does not open: the passphrase is wrong, or the file is damaged' drill "$G/one.key" "$G/wrong"
check 'the next drill is good again' key drill "$G/one.key"
check 'and had to wait a little' [ $((SECONDS - before)) -ge 2 ]
n=$(wc -c <"$G/one.key")
damaged=0
for at in 3 $((n / 3)) $((n / 2)) $((n - 40)); do
	cp "$G/one.key" "$G/flip.key"; chmod 600 "$G/flip.key"
	b=$(dd if="$G/one.key" bs=1 skip="$at" count=1 2>/dev/null | xxd -p)
	printf '%02x' $((0x$b ^ 1)) | xxd -r -p | dd of="$G/flip.key" bs=1 seek="$at" conv=notrunc 2>/dev/null
	key drill "$G/flip.key" || damaged=$((damaged + 1))
	[ "$(wc -l <"$G/out")" = 1 ] || bad "more than one line: $(cat "$G/out")"
done
equal 'a changed byte in each of four places' "$damaged" 4
head -c $((n / 2)) "$G/one.key" >"$G/cut.key"
refused 'a file that was cut' 'this is no key backup, or it is damaged' drill "$G/cut.key"
refused 'a file that is none' 'this is no key backup, or it is damaged' drill "$conf"
refused 'a file that is not there' 'No such file' drill "$G/none.key"
for r in rms2 rms3; do
	NODE_PORT=$(g_port) CONSOLE_PORT=$(g_port) g_node $r management-server
done
sed -i 's/^group = .*/group = OMMG2/' "$G/rms2/clavigerd.conf"
for r in rms2 rms3; do
	sed -i "s/^listen = .*/listen = 127.0.0.1:$(g_port)/; s/^listen_console = .*/listen_console = none/" "$G/$r/clavigerd.conf"
	"$BIN/clavigerd" init -c "$G/$r/clavigerd.conf" >/dev/null 2>&1
	g_start $r
	wait_for 20 grep -q ready "$G/$r/log"
done
CONF=$G/rms2/clavigerd.conf refused "another group's file" 'is of the group OMMG1, this server is of OMMG2' drill "$G/one.key"
CONF=$G/rms3/clavigerd.conf refused 'a group of the same name' 'another group signing key than this server' drill "$G/one.key"
equal 'failed drills are in the audit trail' "$(acts | grep -c "^key drill failed user:$who")" "$(clv get audit -o json | jq '[.[] | select(.act == "key drill" and .result == "failed")] | length')"
check 'all of them' [ "$(acts | grep -c '^key drill failed')" -ge 2 ]

# Who may.
if [ "$(id -u)" = 0 ]; then
	mkdir "$G/nobody"; chown 65534 "$G/nobody"
	cp "$BIN/clavigerd" "$G/clavigerd"; chmod 755 "$G/clavigerd"; chmod 644 "$conf"
	chmod 644 "$G/pass"; chmod 755 "$G/rms1"
	rows=$(acts | wc -l)
	setpriv --reuid 65534 --regid 65534 --clear-groups "$G/clavigerd" key backup -c "$conf" --passphrase-fd 3 "$G/nobody/k" 3<"$G/pass" >"$G/out" 2>&1
	equal 'another user is refused' "$?" 1
	check 'and told so' said 'the key backup is for root and for the user who runs the service'
	equal 'without a file' "$(find "$G/nobody" -type f | wc -l)" 0
	equal 'and without an act' "$(acts | wc -l)" "$rows"
	check 'the log says who' grep -q 'refused: local caller uid=65534' "$G/rms1/log"
	cp "$G/one.key" "$G/seen.key"; chmod 644 "$G/seen.key"
	setpriv --reuid 64131 --regid 64131 --clear-groups "$G/clavigerd" key drill -c "$conf" --passphrase-fd 3 "$G/seen.key" 3<"$G/pass" >"$G/out" 2>&1
	check "nor may the user of core's process" said 'the key backup is for root and for the user who runs the service'
fi
# What does not keep to the lines is turned away, and the next one is served.
junk=0
for line in 'key backup' 'key backup 0' 'key backup 012' 'key backup 12 ' 'key drill 12' 'key drill 12 999999999' 'key backup 4096' 'credential P' "$(head -c 200 /dev/zero | tr '\0' k)"; do
	printf '%s\n' "$line" | timeout 60 "$tools/say_unix" "$G/rms1.cred" >"$G/out" 2>&1
	grep -q '^claviger/1 no ' "$G/out" || { junk=$((junk + 1)); bad "served: $line: $(head -c 200 "$G/out")"; }
done
equal 'nine lines of another form' "$junk" 0
check 'a drill afterwards' key drill "$G/one.key"
# An agent has no group keys.
g_agent web01 agent
CONF=$G/web01/clavigerd.conf refused 'an agent refuses' 'this node is no management server' backup "$G/three.key"
printf 'key backup 12\ncorrect horse' | timeout 60 "$tools/say_unix" "$G/web01.cred" >"$G/out" 2>&1
equal 'its key holder too' "$(cat "$G/out")" 'claviger/1 no'
# Without a service.
g_stop rms3
CONF=$G/rms3/clavigerd.conf refused 'a service that does not run' 'does clavigerd run here?' drill "$G/one.key"

# The audit trail cannot be written: nothing is handed out.
g_stop rms1
equal 'the last drill is remembered' "$(sqlite3 "$G/rms1/state/OperationsManager.db" "SELECT count(*) FROM meta WHERE key='drill' AND instr(value, CAST('would bring' AS BLOB)) AND instr(value, CAST('user:$who' AS BLOB))")" 1
g_start rms1; wait_for 20 g_server_up
kill -STOP "$(g_proc rms1 core)"
refused 'core does not answer' 'core does not answer' backup "$G/three.key"
kill -CONT "$(g_proc rms1 core)"
equal 'there is no file' "$(find "$G" -name 'three.key*' | wc -l)" 0
check 'core goes on' key drill "$G/one.key"
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
	g_stop web01; g_stop rms1
	mkdir "$G/small"
	cat >"$G/full.sh" <<'END'
mount -t tmpfs -o size=3m,mode=755 tmpfs "$1/small" && cp -a "$1/rms1/state" "$1/small/" &&
	sed "s,^state = .*,state = $1/small/state," "$1/rms1/clavigerd.conf" >"$1/full.conf" &&
	{ "$2/clavigerd" run -c "$1/full.conf" </dev/null >"$1/full.log" 2>&1 & } &&
	pid=$!
for _ in $(seq 300); do "$2/claviger" get agents -o csv >/dev/null 2>&1 && break; sleep 0.1; done
dd if=/dev/zero of="$1/small/fill" bs=4k >/dev/null 2>&1
for n in $(seq 60); do
	"$2/clavigerd" key backup -c "$1/full.conf" --passphrase-fd 3 "$1/full.$n.key" 3<"$1/pass" >"$1/full.out" 2>&1 || break
done
echo "$n" >"$1/full.n"
kill -TERM "$pid"; wait "$pid"
END
	unshare -m bash "$G/full.sh" "$G" "$BIN" 2>"$G/full.err"
	check 'a full disk: the act cannot be written, so it is refused' grep -q 'cannot be written to the audit trail, so nothing is done' "$G/full.out"
	equal 'and there is no file of it' "$(find "$G" -name "full.$(cat "$G/full.n").key*" | wc -l)" 0
	g_start rms1; wait_for 20 g_server_up
fi

# The passphrase is nowhere (T35), and is found where it is put.
if [ "$(id -u)" = 0 ]; then
	places=("$G/rms1" "$G/rms2" "$G/one.key" "$G/two.key")
	check 'one more, for the memory' key backup "$G/last.key"
	for p in parent net_node net_console core keyholder; do
		pid=$(g_proc rms1 $p)
		[ $p != parent ] || pid=${PID[rms1]}
		places+=("pid:$pid")
	done
	"$tools/leak" "$G/secret" "${places[@]}" >"$G/leak.out" 2>&1
	equal "the passphrase is nowhere: $(tail -1 "$G/leak.out")" "$(grep -c FOUND "$G/leak.out")" 0
	check 'where it is put it is found (control)' bash -c "! '$tools/leak' '$G/secret' '$G/pass'"
	printf 'rms1.ops.test' >"$G/control"
	equal "the key holder's memory can be looked at (control)" "$("$tools/leak" "$G/control" "pid:$(g_proc rms1 keyholder)" | grep -c FOUND | awk '{print ($1 > 0)}')" 1
fi
g_end
