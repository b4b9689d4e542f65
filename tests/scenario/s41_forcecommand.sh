#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Inside SSH, for operators without a shell: claviger --restricted behind sshd's ForceCommand, with the lines of
# share/doc/ssh.md. Ways out are tried one by one; each is a line, numbered, and none works. What counts: no
# program but sshd, the login shell with the forced command, and claviger is started; nothing is written; no
# connection is forwarded. Controls show that the same way works where it is not closed.
. "$(dirname "$0")/../lib/group.sh"
. "$(dirname "$0")/../lib/sshd.sh"
# An sshd that is not root's cannot hand a terminal over to whoever logs in.
[ "$(id -u)" = 0 ] || { printf '0 passed, 0 failed, 1 skipped\n      only an sshd of root gives a terminal\n'; exit 0; }
g_begin
g_init
g_agent web01 agent
clv account add keytab --type binary >/dev/null 2>&1
ssh_begin
ways=0
held() { ways=$((ways + 1)); ok "way $ways, none: $*"; }
broke() { ways=$((ways + 1)); bad "way $ways is open: $*"; }
way() { local text=$1; shift; if "$@"; then held "$text"; else broke "$text"; fi; }
F=$(g_port); O=$(g_port)
# Under the sanitizers: the search for leaks fails in what is traced, and sshd passes no environment on.
leaks=${CLAVIGER_ASAN:+ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 }
closed=("ForceCommand ${leaks}claviger --restricted -s unix:$G/rms1.sock" 'DisableForwarding yes' 'PermitUserRC no' 'PermitUserEnvironment no' 'PermitTunnel no' 'X11Forwarding no' 'AllowAgentForwarding no' 'AcceptEnv LANG LC_*')
# Every program that a server's children start is written down.
traced() { # NAME PORT
	strace -f -qq -e trace=execve -e signal=none -o "$SSH/$1.exec" /usr/sbin/sshd -D -e -f "$SSH/$1.conf" >>"$SSH/$1.log" 2>&1 &
	tracer=$! # it ends with what it traces; ended itself, it would leave sshd running
	wait_for 10 ssh_listens "$2"
	PID[sshd_$1]=$(pgrep -P "$tracer")
}
ssh_server f "$F" "${closed[@]}"; ssh_down f; traced f "$F"
ssh_server o "$O" 'AcceptEnv *' 'PermitTunnel yes' 'Subsystem sftp internal-sftp'; ssh_down o; traced o "$O"
ssh_know "$F" "$SSH/host_ed25519.pub"; ssh_know "$O" "$SSH/host_ed25519.pub"
ssh_client "$SSH/c.ssh"
printf '#!/bin/sh\ntouch %s/ran-rc\n' "$G" >"$HOME/.ssh/rc"
mark=$G/escaped
s() { timeout -k 2 30 ssh -F "$SSH/c.ssh" -o BatchMode=yes -o ConnectTimeout=5 -p "$F" "$@" </dev/null; }
so() { timeout -k 2 30 ssh -F "$SSH/c.ssh" -o BatchMode=yes -o ConnectTimeout=5 -p "$O" "$@" </dev/null; }
pty() { timeout -k 2 100 "$BIN/tests/tools/drive" -- "$@"; }
drop() { # the programs that a trace names, but those that belong there
	sed -n 's/.*execve("\([^"]*\)".*= 0$/\1/p' "$SSH/$1.exec" | grep -vxE '/usr/sbin/sshd|/(usr/)?bin/bash|/proc/self/exe' | grep -vxF "$G/bin/claviger"
}
clean() { [ ! -e "$mark" ] && [ ! -e "$G/ran-rc" ] && [ -z "$(drop f)" ]; }

