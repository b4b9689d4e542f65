#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The completions in the shells that read them, and the manual in mandoc: commands, subcommands, options, choices, and
# names that a server tells, of which none is run as a command. Prints "N passed, N failed".
set -u
# shellcheck source-path=SCRIPTDIR source=../lib/warden.sh
. "$(dirname "$0")/../lib/warden.sh"
cd "$(dirname "$0")/../.." || exit 2
BIN=$(cd "$BIN" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/completion.XXXXXX")
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
equal() { # WHAT GOT EXPECTED
	if [ "$2" = "$3" ]; then passed=$((passed + 1)); else failed=$((failed + 1)); printf "FAIL  %s: got '%s', expected '%s'\n" "$1" "$2" "$3"; fi
}
for shell in bash zsh fish; do "$BIN/claviger" completion $shell >"$work/$shell" || equal "completion of $shell" failed "done"; done
"$BIN/claviger" manual >"$work/claviger.1"
"$BIN/clavigerd" manual >"$work/clavigerd.8"
for page in claviger.1 clavigerd.8; do
	equal "$page in mandoc" "$(mandoc -T lint -W warning "$work/$page" 2>&1 | head -3)" ''
done
equal 'a JSON name in the page' "$(mandoc -T ascii "$work/claviger.1" | col -b | grep -c 'config_version')" 1
equal 'an option of the configuration' "$(mandoc -T ascii "$work/clavigerd.8" | col -b | grep -c 'max_unauthenticated_per_address')" 1
equal 'another shell' "$("$BIN/claviger" completion tcsh 2>&1; echo $?)" $'claviger: completion takes bash, zsh or fish\n2'

# --- bash: its function, called as readline would; a claviger of ours tells the names ---
cat >"$work/ask" <<'END'
claviger() { # what a server may say
	[ "$1 $2" = "get agents" ] && printf 'name,approval\nweb01.ops.test,approved\n$(touch %s/ran)\n`touch %s/ran`\nweb02.ops.test,approved\n' "$work" "$work"
	[ "$1 $2" = "get accounts" ] && printf 'name,type\nsql-reader,windows\n"a, b",simple\n$HOME,simple\n'
}
source "$work/bash"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_claviger
printf '%s ' "${COMPREPLY[@]}"
END
export work
ask() { bash "$work/ask" "$@" | sed 's/ *$//'; }
equal 'bash: a command' "$(ask claviger rot)" rotate
equal 'bash: a list' "$(ask claviger get ag)" agents
equal 'bash: a subcommand' "$(ask claviger account dis)" distribute
equal 'bash: an option' "$(ask claviger reenter --all-)" --all-at-once
equal 'bash: a choice' "$(ask claviger get agents -o js)" json
equal 'bash: of an account type' "$(ask claviger account add x --type sn)" snmpv3
equal 'bash: options before it are passed over' "$(ask claviger -s unix:/x --yes get pen)" pending
equal 'bash: names of agents' "$(ask claviger rotate web)" 'web01.ops.test web02.ops.test'
equal 'bash: what is no plain name is left out' "$(ask claviger reenter '')" sql-reader
equal 'bash: and nothing that a server says is run' "$(ls "$work/ran" 2>/dev/null)" ''
bash -n "$work/bash"; equal 'bash reads it' $? 0
zsh -n "$work/zsh"; equal 'zsh reads it' $? 0
fish --no-execute "$work/fish"; equal 'fish reads it' $? 0
fish_says() { HOME=$work XDG_DATA_HOME=$work fish -c "source $work/fish; complete -C '$1'" 2>/dev/null | cut -f1 | sort | tr '\n' ' ' | sed 's/ *$//'; }
equal 'fish: a command' "$(fish_says 'claviger rot')" rotate
equal 'fish: a list' "$(fish_says 'claviger get pe')" pending
equal 'fish: a subcommand' "$(fish_says 'claviger account dis')" distribute
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
