#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# O5: the console attaches over SSH, to real sshds of this test on loopback: both forms of address; the three
# answers about a host key; agent, key with passphrase, keyboard-interactive, password; a jump host and a proxy
# command; a line that is cut and comes back; and what libssh2 1.10 cannot do is named with the way out.
. "$(dirname "$0")/../lib/group.sh"
. "$(dirname "$0")/../lib/sshd.sh"
g_begin
conf() { # NAME [line ...]: a console configuration with an ssh configuration of its own
	local n=$1; shift
	ssh_client "$SSH/$n.ssh" "$@"
	printf '[console]\nssh_config = %s\n' "$SSH/$n.ssh" >"$G/$n.conf"
}
via() { clv --config "$G/$1.conf" "${@:2}" </dev/null; } # nobody to ask
pty() { "$BIN/tests/tools/drive" -- "$@"; }
literal() { printf '%s' "$1" | sed 's/[+/.]/[&]/g'; }
refused() { # text CONFIG PATTERN ARGS...: exit 4, one message with the pattern, no connection to the server
	local text=$1 c=$2 pattern=$3 rc; shift 3
	via "$c" "$@" >"$G/out" 2>&1; rc=$?
	if [ $rc = 4 ] && tr '\n' ' ' <"$G/out" | grep -qE "$pattern"; then ok "$text"; else bad "$text: $rc, $(cat "$G/out")"; fi
}
g_init
g_agent web01 agent
ssh_begin
A=$(g_port)
ssh_server a "$A"
conf plain
url=ssh://127.0.0.1:$A

# --- host keys ---
refused 'an unknown host key is refused where nobody can be asked' plain "not known: ssh-ed25519 $(literal "$(fingerprint_of "$SSH/host_ed25519.pub")").*connect once from a terminal" -s "$url" get agents
equal 'and nothing was added' "$(wc -c <"$SSH/known_hosts")" 0
ask() { pty "$BIN/claviger" --config "$G/plain.conf" -s "$url" get agents -o csv; }
printf 'wait %s\nwait y/N\nkey \\r\nwait was not accepted\nends 4\n' "$(fingerprint_of "$SSH/host_ed25519.pub" | cut -c1-18)" >"$G/script"
check 'first time: asked with its fingerprint; Enter alone is no' ask <"$G/script"
equal 'still nothing was added' "$(wc -c <"$SSH/known_hosts")" 0
rm "$SSH/known_hosts"
printf 'wait y/N\nkey y\\r\nwait web01.ops.test\nends 0\n' >"$G/script"
check 'y goes on' ask <"$G/script"
equal 'and adds one line, ours alone to read' "$(cut -d' ' -f2,3 "$SSH/known_hosts") $(stat -c %a "$SSH/known_hosts")" "$(cut -d' ' -f1,2 "$SSH/host_ed25519.pub") 600"
check 'which ssh-keygen finds' ssh-keygen -F "[127.0.0.1]:$A" -f "$SSH/known_hosts"
equal 'from then on nothing is asked' "$(via plain -s "$url" get agents -o csv 2>/dev/null | grep -c web01)" 1
ssh-keygen -q -H -f "$SSH/known_hosts" >/dev/null 2>&1
equal 'nor with a hashed name' "$(via plain -s "$url" get agents -o csv 2>/dev/null | grep -c web01)" 1
ssh_host=$(cut -d' ' -f1,2 "$SSH/host_other.pub")
printf '[127.0.0.1]:%s %s\n' "$A" "$ssh_host" >"$SSH/known_hosts"
logins=$(grep -c Accepted "$SSH/a.log")
sums=$(sha256sum <"$SSH/known_hosts")
refused 'changed: STOP, both fingerprints, the line, what to do' plain "STOP. 127.0.0.1:$A shows another host key.*nothing was sent.*known $(literal "$(fingerprint_of "$SSH/host_other.pub")") \(.*known_hosts:1\).*shown $(literal "$(fingerprint_of "$SSH/host_ed25519.pub")").*remove the old known_hosts line" -s "$url" get agents
printf 'wait STOP.\nends 4\n' >"$G/script"
check 'nothing to press on a terminal either' ask <"$G/script"
equal 'the file is as it was' "$(sha256sum <"$SSH/known_hosts")" "$sums"
equal 'nobody was logged in by it' "$(grep -c Accepted "$SSH/a.log")" "$logins"
: >"$SSH/known_hosts"; ssh_know "$A" "$SSH/host_ed25519.pub"; printf '@revoked * %s\n' "$(cut -d' ' -f1,2 "$SSH/host_ed25519.pub")" >>"$SSH/known_hosts"
refused 'a revoked key is refused though it is known' plain 'STOP.*is revoked' -s "$url" get agents
: >"$SSH/known_hosts"; ssh_know "$A" "$SSH/host_ed25519.pub" @cert-authority
refused 'an authority alone is refused, with the way out' plain 'cert-authority.*proxy_command = ssh -W %h:%p' -s "$url" get agents
printf '*,!*127.0.0.* %s\n' "$(cut -d' ' -f1,2 "$SSH/host_ed25519.pub")" >"$SSH/known_hosts"
refused 'a negated pattern makes it unknown' plain 'is not known' -s "$url" get agents
: >"$SSH/known_hosts"; ssh_know "$A" "$SSH/host_ecdsa.pub"
equal 'the kind of key that is known is asked for' "$(via plain -s "$url" get agents -o csv 2>/dev/null | grep -c web01)" 1
: >"$SSH/known_hosts"; ssh_know "$A" "$SSH/host_ed25519.pub"