# --- other commands in place of the forced one ---
so 127.0.0.1 "touch $mark" 2>/dev/null
check 'control: where nothing is forced a command runs' test -e "$mark"
check 'control: and is seen in the trace' bash -c "grep -q 'execve(\"[^\"]*touch\"' $SSH/o.exec"
rm -f "$mark" "$G/ran-rc"
other_command() { # only the console's own refusal comes back
	s 127.0.0.1 "$@" >"$G/out" 2>&1
	[ $? = 2 ] && grep -q 'the full screen needs a terminal' "$G/out" && [ "$(wc -l <"$G/out")" = 1 ] && clean
}
for c in "touch $mark" "/bin/sh -c 'touch $mark'" 'bash -i' 'claviger get agents' "; touch $mark" "\$(touch $mark)" "\`touch $mark\`" \
	"| tee $mark" "&& touch $mark" "
touch $mark" "> $mark" 'env' 'exec sh' "scp -t $mark" "rsync --server . $mark" 'git-upload-pack /' '/usr/lib/openssh/sftp-server' "claviger --config $G/evil.conf get agents"; do
	way "ssh host $(printf '%s' "$c" | tr '\n' ' ' | sed "s|$G|…|g")" other_command "$c"
done

# --- subsystems and file transfer ---
check 'control: sftp works where nothing is forced' bash -c "printf 'ls /\n' | timeout 30 sftp -F $SSH/c.ssh -o BatchMode=yes -P $O -b - 127.0.0.1"
way 'sftp' bash -c "! printf 'ls /\n' | timeout 30 sftp -F $SSH/c.ssh -o BatchMode=yes -P $F -b - 127.0.0.1 >/dev/null 2>&1"
way 'the sftp subsystem asked for by name' bash -c "! timeout 30 ssh -F $SSH/c.ssh -o BatchMode=yes -p $F -s 127.0.0.1 sftp </dev/null >$G/out 2>&1 && ! grep -qi sftp-server $G/out"
way 'another subsystem' bash -c "! timeout 30 ssh -F $SSH/c.ssh -o BatchMode=yes -p $F -s 127.0.0.1 netconf </dev/null >/dev/null 2>&1"
way 'scp to it (sftp protocol)' bash -c "! timeout 30 scp -F $SSH/c.ssh -o BatchMode=yes -P $F $SSH/c.ssh 127.0.0.1:$mark >/dev/null 2>&1; [ ! -e $mark ]"
way 'scp to it (old protocol)' bash -c "! timeout 30 scp -O -F $SSH/c.ssh -o BatchMode=yes -P $F $SSH/c.ssh 127.0.0.1:$mark >/dev/null 2>&1; [ ! -e $mark ]"
way 'scp from it' bash -c "! timeout 30 scp -F $SSH/c.ssh -o BatchMode=yes -P $F 127.0.0.1:/etc/passwd $G/got >/dev/null 2>&1; [ ! -s $G/got ]"
way 'the rc file in .ssh' test ! -e "$G/ran-rc"

