# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For scenario scripts, after group.sh: real SSH servers of the test's own, on loopback, with their own host keys
# and configuration; other SSH servers of the machine are neither used nor touched. Ended by pid, with their children.
SSH=''
ssh_begin() { # makes $SSH: keys, an empty known_hosts, a client configuration
	SSH=$G/ssh
	mkdir -p "$SSH" "$HOME/.ssh"
	chmod 755 "$SSH"
	chmod 700 "$HOME/.ssh"
	[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
	local k
	for k in ed25519 ecdsa rsa; do ssh-keygen -q -t $k -N '' -C host -f "$SSH/host_$k"; done
	ssh-keygen -q -t ed25519 -N '' -C other -f "$SSH/host_other"
	ssh-keygen -q -t ed25519 -N '' -C plain -f "$SSH/key"
	: >"$SSH/known_hosts"
	# A copy that any user can reach: the checkout may lie in a folder that only its owner may enter.
	mkdir -p "$G/bin" && cp "$BIN/claviger" "$G/bin/" && chmod -R go+rX "$G/bin"
	: >"$SSH/authorized_keys"
	cat "$SSH/key.pub" >>"$SSH/authorized_keys"
}
# ssh_server NAME PORT [line of sshd_config ...]: HostKey is ours unless a line has one
ssh_server() {
	local name=$1 port=$2 hostkey=1 l; shift 2
	for l in "$@"; do case $l in HostKey*) hostkey='' ;; esac done
	{
		printf 'Port %s\nListenAddress 127.0.0.1\nPidFile none\nStrictModes no\nUsePAM no\nUseDNS no\n' "$port"
		[ -z "$hostkey" ] || printf 'HostKey %s/host_ed25519\nHostKey %s/host_ecdsa\nHostKey %s/host_rsa\n' "$SSH" "$SSH" "$SSH"
		for l in "$@"; do printf '%s\n' "$l"; done
		# sshd takes the first word on each; a home of the test's own: the login shell reads what lies there
		printf 'AuthorizedKeysFile %s/authorized_keys\nPermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nLogLevel VERBOSE\n' "$SSH"
		printf 'SetEnv PATH=%s:/usr/bin:/bin HOME=%s CLAVIGER_SERVER=%s\n' "$G/bin" "$HOME" "${SSH_CLAVIGER_SERVER:-unix:$G/rms1.sock}"
	} >"$SSH/$name.conf"
	/usr/sbin/sshd -t -f "$SSH/$name.conf" || { bad "sshd $name: its configuration"; return 1; }
	ssh_up "$name" "$port"
}
ssh_listens() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
ssh_up() { # NAME PORT, again
	/usr/sbin/sshd -D -e -f "$SSH/$1.conf" >>"$SSH/$1.log" 2>&1 &
	PID[sshd_$1]=$!
	wait_for 10 ssh_listens "$2" || { bad "sshd $1 does not listen: $(tail -2 "$SSH/$1.log")"; return 1; }
}
# All that this sshd started, and what those started.
ssh_tree() { local p; for p in $(pgrep -P "$1"); do ssh_tree "$p"; echo "$p"; done; }
ssh_cut() { # NAME: its connections end at once, the server listens on
	local p
	for p in $(ssh_tree "${PID[sshd_$1]}"); do kill -KILL "$p" 2>/dev/null; done
}
ssh_down() { # NAME: server and connections
	local all
	all=$(ssh_tree "${PID[sshd_$1]}")
	g_stop "sshd_$1"
	local p
	for p in $all; do kill -KILL "$p" 2>/dev/null; done
}
# The client's configuration: ssh_client FILE [line ...]
ssh_client() {
	local f=$1 l; shift
	{
		for l in "$@"; do printf '%s\n' "$l"; done
		printf 'Host *\n  UserKnownHostsFile %s/known_hosts\n  GlobalKnownHostsFile /dev/null\n  IdentityFile %s/key\n  IdentitiesOnly yes\n' "$SSH" "$SSH"
	} >"$f"
}
ssh_know() { # PORT KEY [MARKER]: a line of known_hosts for 127.0.0.1
	printf '%s[127.0.0.1]:%s %s\n' "${3:+$3 }" "$1" "$(cut -d' ' -f1,2 "$2")" >>"$SSH/known_hosts"
}
fingerprint_of() { ssh-keygen -l -E sha256 -f "$1" | cut -d' ' -f2; }