# --- browse, enter a password, rotate; over ssh://host with only an SSH key ---
clv account add sql --type simple --user sql >/dev/null 2>&1
clv account distribute sql --to web01 --yes >/dev/null 2>&1
secret='Zq7-over+ssh/42'
printf '%s' "$secret" >"$G/pw"
check 'a password is entered over SSH' bash -c "$BIN/claviger --config $G/plain.conf -s $url reenter sql --password-fd 3 3<$G/pw </dev/null"
confirmed() { [ "$(clv describe account sql -o json 2>/dev/null | jq -r .confirmed)" = 1 ]; }
check 'and reaches its host' wait_for 20 confirmed
gens() { clv describe agent web01 -o json 2>/dev/null | jq '.keys | length'; }
check 'a key is rotated' via plain -s "$url" rotate web01 --wait --yes
equal 'it is another one' "$(gens)" 2
equal 'the audit trail names the login user' "$(clv get audit --filter act:rotate -o json 2>/dev/null | jq -r '.[0].who')" "user:$(id -un)"
cat >"$G/script" <<'END'
wait web01
key \r
wait Agent web01
key q
wait NAME
key q
wait Overview
key q
wait End claviger?
settle
key y
ends 0
END
check 'browse on the full screen' pty "$BIN/claviger" --config "$G/plain.conf" -s "$url" agents <"$G/script"

# --- the forwarded form: the group's own TLS inside ---
mail=op@ops.test
"$BIN/clavigerd" ca issue "$G/ca" op --operator "$mail" --out "$G/op" >/dev/null
clv role grant "mail:$mail" administrator --yes >/dev/null 2>&1
{ cat "$G/plain.conf"; printf 'ca = %s/ca/ca.pem\ncert = %s/op.pem\nkey = %s/op.key\n' "$G" "$G" "$G"; } >"$G/forward.conf"
there=$url/rms1.ops.test@127.0.0.1:$CONSOLE_PORT
refused 'forwarded: the group is not known yet' forward 'group signing key of rms1.ops.test is not known' -s "$there" get agents
fp=$(sed -n 's/.*It shows \([0-9A-F ]*\);.*/\1/p' "$G/out" | tr -d ' ')
check 'forwarded: trusted once' via forward -s "$there" --trust-group "$fp" get agents
equal 'forwarded: browse' "$(via forward -s "$there" get agents -o csv 2>/dev/null | grep -c web01)" 1
check 'forwarded: a password' bash -c "$BIN/claviger --config $G/forward.conf -s $there reenter sql --password-fd 3 3<$G/pw </dev/null"
check 'forwarded: rotate' via forward -s "$there" rotate web01 --wait --yes
equal 'a third key' "$(gens)" 3
equal 'in the name of the certificate' "$(clv get audit --filter act:rotate -o json 2>/dev/null | jq -r '[.[].who] | unique | join(" ")')" "mail:$mail user:$(id -un)"
refused 'a name that the server does not prove' forward 'not for the expected name' -s "$url/other.ops.test@127.0.0.1:$CONSOLE_PORT" get agents
refused 'a port where nobody listens' forward 'does not connect to' -s "$url/rms1.ops.test@127.0.0.1:1" get agents