# --- forwardings ---
banner() { head -c 4 "$1" 2>/dev/null | grep -q SSH-; }
so -W "127.0.0.1:$O" 127.0.0.1 >"$G/out" 2>&1
check 'control: -W works where forwarding is on' banner "$G/out"
s -W "127.0.0.1:$O" 127.0.0.1 >"$G/out" 2>&1
way 'ssh -W host:port' bash -c "! head -c 4 $G/out | grep -q SSH- && grep -qE 'administratively prohibited|stdio forwarding failed' $G/out"
forwards() { # SERVERPORT LOCALPORT OPTION...: does the local port lead somewhere?
	local port=$1 lport=$2 p; shift 2
	ssh -F "$SSH/c.ssh" -o BatchMode=yes -N -p "$port" "$@" 127.0.0.1 </dev/null >"$G/fwd.out" 2>&1 &
	p=$!
	wait_for 3 ssh_listens "$lport"
	timeout 8 bash -c "exec 5<>/dev/tcp/127.0.0.1/$lport; head -c 4 <&5" >"$G/got" 2>/dev/null
	kill "$p" 2>/dev/null; wait "$p" 2>/dev/null
	banner "$G/got"
}
L=$(g_port)
check 'control: -L leads somewhere where forwarding is on' forwards "$O" "$L" -L "$L:127.0.0.1:$O"
L=$(g_port)
way 'ssh -L port to a port there' bash -c "! $(declare -f forwards banner wait_for nap ssh_listens); SSH=$SSH G=$G; ! forwards $F $L -L $L:127.0.0.1:$O"
L=$(g_port)
way 'ssh -L port to a socket there' bash -c "$(declare -f forwards banner wait_for nap ssh_listens); SSH=$SSH G=$G; ! forwards $F $L -L $L:$G/rms1.sock"
remote() { # SERVERPORT: does -R make a port there?
	local r p
	r=$(g_port)
	ssh -F "$SSH/c.ssh" -o BatchMode=yes -o ExitOnForwardFailure=yes -N -p "$1" -R "$r:127.0.0.1:$O" 127.0.0.1 </dev/null >"$G/fwd.out" 2>&1 &
	p=$!
	wait_for 3 ssh_listens "$r"; local rc=$?
	kill "$p" 2>/dev/null; wait "$p" 2>/dev/null
	return $rc
}
check 'control: -R makes a port where forwarding is on' remote "$O"
not() { ! "$@"; }
way 'ssh -R port' not remote "$F"
s -o ExitOnForwardFailure=yes -N -R "$G/back.sock:127.0.0.1:$O" 127.0.0.1 >/dev/null 2>&1
way 'ssh -R socket' test ! -e "$G/back.sock"
L=$(g_port)
socks() { # a SOCKS5 request through -D
	local p
	ssh -F "$SSH/c.ssh" -o BatchMode=yes -N -p "$1" -D "$L" 127.0.0.1 </dev/null >/dev/null 2>&1 &
	p=$!
	wait_for 3 ssh_listens "$L"
	timeout 8 bash -c "exec 5<>/dev/tcp/127.0.0.1/$L; printf '\5\1\0' >&5; head -c 2 <&5 >/dev/null; printf '\5\1\0\1\177\0\0\1\\$(printf '%03o' $((O / 256)))\\$(printf '%03o' $((O % 256)))' >&5; head -c 14 <&5 | tail -c 4" >"$G/got" 2>/dev/null
	kill "$p" 2>/dev/null; wait "$p" 2>/dev/null
	banner "$G/got"
}
check 'control: -D leads somewhere where forwarding is on' socks "$O"
L=$(g_port)
way 'ssh -D' not socks "$F"
eval "$(ssh-agent -s)" >/dev/null; PID[agent]=$SSH_AGENT_PID
logged() { local n; n=$(grep -c "$1" "$SSH/f.log"); "${@:2}" >/dev/null 2>&1; [ "$(grep -c "$1" "$SSH/f.log")" -gt "$n" ]; }
# Looked for while the session stands: sshd makes the socket with its session and takes it away with it.
agent_socket() { local f t; t=" $(ssh_tree "${PID[sshd_$1]}" | tr '\n' ' ')"; for f in /tmp/ssh-*/agent.*; do case $t in *" ${f##*.} "*) return 0 ;; esac; done; return 1; }
runs() { local p; for p in $(ssh_tree "${PID[sshd_$1]}"); do [ "$(cat "/proc/$p/comm" 2>/dev/null)" != "$2" ] || return 0; done; return 1; }
forwards() { # NAME PORT PROGRAM [command]: does a session in which PROGRAM runs have a socket? 2: no session
	local rc=1 p
	mkfifo "$G/stays.$1"
	ssh -F "$SSH/c.ssh" -o BatchMode=yes -tt -A -p "$2" 127.0.0.1 "${@:4}" <"$G/stays.$1" >/dev/null 2>&1 &
	p=$!
	exec 7>"$G/stays.$1"
	wait_for 15 runs "$1" "$3" || rc=2
	agent_socket "$1" && rc=0
	exec 7>&-
	kill "$p" 2>/dev/null; wait "$p" 2>/dev/null
	return $rc
}
check 'control: -A makes a socket where forwarding is on' forwards o "$O" sleep 'sleep 20'
forwards f "$F" claviger
way 'agent forwarding (-A), looked for while the console runs' test $? = 1
DISPLAY=:77 s -X 127.0.0.1 >"$G/out" 2>&1
way 'X11 forwarding (-X)' bash -c "[ -z \"\$(ss -Hltn 'sport >= :6010 and sport <= :6020' 2>/dev/null)\" ] && ! grep -q 'xauth' $SSH/f.exec"
s -w 9:9 127.0.0.1 true >"$G/out" 2>&1
way 'a tunnel device (-w)' test ! -e /sys/class/net/tun9
way 'two sessions over one connection (-M), the second with a command' bash -c "ssh -F $SSH/c.ssh -o BatchMode=yes -M -S $G/mux -N -f -p $F 127.0.0.1 </dev/null >/dev/null 2>&1; timeout 5 ssh -S $G/mux 127.0.0.1 touch $mark </dev/null >/dev/null 2>&1; ssh -S $G/mux -O exit 127.0.0.1 >/dev/null 2>&1; [ ! -e $mark ]"

