#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# S30, S31, S35, T11, T12: what opens the vault: the machine secret, a systemd credential, a passphrase at start.
# Each opens it alone; a wrong or missing one starts nothing and says one clear line; changing it on the stopped
# service is done whole or not at all, killed at any call; clavigerd check says what is protected against what.
. "$(dirname "$0")/../lib/group.sh"
g_begin
tools=$BIN/tests/tools
d=$G/rms1 conf=$G/rms1/clavigerd.conf
pass='a passphrase of the vault 1' next='another one of the vault 2'
printf '%s\n' "$pass" >"$G/pass"
printf '%s\n' "$next" >"$G/next"
printf 'not the one\n' >"$G/wrong"
mkdir "$G/creds"
head -c 48 /dev/urandom >"$G/creds/claviger-vault"
chmod 400 "$G/creds/claviger-vault"
protect_is() { sed -i '/^vault_protect = /d' "$conf"; sed -i "s/^machine_secret = .*/&\nvault_protect = $1/" "$conf"; }
# start [ENV...] with fd 3 from $PASS when set; up: the server answers.
start() {
	: >"$d/log"
	if [ -n "${PASS:-}" ]; then
		env "$@" "$BIN/clavigerd" run -c "$conf" --passphrase-fd 3 3<"$PASS" </dev/null >>"$d/log" 2>&1 &
	else
		env "$@" "$BIN/clavigerd" run -c "$conf" </dev/null >>"$d/log" 2>&1 &
	fi
	local n=rms1
	PID["$n"]=$!
}
ended() { ! kill -0 "${PID[rms1]}" 2>/dev/null; }
# starts TEXT [ENV...]
starts() {
	local text=$1; shift
	start "$@"
	if wait_for 20 g_server_up; then ok "$text"; else bad "$text: $(tail -3 "$d/log")"; fi
	g_stop rms1
}
# refuses TEXT WORDS [ENV...]: ends by itself with status 1 or 2, one line, with these words.
refuses() {
	local text=$1 words=$2 rc n; shift 2
	start "$@"
	wait_for 15 ended || { bad "$text: it runs: $(tail -3 "$d/log")"; g_stop rms1; return; }
	wait "${PID[rms1]}"; rc=$?
	unset 'PID[rms1]'
	n=$(grep -cvE ' (debug|info|notice): |^$' "$d/log")
	if [ $rc != 0 ] && [ "$n" = 1 ] && grep -qF -- "$words" "$d/log"; then ok "$text"; else bad "$text: status $rc, $n lines: $(head -c 600 "$d/log")"; fi
}
vault() { # BY [OLD-PASS] [NEW-PASS] [ENV]
	local by=$1 old=${2:-} new=${3:-}; shift; shift; shift
	local -a more=()
	[ -z "$old" ] || more+=(--passphrase-fd 3)
	[ -z "$new" ] || more+=(--new-passphrase-fd 4)
	env "$@" "$BIN/clavigerd" vault protect -c "$conf" --by "$by" "${more[@]}" 3<"${old:-/dev/null}" 4<"${new:-/dev/null}" >"$G/out" 2>&1
}
settled() { ended || g_server_up; }
said() { grep -qF -- "$1" "$G/out" && [ "$(wc -l <"$G/out")" = 1 ]; }
checked() { "$BIN/clavigerd" check -c "$conf" >"$G/check" 2>&1; grep -qF -- "$1" "$G/check"; }

