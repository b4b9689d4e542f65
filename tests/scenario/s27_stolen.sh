#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What was stolen, moved, flipped, taken away or brought back, and what comes of it, with real processes: S30 to S33,
# S35, S37, T11, T12. Each line says what was done and prints the exact result. Wrong entropy is tried at the library
# (tests/unit/test_vault.c), for a stranger cannot make another one that opens.
# shellcheck disable=SC2016
. "$(dirname "$0")/../lib/group.sh"
g_begin
tools=$BIN/tests/tools
me=$(id -un)
mkdir -p "$G/web01"
printf '[profile One]\nusers = %s\n[profile Two]\nusers = %s\n' "$me" "$me" >"$G/web01/profiles"
g_init
g_agent web01 agent
for a in one two; do
	clv account add $a --type simple --user $a
	clv account distribute $a --to web01 --yes
	clv profile add ${a^}
	clv profile associate ${a^} $a --all
	printf 'the Secret word of %s' $a | clv reenter $a --password-fd 0 --all-at-once
	printf 'the Secret word of %s' $a >"$G/secret.$a"
done >/dev/null 2>&1
cred() { "$BIN/clavigerd" credential -c "$G/web01/clavigerd.conf" "$1" 2>/dev/null; }
both() { [ "$(cred One)" = 'the Secret word of one' ] && [ "$(cred Two)" = 'the Secret word of two' ]; }
check 'a group with two passwords at a host' wait_for 30 both
g_stop web01; g_stop rms1
for n in rms1 web01; do cp -a "$G/$n/state" "$G/$n/good"; done

# ends TEXT NODE WORDS: the service ends by itself, with status 1 or 2 and one line that has the words.
ended() { ! kill -0 "${PID[$1]}" 2>/dev/null; }
ends() {
	local text=$1 n=$2 words=$3 rc lines
	: >"$G/$n/log"
	${START:-g_start} "$n" "${@:4}"
	wait_for 15 ended "$n" || { bad "$text: it runs: $(tail -2 "$G/$n/log")"; g_stop "$n"; return; }
	wait "${PID[$n]}"; rc=$?
	unset "PID[$n]"
	lines=$(grep -cvE ' (debug|info|notice): |^$' "$G/$n/log")
	if [ $rc != 0 ] && [ "$lines" = 1 ] && grep -qF -- "$words" "$G/$n/log"; then
		ok "$text"
		printf '      %s\n' "$(sed -n 's/^.* error: //p; s/^clavigerd: //p' "$G/$n/log" | sed "s,$G,,g")"
	else
		bad "$text: status $rc, $lines lines: $(head -c 700 "$G/$n/log")"
	fi
}
good() { rm -rf "$G/$1/state"; cp -a "$G/$1/good" "$G/$1/state"; }
# vault TEXT NODE SQL WORDS: a stranger's hand in the good vault.
vault() {
	good "$2"
	sqlite3 "$G/$2/state/vault/vault.db" "$3" || { bad "$1: the statement"; return; }
	ends "$1" "$2" "$4"
}
nowhere() { # TEXT PLACE...: neither password
	local text=$1 f; shift
	for f in one two; do "$tools/leak" "$G/secret.$f" "$@"; done >"$G/leak.out" 2>&1
	equal "$text" "$(grep -c FOUND "$G/leak.out")" 0
}

# A stolen database, and a whole stolen state folder.
nowhere 'the stolen database has no password in it' "$G/rms1/state/OperationsManager.db"
NODE_PORT=$(g_port) CONSOLE_PORT=$(g_port) g_node thief management-server
"$BIN/clavigerd" init -c "$G/thief/clavigerd.conf" >/dev/null 2>&1
cp -a "$G/thief/state" "$G/thief/good"
cp "$G/rms1/state/OperationsManager.db" "$G/thief/state/OperationsManager.db"
: >"$G/thief/log"
g_start thief
check "under another server's keys each of its rows is named (2004)" wait_for 20 grep -q 'event 2004: .*account' "$G/thief/log"
sleep 1
places=("$G/thief/state" "$G/thief/log")
if [ "$(id -u)" = 0 ] && [ -n "${PID[thief]:-}" ]; then for p in core keyholder; do places+=("pid:$(g_proc thief $p)"); done; fi
nowhere 'and no password comes out of it, in memory neither' "${places[@]}"
g_stop thief
for n in rms1 web01; do
	cp -p "$G/$n/machine.secret" "$G/$n/kept"
	rm -f "$G/$n/machine.secret"
	good "$n"
	ends "a stolen copy of the state of $n without the machine secret" "$n" 'machine.secret is missing but there is a vault: put the machine secret back'
	cp -p "$G/thief/machine.secret" "$G/$n/machine.secret"
	ends 'with that of another machine' "$n" "under this machine's secret (moved from another machine, or the secret was replaced: put the right machine secret back): does not open"
	cp -pf "$G/$n/kept" "$G/$n/machine.secret"
	nowhere 'no password in it' "$G/$n/state"
done