# --- keys on the screen ---
sed -i "s|^ForceCommand.*|ForceCommand ${leaks}claviger --restricted -s unix:$G/rms1.sock agents|" "$SSH/f.conf"
ssh_down f; traced f "$F"
keys=('!sh\r' ':!sh\r' ':sh\r' ':shell\r' ":!touch $mark\\r" "|touch $mark\\r" ":w $mark\\r" ":e /etc/passwd\\r" ':r !id\r' ":save $mark\\r" ":write $mark\\r"
	':set shell=/bin/sh\r' ":source $G/evil\\r" ':ctx other\r' ':ctx ssh://127.0.0.1\r' ':connect 127.0.0.1\r' ':edit\r' ':pager less\r' "w$mark\\r" 'v' '#!/bin/sh\r' ':help |sh\r' ":export $mark\\r" ':py import os\r')
for c in 1a 1c 1d 19 11 13 0f 18 14 03; do keys+=("$(printf "\\x$c")"); done
# After each of them the console still answers, in its own screens. Esc is told from the beginning of a sequence
# after 500 ms inside SSH.
{
	printf 'wait web01\n'
	for i in "${!keys[@]}"; do
		printf 'key %s\nsettle\nkey \\e\nsettle\nsettle\nsettle\nkey \\e\nsettle\nsettle\nsettle\n' "${keys[$i]}"
		printf 'key :pending\\r\nwait Nobody waits\nkey :agents\\r\nwait web01\nsay held %s.\n' "$i"
	done
} >"$G/script"
timeout -k 2 500 "$BIN/tests/tools/drive" -- /usr/bin/ssh -F "$SSH/c.ssh" -tt -p "$F" 127.0.0.1 <"$G/script" >"$G/keys.out" 2>&1
for i in "${!keys[@]}"; do
	way "keys $(printf '%s' "${keys[$i]}" | cat -v | sed "s|$G|…|g")" grep -q "^held $i\.$" "$G/keys.out"
done
[ "$(grep -c '^held' "$G/keys.out")" = "${#keys[@]}" ] || tail -30 "$G/keys.out"
way 'a program started, or a file written, by any of these keys' clean
printf 'wait keytab\nkey E\nwait Not in restricted mode\n' >"$G/script"
sed -i "s|^ForceCommand.*|ForceCommand ${leaks}claviger --restricted -s unix:$G/rms1.sock accounts|" "$SSH/f.conf"; ssh_down f; traced f "$F"
way 'a file read as an account of kind binary' pty /usr/bin/ssh -F "$SSH/c.ssh" -tt -p "$F" 127.0.0.1 <"$G/script"