# --- logging in ---
ssh-keygen -q -t ed25519 -N 'a long phrase' -C locked -f "$SSH/locked"
ssh-keygen -q -t ecdsa -N '' -C agent -f "$SSH/agentkey"
cat "$SSH/locked.pub" "$SSH/agentkey.pub" >>"$SSH/authorized_keys"
conf locked "IdentityFile $SSH/locked"; sed -i "/IdentityFile .*\/key$/d" "$SSH/locked.ssh"
refused 'a passphrase that nobody can type' locked 'locked was left out: it has a passphrase' -s "$url" get agents
printf 'wait Passphrase\nkey wrong\\r\nwait That was not it\nkey a long phrase\\r\nwait web01.ops.test\nnot long phrase\nends 0\n' >"$G/script"
check 'a key with a passphrase: wrong, then right, nothing shown' pty "$BIN/claviger" --config "$G/locked.conf" -s "$url" get agents -o csv <"$G/script"
# Logged in, the passphrase is in no memory: not the transport's, not the console's. The key's path is the control.
mkfifo "$G/in"
pty "$BIN/claviger" --config "$G/locked.conf" -s "$url" agents <"$G/in" >"$G/in.out" 2>&1 &
console=$!
exec 8>"$G/in"
printf 'wait Passphrase of the key\nsettle\nkey a long phrase\\r\nwait web01\nsay in\n' >&8
logged_in() { grep -q '^in$' "$G/in.out"; }
check 'a passphrase in the full screen' wait_for 20 logged_in
printf 'a long phrase' >"$G/phrase"; printf '%s/locked' "$SSH" >"$G/path"
if [ "$(id -u)" = 0 ]; then # others may not look into them: they are not dumpable
	transport=$(pgrep -n -f "ssh-transport [^ ]*127.0.0.1:$A ") screen=$(pgrep -f "^$BIN/claviger --config $G/locked.conf")
	equal "the control is found in the transport's memory" "$("$BIN/tests/tools/leak" "$G/path" "pid:$transport" | grep -c FOUND | awk '{print ($1 > 0)}')" 1
	"$BIN/tests/tools/leak" "$G/phrase" "pid:$transport" "pid:$screen" >"$G/leak.out" # one line of each: no other process has such a command line
	equal "the passphrase is in neither: $(tail -1 "$G/leak.out")" "$(grep -c FOUND "$G/leak.out")" 0
fi
printf 'key q\nwait Overview\nkey q\nwait End claviger?\nsettle\nkey y\nends 0\n' >&8
exec 8>&-
wait $console
equal 'it ends well' "$?" 0
printf 'wait Passphrase of the key\nsettle\nkey \\e\nends 4\n' >"$G/script"
check 'Esc on the full screen: not logged in' pty "$BIN/claviger" --config "$G/locked.conf" -s "$url" agents <"$G/script"
eval "$(ssh-agent -s)" >/dev/null; PID[agent]=$SSH_AGENT_PID
ssh-add -q "$SSH/agentkey" 2>/dev/null
conf agent; sed -i '/IdentityFile/d; /IdentitiesOnly/d' "$SSH/agent.ssh"
equal 'a key of the agent' "$(via agent -s "$url" get agents -o csv 2>/dev/null | grep -c web01)" 1
conf only "IdentityFile $SSH/nothere"; sed -i "/IdentityFile .*\/key$/d" "$SSH/only.ssh"
refused 'IdentitiesOnly leaves the agent out' only 'did not let' -s "$url" get agents
refused 'no key at all' only "did not let $(id -un) in; it takes publickey" -s "$url" get agents