# Moved: between items, between accounts; flipped; taken away.
swap() { printf "CREATE TEMP TABLE t AS SELECT * FROM item WHERE %s OR %s; UPDATE item SET (master, blob, item_key) = (SELECT t.master, t.blob, t.item_key FROM t WHERE t.purpose || t.name <> item.purpose || item.name) WHERE %s OR %s" "$1" "$2" "$1" "$2"; }
vault 'a key of the vault in the place of another' rms1 "$(swap "purpose='node-key'" "purpose='group-signing-key'")" "the vault's node-key 'self': does not open"
vault 'its content alone' rms1 "UPDATE item SET blob=(SELECT blob FROM item WHERE purpose='group-signing-key') WHERE purpose='node-key'" "the vault's node-key 'self': does not open"
vault 'a flipped byte of a content' rms1 "UPDATE item SET blob=substr(blob,1,length(blob)-1) || x'00' WHERE purpose='group-signing-key'" "the vault's group-signing-key 'self': does not open"
vault 'a flipped byte of its key' rms1 "UPDATE item SET item_key=x'00' || substr(item_key,2) WHERE purpose='group-key'" "does not open"
vault 'the entropy of the group key taken away' rms1 "DELETE FROM item WHERE purpose='group-key-entropy'" "the vault has no group-key-entropy"
vault 'the entropy altered' rms1 "UPDATE item SET blob=zeroblob(length(blob)) WHERE purpose='group-key-entropy'" "does not open"
vault 'a flipped byte of the master key' rms1 "UPDATE master SET wrapped=x'00' || substr(wrapped,2)" "the vault's master key 1 under this machine's secret"
vault 'the master key taken away' rms1 'PRAGMA foreign_keys=OFF; DELETE FROM master' 'it holds items and no master key: somebody removed it, restore a backup'
good web01
ids=$(sqlite3 "$G/web01/state/vault/vault.db" "SELECT name FROM item WHERE purpose='runas' ORDER BY name")
equal 'the host holds two accounts' "$(wc -w <<<"$ids")" 2
sqlite3 "$G/web01/state/vault/vault.db" "$(swap "purpose='runas' AND name='$(head -1 <<<"$ids")'" "purpose='runas' AND name='$(tail -1 <<<"$ids")'")"
: >"$G/web01/log"
g_start web01
wait_for 15 both
equal "accounts swapped in the host's vault: its signed configuration is opened again, and each has its own" "$(cred One),$(cred Two)" 'the Secret word of one,the Secret word of two'
g_stop web01
sqlite3 "$G/web01/state/vault/vault.db" "$(swap "purpose='runas' AND name='$(head -1 <<<"$ids")'" "purpose='runas' AND name='$(tail -1 <<<"$ids")'")"
rm -rf "$G/web01/state/Connector Configuration Cache"/*
: >"$G/web01/log"
g_start web01
wait_for 15 grep -q ready "$G/web01/log"
equal 'without a configuration nobody gets a password' "$(cred One; cred Two)" ''
printf '      %s\n' "$(sed -n 's/^.* warn: refused /refused /p' "$G/web01/log" | head -1 | sed 's/uid=.*unit/unit/')"
g_stop web01

# Master keys: of the past, of the future, without sense (S33).
vault 'a master key that ends before it was made' rms1 'UPDATE master SET ends=made-1' 'master key 1 has dates that make no sense: its end does not lie after its making'
vault 'one that lasts too long' rms1 'UPDATE master SET ends=made+365*86400000' 'it would last too long'
vault 'one of the future' rms1 'UPDATE master SET made=made+90*86400000, ends=ends+90*86400000' 'it was made in the future: set the clock right'
vault 'one whose dates make sense but are not its own' rms1 'UPDATE master SET ends=ends-1' "the vault's master key 1 under this machine's secret"
good rms1
sqlite3 "$G/rms1/state/vault/vault.db" .dump >"$G/old.sql"
: >"$G/rms1/log"
g_start rms1 CLAVIGER_TEST_CLOCK=$((91 * 86400))
check 'after 91 days there is a new master key' wait_for 20 grep -q ready "$G/rms1/log"
moved() { sqlite3 -readonly "file:$G/rms1/state/vault/vault.db?immutable=1" "SELECT count(*) FROM master WHERE id=2" 2>/dev/null | grep -q 1; }
check 'in the vault' wait_for 20 moved
sleep 2
g_stop rms1
sqlite3 "$G/rms1/state/vault/vault.db" "PRAGMA foreign_keys=OFF; DELETE FROM master; $(grep 'INSERT INTO master' "$G/old.sql")"
ends 'the old master key brought back for the new one' rms1 "the vault's node-key 'self': its master key is missing"
ends 'and when it has ended, so that there is a third' rms1 "the vault's node-key 'self': does not open" CLAVIGER_TEST_CLOCK=$((91 * 86400))

# Two key holders, and who may write (S35).
good rms1
g_start rms1
wait_for 20 g_server_up
"$BIN/clavigerd" vault protect -c "$G/rms1/clavigerd.conf" --by passphrase --new-passphrase-fd 4 4<<<'correct horse battery' >"$G/out" 2>&1
equal 'two key holders on one vault: the second ends' "$?" 1
equal 'with one line' "$(sed "s,$G,," "$G/out")" 'clavigerd: opening the vault: /rms1/state/vault/vault.db is open in another key holder: stop that one first'
check 'and the first goes on' g_server_up
g_stop rms1
good rms1
chmod 666 "$G/rms1/state/vault/vault.db"
ends 'a vault that others may write to' rms1 'may be written by others (mode 666): chmod 600'
if [ "$(id -u)" = 0 ]; then
	good rms1
	chown 65534 "$G/rms1/state/vault/vault.db"
	ends 'a vault of another user' rms1 "is no file of this process's user"
	good rms1
	changed=0
	for uid in 65534 64130 64131; do
		for f in vault/vault.db OperationsManager.db; do
			[ "$uid $f" != '64131 OperationsManager.db' ] || continue
			setpriv --reuid $uid --regid $uid --clear-groups dd if=/dev/zero of="$G/rms1/state/$f" bs=1 count=1 conv=notrunc 2>/dev/null && changed=$((changed + 1))
		done
	done
	equal 'its parameters changed by another user: none of five tries writes' "$changed" 0
fi
good rms1
"$BIN/clavigerd" vault protect -c "$G/rms1/clavigerd.conf" --by passphrase --new-passphrase-fd 4 4<<<'correct horse battery' >"$G/out" 2>&1
sed -i 's/^machine_secret = .*/&\nvault_protect = passphrase/' "$G/rms1/clavigerd.conf"
rm -rf "$G/rms1/good"; cp -a "$G/rms1/state" "$G/rms1/good"
with_passphrase() { # NODE [ENV=VALUE ...]
	local n=$1; shift
	env "$@" "$BIN/clavigerd" run -c "$G/$n/clavigerd.conf" --passphrase-fd 3 3<<<'correct horse battery' </dev/null >>"$G/$n/log" 2>&1 &
	PID["$n"]=$!
}
START=with_passphrase
vault 'a passphrase: fewer iterations' rms1 'UPDATE protection SET iterations=1000' 'the vault asks for 1000 iterations; fewer than 210000 or more than 20000000 are refused: its parameters were changed, restore a backup'
vault 'more of them than it was made with' rms1 'UPDATE protection SET iterations=210001' "the vault's master key 1 under this passphrase (another one, or the vault's parameters were changed): does not open"
vault 'another salt' rms1 'UPDATE protection SET salt=randomblob(32)' "under this passphrase (another one, or the vault's parameters were changed): does not open"
vault 'a salt of another length' rms1 "UPDATE protection SET salt=x'00'" 'the vault has a salt of 1 bytes, not 32'
vault 'another kind of protection' rms1 "UPDATE protection SET how=0, iterations=0, salt=x''" 'it is protected by a file, the configuration says vault_protect = passphrase'
vault 'a kind that is none' rms1 'UPDATE protection SET how=9' 'the vault is protected in a way that is none (9)'