# --- terminals and environment: what claviger itself does with them ---
mkdir -p "$G/evil/x" "$G/home/.terminfo"
printf 'xterm-256color|evil,\n\tam, cols#80, lines#24, clear=\\E[H\\E[2J, cup=\\E[%%i%%p1%%d;%%p2%%dH, smcup=EVILMARK, rmcup=EVILMARK, cuu1=\\E[A, home=\\E[H, el=\\E[K, ed=\\E[J, cr=^M, cud1=^J, cuf1=\\E[C, cub1=^H,\n' >"$G/evil.ti"
for d in "$G/evil" "$G/home/.terminfo"; do tic -o "$d" "$G/evil.ti" 2>/dev/null; done
console() { printf 'wait web01\nkey q\nsettle\nkey q\nwait End claviger?\nsettle\nkey y\nsettle\n' | pty /usr/bin/strace -f -qq -e trace=open,openat,access,stat,newfstatat,readlink,connect,execve -s 300 -o "$G/trace" /usr/bin/env "$@" >"$G/out" 2>&1; }
console "TERMINFO=$G/evil" "$BIN/claviger" -s "unix:$G/rms1.sock" agents
check 'control: without --restricted TERMINFO is read' grep -q "$G/evil" "$G/trace"
console "HOME=$G/home" "$BIN/claviger" -s "unix:$G/rms1.sock" agents
check 'control: so is HOME/.terminfo' grep -q "$G/home/.terminfo" "$G/trace"
vars=(TERMINFO TERMINFO_DIRS TERMCAP TERMPATH HOME XDG_CONFIG_HOME OPENSSL_CONF OPENSSL_MODULES OPENSSL_ENGINES SSL_CERT_FILE SSL_CERT_DIR SSLKEYLOGFILE LOCPATH NLSPATH TZDIR TZ HOSTALIASES RESOLV_CONF CLAVIGER_SERVER SSH_AUTH_SOCK XDG_RUNTIME_DIR TMPDIR GCONV_PATH CHARSET LANGUAGE NCURSES_NO_UTF8_ACS EDITOR VISUAL PAGER SHELL BROWSER LESSOPEN)
env=()
for v in "${vars[@]}"; do
	mkdir -p "$G/evil/$v"; cp -r "$G/evil/x" "$G/evil/$v/" 2>/dev/null
	env+=("$v=$G/evil/$v")
done
env+=("LANG=$G/evil/LANG" "LC_ALL=../../$G/evil/LANG")
console "${env[@]}" "$BIN/claviger" --restricted -s "unix:$G/rms1.sock" agents
check 'the console runs with all of them set' grep -q rms1.sock "$G/trace"
sed -i '/execve("[^"]*env"/d; /execve("[^"]*claviger"/d' "$G/trace"
for v in "${vars[@]}" LANG; do
	way "environment $v" bash -c "! grep -qF '$G/evil/$v' $G/trace"
done
way 'a program started because of any of them' bash -c "! grep -q 'execve(' $G/trace"
way 'a write to any file' bash -c "! grep -E 'O_WRONLY|O_RDWR|O_CREAT' $G/trace | grep -vE '/dev/(pts/[0-9]+|tty|null)|/dev/ptmx' | grep -q ' = [0-9]'"
printf 'wait web01\nhas OMMG1\nsay fits\n' >"$G/script"
way 'LINES and COLUMNS that lie' bash -c "timeout 60 $BIN/tests/tools/drive -- /usr/bin/env LINES=4 COLUMNS=9 $BIN/claviger --restricted -s unix:$G/rms1.sock agents <$G/script"
for t in evil '../../evil' "$G/evil/x/xterm-256color" '%n%n' "$(printf 'a%.0s' $(seq 300))"; do
	way "TERM=$(printf '%s' "$t" | cut -c1-30 | sed "s|$G|…|g")" bash -c "timeout 60 $BIN/tests/tools/drive -- /usr/bin/env TERM='$t' /usr/bin/ssh -F $SSH/c.ssh -tt -p $F 127.0.0.1 <<<'wait keytab'"
done