if [ "$(id -u)" = 0 ]; then
	user=clvssh$$
	trap 'userdel -f "$user" 2>/dev/null; bad "the script ended early"; g_end' EXIT
	useradd -M -N -d "$G/home" -s /bin/bash "$user" && printf '%s:%s\n' "$user" 'pass word 9' | chpasswd
	clv role grant "uid:$(id -u "$user")" viewer --yes >/dev/null 2>&1
	P=$(g_port); K=$(g_port); B=$(g_port)
	ssh_server p "$P" 'PasswordAuthentication yes' 'PubkeyAuthentication no'
	ssh_server k "$K" 'UsePAM yes' 'KbdInteractiveAuthentication yes' 'PubkeyAuthentication no'
	sed -i '/^UsePAM no/d' "$SSH/k.conf"; ssh_down k; ssh_up k "$K"
	ssh_server b "$B" 'PasswordAuthentication yes' 'AuthenticationMethods publickey,password'
	for p in "$P" "$K" "$B"; do ssh_know "$p" "$SSH/host_ed25519.pub"; done
	refused 'a password that nobody can type' plain 'password was left out: nobody can be asked' -s "ssh://$user@127.0.0.1:$P" get agents
	printf 'wait Password of %s\nkey nonsense\\r\nwait That was not it\nkey pass word 9\\r\nwait web01.ops.test\nnot word 9\nends 0\n' "$user" >"$G/script"
	check 'a password: wrong, then right' pty "$BIN/claviger" --config "$G/plain.conf" -s "ssh://$user@127.0.0.1:$P" get agents -o csv <"$G/script"
	printf 'wait asks %s\nwait Password\nkey pass word 9\\r\nwait web01.ops.test\nnot word 9\nends 0\n' "$user" >"$G/script"
	check 'keyboard-interactive (PAM)' pty "$BIN/claviger" --config "$G/plain.conf" -s "ssh://$user@127.0.0.1:$K" get agents -o csv <"$G/script"
	printf 'wait Password of %s\nkey pass word 9\\r\nwait web01.ops.test\nends 0\n' "$user" >"$G/script"
	check 'a key and then a password (two methods)' pty "$BIN/claviger" --config "$G/plain.conf" -s "ssh://$user@127.0.0.1:$B" get agents -o csv <"$G/script"
	printf 'wait Password of %s\nwait Password  \nsettle\nkey pass word 9\nwait 11 characters\nnot word 9\nkey \\r\nwait web01\nkey q\nwait Overview\nkey q\nwait End claviger?\nsettle\nkey y\nends 0\n' "$user" >"$G/script"
	check 'a password on the full screen, in dots' pty "$BIN/claviger" --config "$G/plain.conf" -s "ssh://$user@127.0.0.1:$P" agents <"$G/script"
	userdel -f "$user" 2>/dev/null
	trap 'bad "the script ended early"; g_end' EXIT
fi

# --- what libssh2 1.10 cannot do ---
R=$(g_port)
ssh_server r "$R" "HostKey $SSH/host_rsa"
refused 'an RSA host key alone: named, with both ways out' plain 'only host keys of kinds.*rsa-sha2.*ed25519.*proxy_command = ssh -W %h:%p' -s "ssh://127.0.0.1:$R" get agents
ssh-keygen -q -t rsa -b 3072 -N '' -C rsa -f "$SSH/rsakey"; cat "$SSH/rsakey.pub" >>"$SSH/authorized_keys"
conf rsa "IdentityFile $SSH/rsakey"; sed -i "/IdentityFile .*\/key$/d" "$SSH/rsa.ssh"
refused 'an RSA user key: named, with both ways out' rsa 'rsakey was left out: an RSA key.*SHA-1.*ssh-keygen -t ed25519.*proxy_command = ssh -W %h:%p' -s "$url" get agents
printf 'sk-ssh-ed25519@openssh.com' >"$G/type"
fido_key() { # a key file of a FIDO key, as ssh-keygen would leave it: only its type is looked at
	{ printf 'openssh-key-v1\0'; printf '\0\0\0\4none\0\0\0\4none\0\0\0\0\0\0\0\1\0\0\0\36\0\0\0\32'; cat "$G/type"; printf '\0\0\0\0'; } >"$G/raw"
	{ echo '-----BEGIN OPENSSH PRIVATE KEY-----'; base64 -w70 "$G/raw"; echo '-----END OPENSSH PRIVATE KEY-----'; } >"$SSH/fido"
	chmod 600 "$SSH/fido"
}
fido_key
conf fido "IdentityFile $SSH/fido"; sed -i "/IdentityFile .*\/key$/d" "$SSH/fido.ssh"
refused 'a FIDO key: named, with the way out' fido 'FIDO key cannot be used.*proxy_command = ssh -W %h:%p' -s "$url" get agents
ssh_know "$R" "$SSH/host_rsa.pub"
{ cat "$G/forward.conf"; printf 'proxy_command = ssh -F %s -i %s -p %s -W %%h:%%p 127.0.0.1\n' "$SSH/rsa.ssh" "$SSH/rsakey" "$R"; } >"$G/way.conf"
equal 'the way out works: RSA key, RSA host, ssh carries the bytes' "$(via way -s "rms1.ops.test@127.0.0.1:$CONSOLE_PORT" get agents -o csv 2>/dev/null | grep -c web01)" 1
{ cat "$G/forward.conf"; printf 'proxy_command = echo it is broken >&2; false\n'; } >"$G/broken.conf"
refused 'a proxy command that fails: its own words' broken 'it is broken' -s "rms1.ops.test@127.0.0.1:$CONSOLE_PORT" get agents