# Who may write to what (S37): all processes under one user, so that the walls alone decide.
good web01
cache=$(cd "$G/web01/state" && find 'Connector Configuration Cache' -name 'OpsMgrConnector.Config.xml')
s=$G/web01/state
files=("$s/vault/vault.db" "$s/$cache" "$s/$cache.sig" "$s/HealthService.db" "$G/web01/clavigerd.conf" "$G/web01/machine.secret")
if [ "$(id -u)" = 0 ]; then
	sed -i 's/^net = .*/net = 64131/; s/^key = .*/key = 64131/' "$G/web01/clavigerd.conf"
	chown -R 64131:64131 "$s" "$G/web01/clavigerd.conf" "$G/web01/machine.secret"
fi
list=$(printf '%s:' "${files[@]}")
: >"$G/web01/log"
n=web01
env CLAVIGER_TEST_PLANT=1 CLAVIGER_TEST_OPEN="${list%:}" "$BIN/clavigerd" run -c "$G/web01/clavigerd.conf" </dev/null >>"$G/web01/log" 2>&1 &
PID["$n"]=$!
for p in keyholder core net_node keygen; do
	wait_for 20 grep -q "write: $p: all tried" "$G/web01/log" || bad "$p tried nothing: $(tail -2 "$G/web01/log")"
done
g_stop web01
wrong=$(for p in keyholder core net_node keygen; do grep "^write: $p: /" "$G/web01/log" | head -${#files[@]}; done | tee "$G/writes" | awk -F': ' '
	{ own = ($2 == "keyholder" && $3 ~ /vault.db$/) || ($2 == "core" && $3 ~ /(Config.xml|Config.xml.sig|HealthService.db)$/)
	  if (own ? $4 != "opened" : $4 != "refused" && $4 != "killed") print }')
equal 'vault, configuration, signature, database, clavigerd.conf, machine secret: written to by their owner alone' "$wrong" ''
equal 'that many tries' "$(wc -l <"$G/writes")" 24
sed "s,$G/web01/,,; s/^write: /      /" "$G/writes"
g_end