# --- another server, another program, by options and configuration ---
no_other() { "$BIN/claviger" --restricted "$@" </dev/null >"$G/out" 2>&1; [ $? = 3 ] && grep -q 'not in restricted mode' "$G/out"; }
way 'an address by SSH' no_other -s ssh://127.0.0.1 get agents
printf '[console]\nserver = ms1:5724\nproxy_command = touch %s\n' "$mark" >"$G/proxy.conf"
way 'proxy_command' no_other --config "$G/proxy.conf" get agents
way 'and it did not run' test ! -e "$mark"
way 'CLAVIGER_SERVER by environment' bash -c "CLAVIGER_SERVER=unix:$G/other.sock $BIN/claviger --restricted get agents 2>&1 </dev/null | grep -q /run/claviger/console.sock"
mkdir -p "$G/empty"
way 'anything written at home' bash -c "HOME=$G/empty $BIN/claviger --restricted -s unix:$G/rms1.sock get agents </dev/null >/dev/null 2>&1 && [ -z \"\$(ls -A $G/empty)\" ]"

# --- signals, and a terminal that is gone ---
mkfifo "$G/quiet" # a keyboard on which nobody types
exec 8<>"$G/quiet"
begin() { # a console behind sshd; $console is its pid there
	timeout 60 ssh -F "$SSH/c.ssh" -tt -p "$F" 127.0.0.1 <&8 >"$G/sig.out" 2>&1 &
	client=$!
	console=''
	wait_for 10 find_console
}
find_console() { local p; for p in $(ssh_tree "${PID[sshd_f]}"); do [ "$(readlink "/proc/$p/exe")" = "$G/bin/claviger" ] && console=$p && grep -q web01 "$G/sig.out" && return 0; done; return 1; }
gone() { ! kill -0 "$console" 2>/dev/null || grep -q '^State:.*Z' "/proc/$console/status"; } # whoever adopts it may not look
over() { kill "$client" 2>/dev/null; wait "$client" 2>/dev/null; }
stopped() { [ "$(awk '/^State/{print $2}' "/proc/$console/status")" = T ]; }
sed -i "s|^ForceCommand.*|ForceCommand ${leaks}claviger --restricted -s unix:$G/rms1.sock agents|" "$SSH/f.conf"
ssh_down f; ssh_up f "$F" # a traced process answers signals in another way
begin
for sig in TSTP TTIN TTOU; do
	kill -$sig "$console"; sleep 0.2
	way "SIG$sig does not stop it" bash -c "! [ \"\$(awk '/^State/{print \$2}' /proc/$console/status)\" = T ]"
done
way 'another user may not trace it, nor root read its dump' bash -c "[ \"\$(stat -c %U /proc/$console/mem 2>/dev/null)\" = root ] && grep -q '^Max core file size  *0 ' /proc/$console/limits"
kill -QUIT "$console"
way 'SIGQUIT ends it, without a core' bash -c "$(declare -f wait_for nap gone); console=$console; wait_for 5 gone && ! ls core* $HOME/core* 2>/dev/null | grep -q ."
over
for sig in HUP TERM INT; do
	begin
	kill -$sig "$console"
	way "SIG$sig ends it, and no shell follows" bash -c "$(declare -f wait_for nap gone); console=$console; wait_for 30 gone && wait_for 30 bash -c '! pgrep -P ${PID[sshd_f]}'"
	over
done
begin
client_pid=$(pgrep -P "$client" -x ssh || echo "$client")
kill -KILL "$client_pid"
wait "$client" 2>/dev/null
way 'the client is killed: the console ends' bash -c "$(declare -f wait_for nap gone); console=$console; wait_for 10 gone"
over
begin
kill -STOP "$console"; ssh_cut f; kill -CONT "$console" 2>/dev/null
way 'sshd is killed under a stopped console: it ends' bash -c "$(declare -f wait_for nap gone); console=$console; wait_for 10 gone"
over
check 'nothing was started, written or left in all of this' clean
printf '      %s ways were tried\n' "$ways"
equal 'at least 60' "$([ "$ways" -ge 60 ] && echo yes)" yes
ssh_down f; ssh_down o
g_end