# --- jump hosts and the configuration ---
J=$(g_port)
ssh_server j "$J" 'LogLevel DEBUG1'
ssh_know "$J" "$SSH/host_ed25519.pub"
conf jump 'Host inner' '  HostName 127.0.0.1' "  Port $A" "  User $(id -un)" '  ProxyJump outer' 'Host deep' '  HostName 127.0.0.1' "  Port $A" "  ProxyJump outer,127.0.0.1:$R" 'Host outer' '  HostName 127.0.0.1' "  Port $J" 'Host round' '  HostName 127.0.0.1' '  ProxyJump round' 'Host proxied' '  HostName 127.0.0.1' "  Port $A" "  ProxyCommand ssh -F $SSH/plain.ssh -p $J -W %h:%p 127.0.0.1"
before=$(grep -c 'Accepted publickey' "$SSH/j.log")
equal 'an alias behind a jump host' "$(via jump -s ssh://inner get agents -o csv 2>"$G/err" | grep -c web01) $(cat "$G/err" | grep -c claviger:)" '1 0'
equal 'went through it' "$(($(grep -c 'Accepted publickey' "$SSH/j.log") - before)) $(grep -c "direct-tcpip" "$SSH/j.log" | awk '{print ($1 > 0)}')" '1 1'
equal 'the forwarded form behind it too' "$({ cat "$G/jump.conf"; tail -n +3 "$G/forward.conf"; } >"$G/jf.conf"; via jf -s "ssh://inner/rms1.ops.test@127.0.0.1:$CONSOLE_PORT" get agents -o csv 2>/dev/null | grep -c web01)" 1
refused 'a jump host that fails says which' jump "127.0.0.1:$R has only host keys" -s ssh://deep get agents
refused 'a jump host over itself ends' jump 'jump hosts one behind the other' -s ssh://round get agents
equal 'ProxyCommand of the ssh configuration' "$(via jump -s ssh://proxied get agents -o csv 2>/dev/null | grep -c web01)" 1
printf 'Match host 127.0.0.1 exec "touch %s/ran"\n  User nobody\n' "$G" >"$SSH/match.ssh"
printf '[console]\nssh_config = %s\n' "$SSH/match.ssh" >"$G/match.conf"
cp "$SSH/key" "$HOME/.ssh/id_ed25519"; cp "$SSH/known_hosts" "$HOME/.ssh/known_hosts"
equal 'Match exec: said, not run, the configuration not used' "$(via match -s "$url" get agents -o csv 2>"$G/err" | grep -c web01) $(grep -c 'match.ssh:1 has Match exec' "$G/err") $(ls "$G/ran" 2>/dev/null)" '1 1 '
ssh_server dead "$(g_port)" "ForceCommand echo no such program >&2; exit 127"
D=$(sed -n 's/^Port //p' "$SSH/dead.conf"); ssh_know "$D" "$SSH/host_ed25519.pub"
refused 'a far end without claviger: its words and status' plain 'ended with 127: no such program' -s "ssh://127.0.0.1:$D" get agents
refused 'a host that is not there' plain 'cannot reach 127.0.0.1:1' -s ssh://127.0.0.1:1 get agents
via plain -s 'ssh://a;b' get agents >"$G/out" 2>&1
equal 'an address that is none: one line, exit 2' "$? $(wc -l <"$G/out")" '2 1'