# By a file: as every node begins.
g_init
equal 'a node begins with the machine secret' "$(stat -c '%a %s' "$d/machine.secret")" '400 32'
check 'check says so' checked 'a stolen disk: no'
cp -a "$d/state" "$G/before"
vault passphrase '' "$G/pass"
equal 'not while the service runs' "$?" 1
check 'and it says why' said 'is open in another key holder: stop that one first'
g_stop rms1
mv "$d/machine.secret" "$G/machine.secret"
refuses 'a vault without its machine secret' 'machine.secret is missing but there is a vault: put the machine secret back'
head -c 32 /dev/urandom >"$d/machine.secret"; chmod 400 "$d/machine.secret"
refuses 'with that of another machine' "the vault's master key 1 under this machine's secret (moved from another machine"
head -c 31 /dev/urandom >"$d/short"; chmod 400 "$d/short"; mv -f "$d/short" "$d/machine.secret"
refuses 'with one that was cut' 'the machine secret must be 32 bytes'
cp -pf "$G/machine.secret" "$d/machine.secret"
chmod 440 "$d/machine.secret"
refuses 'with one that others may read' 'may be read by others: chmod 0400 it'
check 'check warns of the mode' checked 'has mode 0440'
chmod 400 "$d/machine.secret"
[ "$(id -u)" != 0 ] || { chown 64131 "$d/machine.secret"; check 'and of another owner' checked 'belongs to the user 64131'; chown 0 "$d/machine.secret"; }
cp -p "$d/machine.secret" "$d/state/machine.secret"
sed -i "s,^machine_secret = .*,machine_secret = $d/state/machine.secret," "$conf"
check 'check warns of one inside the state folder' checked 'a copy of the state opens itself'
sed -i "s,^machine_secret = .*,machine_secret = $d/machine.secret," "$conf"
rm -f "$d/state/machine.secret"
protect_is passphrase
PASS=$G/pass refuses "another word than the vault's" 'it is protected by a file, the configuration says vault_protect = passphrase: write vault_protect = file, or after that run: clavigerd vault protect --by passphrase'
protect_is file
starts 'with its own again'

# To a passphrase.
check 'to a passphrase' vault passphrase '' "$G/pass"
check 'it says what to write' said 'The vault is protected by a passphrase now, and opens by nothing else. Write vault_protect = passphrase'
refuses 'the machine secret does not open it any more' 'it is protected by a passphrase, the configuration says vault_protect = file'
protect_is passphrase
check 'check says so' checked 'a stolen disk: yes. When the key holder ends'
PASS=$G/pass starts 'the passphrase does'
PASS=$G/wrong refuses 'a wrong passphrase' "the vault's master key 1 under this passphrase"
: >"$G/empty"
PASS=$G/empty refuses 'an empty one' 'an empty passphrase is none'
refuses 'none, and no terminal' '--passphrase-fd N takes a descriptor'
setsid "$BIN/libexec/claviger/parent" run "$conf" </dev/null >"$G/out" 2>&1
check 'nor without the command' said 'the vault is under a passphrase and none was given'
cat >"$G/typed" <<END
wait Passphrase of the vault (typing is hidden):
key $pass\r
wait ready
not $pass
END
check 'typed at a terminal' "$tools/drive" -- "$BIN/clavigerd" run -c "$conf" <"$G/typed"
wait_for 10 bash -c "! pgrep -f 'parent run $conf'"
# A key holder that dies takes the service along: what opens its vault is kept nowhere.
PASS=$G/pass start
wait_for 20 g_server_up
kill -KILL "$(g_proc rms1 keyholder)"
check 'the key holder is killed: the service ends' wait_for 10 ended
wait "${PID[rms1]}"; equal 'with a status' "$?" 1
unset 'PID[rms1]'
check 'and a clear line' grep -q 'its vault is under a passphrase, which is kept nowhere, so the service ends: start it again and give the passphrase' "$d/log"
PASS=$G/pass start
wait_for 20 g_server_up
kill -KILL "$(g_proc rms1 core)"
sleep 1
check 'core is killed: the service goes on' wait_for 20 g_server_up
if [ "$(id -u)" = 0 ]; then
	printf '%s' "$pass" >"$G/secret"
	places=("$d" "pid:${PID[rms1]}")
	for p in net_node net_console core keyholder; do places+=("pid:$(g_proc rms1 $p)"); done
	"$tools/leak" "$G/secret" "${places[@]}" >"$G/leak.out" 2>&1
	equal "the passphrase is nowhere: $(tail -1 "$G/leak.out")" "$(grep -c FOUND "$G/leak.out")" 0
fi
g_stop rms1
# To another passphrase.
check 'to another passphrase' vault passphrase "$G/pass" "$G/next"
PASS=$G/pass refuses 'the old one does not open it' "under this passphrase"
PASS=$G/next starts 'the new one does'
vault passphrase "$G/wrong" "$G/pass"; check 'not by who does not know it' said 'under this passphrase'
printf 'short\n' >"$G/short"
vault passphrase "$G/next" "$G/short"; check 'nor to one too short' said 'fewer than 12 characters'
PASS=$G/next starts 'which changes nothing'