# --- dial-stdio ---
printf 'wait not to a terminal\nends 2\n' >"$G/script"
check 'dial-stdio refuses a terminal' pty "$BIN/claviger" dial-stdio <"$G/script"
clv -s "unix:$G/none.sock" dial-stdio </dev/null >"$G/out" 2>"$G/err"
equal 'no socket: one line, nothing on stdout' "$? $(wc -l <"$G/err") $(wc -c <"$G/out")" '4 1 0'
clv -s ms1:5724 dial-stdio </dev/null >"$G/out" 2>"$G/err"
equal 'only a local socket' "$? $(grep -c 'takes a local socket' "$G/err")" '2 1'
clv dial-stdio </dev/null >"$G/out" 2>&1
equal 'its end of input is passed on, and it ends' "$?" 0
"$BIN/claviger" ssh-transport x '' '' 0 '' '' '' '' 3</dev/null >"$G/out" 2>&1
equal 'the transport is no command of its own' "$? $(grep -c 'started by the console alone' "$G/out")" '2 1'

# --- a line that is cut ---
conf plain 'ServerAliveInterval 1' 'ServerAliveCountMax 2'
mkfifo "$G/fifo"
pty "$BIN/claviger" --config "$G/plain.conf" -s "$url" agents <"$G/fifo" >"$G/cut.out" 2>&1 &
console=$!
exec 9>"$G/fifo"
said() { grep -q "$1" "$G/cut.out"; }
printf 'wait web01\nkey /web\\r\nwait 1 of 1\nsay open\n' >&9
check 'the full screen is there' wait_for 20 said open
ssh_down a
printf 'wait STALE since\nwait no line to\nkey R\nwait Not done\nsay stale\n' >&9
check 'cut: stale, and nothing can be done' wait_for 20 said stale
ssh_up a "$A"
printf 'wait Back, by rms1\nhas web01\nhas /web\nwait live\nsay back\n' >&9
check 'back by itself, same screen and filter, nothing asked' wait_for 40 said back
ssh_cut a
printf 'gone Back\nwait Back, by\nsay again\n' >&9
check 'and again' wait_for 40 said again
frozen=$(ssh_tree "${PID[sshd_a]}")
for p in $frozen; do kill -STOP "$p"; done # the line stands, nobody answers
printf 'gone Back\nwait STALE since\nsay dead\n' >&9
check 'a line on which nothing is answered is given up' wait_for 20 said dead
printf 'wait Back, by\nhas /web\nsay alive\n' >&9
check 'and made anew' wait_for 40 said alive
for p in $frozen; do kill -KILL "$p" 2>/dev/null; done
printf 'key q\nwait Overview\nkey q\nwait End claviger?\nsettle\nkey y\nends 0\n' >&9
exec 9>&-
wait $console
equal 'it ends well' "$?" 0
left() { pgrep -f "ssh-transport [^ ]*127.0.0.1:($A|$J|$R)" >/dev/null && return 1; return 0; }
check 'no transport is left' wait_for 5 left

# --- contexts: from a server by SSH to one at hand, and back ---
printf '[console]\nssh_config = %s\n' "$SSH/plain.ssh" >"$G/ctx.conf"
mkdir -p "$HOME/.config/claviger"
printf '[context far]\nserver = %s\nlabel = production\n[context near]\nserver = unix:%s\n' "$url" "$G/rms1.sock" >"$HOME/.config/claviger/console.conf"
cat >"$G/script" <<'END'
wait production
wait web01
key /web\r
wait 1 of 1
key :ctx near\r
gone production
wait Agents
key :agents\r
wait web01
not /web
key :ctx far\r
wait production
wait Agents
key :agents\r
wait web01
key :quit\r
ends 0
END
check 'from far to near and back: nothing of the one is on the other' pty "$BIN/claviger" --config "$G/ctx.conf" -s far agents <"$G/script"
check 'their transports have ended' wait_for 5 left
rm "$HOME/.config/claviger/console.conf"

# --- the passphrase, the password, and the account's are nowhere ---
"$BIN/tests/tools/leak" "$G/phrase" "$G/rms1/log" "$SSH"/*.log "$G/out" "$G/cut.out" >"$G/leak.out" 2>&1
equal 'no passphrase in any log' "$(grep -c FOUND "$G/leak.out")" 0
for s in a j r p k b dead; do [ -z "${PID[sshd_$s]:-}" ] || ssh_down "$s"; done
g_end