# To a credential.
vault credential "$G/next"; check 'no credentials' said 'no credentials were given: start it by systemd with LoadCredential=claviger-vault:FILE'
check 'to a credential' vault credential "$G/next" '' CREDENTIALS_DIRECTORY="$G/creds"
protect_is credential
check 'check says so' checked 'opened by the systemd credential claviger-vault'
starts 'the credential opens it' CREDENTIALS_DIRECTORY="$G/creds"
refuses 'without it nothing starts' 'no credentials were given'
mkdir "$G/other"
refuses 'a folder without it' 'No such file' CREDENTIALS_DIRECTORY="$G/other"
head -c 48 /dev/urandom >"$G/other/claviger-vault"; chmod 400 "$G/other/claviger-vault"
refuses 'another one' "the vault's master key 1 under this machine's secret" CREDENTIALS_DIRECTORY="$G/other"
head -c 16 /dev/urandom >"$G/other/small"; chmod 400 "$G/other/small"; mv -f "$G/other/small" "$G/other/claviger-vault"
refuses 'one too short' 'must have 32 to 1024 bytes' CREDENTIALS_DIRECTORY="$G/other"
# As a file it does not open either: the kind is part of the key.
cp "$G/creds/claviger-vault" "$G/other/claviger-vault2"
# A key holder that dies is started again: the credential is still there.
start CREDENTIALS_DIRECTORY="$G/creds"
wait_for 20 g_server_up
kill -KILL "$(g_proc rms1 keyholder)"
sleep 1
check 'the key holder is killed: the service goes on' wait_for 20 g_server_up
g_stop rms1

# And back to a file, killed at every call that writes: afterwards one of the two opens it.
rm -f "$d/machine.secret"
check 'back to a file' vault file '' '' CREDENTIALS_DIRECTORY="$G/creds"
protect_is file
starts 'the new machine secret opens it'
vault file; check 'file to file is nothing' said 'says vault_protect = file already'
g_stop rms1
rm -rf "$G/good"; cp -a "$d/state" "$G/good"
killed=0 old=0 new=0 neither=0 step=3
[ -z "$LONG" ] || step=1
g_server_quiet() { g_server_up >/dev/null 2>&1; }
for ((n = 1; n < 200; n += step)); do
	rm -rf "$d/state"; cp -a "$G/good" "$d/state"
	protect_is file
	vault passphrase '' "$G/pass" CLAVIGER_TEST_KILL_IN=keyholder CLAVIGER_TEST_KILL_AT=$n && break
	killed=$((killed + 1))
	start
	wait_for 20 settled
	if ended; then
		wait "${PID[rms1]}"; unset 'PID[rms1]'
		protect_is passphrase
		PASS=$G/pass start
		if wait_for 20 g_server_up; then new=$((new + 1)); else neither=$((neither + 1)); bad "killed at $n: neither opens it: $(tail -2 "$d/log")"; fi
	elif g_server_quiet; then old=$((old + 1)); else neither=$((neither + 1)); bad "killed at $n: $(tail -2 "$d/log")"; fi
	g_stop rms1
done
equal "killed at $killed calls while it changes: the old opens it $old times, the new $new times, neither" "$neither" 0
[ "$killed" -gt 0 ] || bad 'it was never killed'
# A new node under a passphrase from its first start.
NODE_PORT=$(g_port) CONSOLE_PORT=$(g_port) g_node rms2 management-server
sed -i 's/^machine_secret = .*/&\nvault_protect = passphrase/' "$G/rms2/clavigerd.conf"
"$BIN/clavigerd" init -c "$G/rms2/clavigerd.conf" --passphrase-fd 3 3<"$G/short" >"$G/out" 2>&1
check 'a new vault takes no short passphrase' said 'fewer than 12 characters'
check 'a new vault under a passphrase' "$BIN/clavigerd" init -c "$G/rms2/clavigerd.conf" --passphrase-fd 3 3<"$G/pass"
check 'without a machine secret' [ ! -e "$G/rms2/machine.secret" ]
"$BIN/clavigerd" init -c "$G/rms2/clavigerd.conf" --passphrase-fd 3 3<"$G/wrong" >"$G/out" 2>&1
check 'and it opens by nothing else' said 'under this passphrase'
g_end
