# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # top, log, changed: of suite.sh and tests/run
# For tests/run --changed: which tests can be touched by the files that changed since a commit. What a program is made
# of is read from the build: the compiler's dependency files, and the sources named in its debugging information.

changed_files() { { git diff --name-only "$changed" --; git ls-files --others --exclude-standard; } | sort -u; }

# The .c files that are to be compiled anew because of a list of files.
sources_of() { # FILE-WITH-NAMES
	local f
	local -a deps
	mapfile -t deps < <(find build/test/obj -name '*.d')
	while IFS= read -r f; do
		case $f in
		*.c) echo "$f" ;;
		share/doc/processes.md) f=build/test/gen/sandbox_rows.h ;;
		share/proto/*.proto) f=build/test/gen/$(basename "$f" .proto).pb-c.h ;;
		esac
		grep -lF -- " $f" "${deps[@]}" 2>/dev/null
	done <"$1" | sed -e 's|^build/test/obj/||' -e 's|\.d$|.c|' | sort -u
}
made_of() { grep -aoE '(backend|console|views|tests)/[a-z0-9_/]+\.c' "$1" | sort -u; }
# Does a program have one of the sources in it?
has_one() { comm -12 <(made_of "$1") "$log/changed.sources" | grep -q .; }

# Can a script reach this source? By the table; what is not in it is reached by all.
reaches() { # SCRIPT SOURCE
	local pattern words
	while read -r pattern words; do
		# shellcheck disable=SC2254 # a pattern
		case $2 in $pattern) grep -qE -- "$words" "$1"; return ;; esac
	done < <(grep -vE '^(#|$)' tests/lib/reach.txt)
	return 0
}
# The executables that changed, and the sources in them that did.
changed_executables() {
	local e
	for e in build/test/claviger build/test/clavigerd build/test/libexec/claviger/* build/test/tests/probe build/test/tests/tools/*; do
		case $e in *.d | *.o) continue ;; esac
		[ -x "$e" ] || continue
		comm -12 <(made_of "$e") "$log/changed.sources" | sed "s|^|${e##*/} |"
	done
}
script_touched() { # SCRIPT
	local e source
	if grep -qxF "$1" "$log/changed.files"; then return 0; fi
	while IFS= read -r source; do # what it sources
		if grep -qF "lib/${source##*/}\"" "$1"; then return 0; fi
	done < <(grep -E '^tests/lib/.*\.sh$' "$log/changed.files")
	while read -r e source; do
		case $e in
		krb_* | net_*_krb) grep -q 'realm\.sh' "$1" || continue ;;
		claviger | clavigerd | parent | resolve | signer | net_* | core | keyholder) grep -qE 'group\.sh|claviger' "$1" || continue ;;
		*) grep -qE "/$e\\b" "$1" || continue ;; # a tool
		esac
		reaches "$1" "$source" && return 0
	done <"$log/changed.executables"
	return 1
}

# Of the sanitized programs, those that can be touched.
changed_programs() {
	local n
	local -a before=("${queue[@]}")
	queue=()
	add_programs asan build/asan
	for n in "${queue[@]}"; do
		has_one "build/asan/tests/${names[n]}" && before+=("$n")
	done
	queue=("${before[@]}")
}

# Takes out of the queue what cannot be touched.
changed_only() {
	local n name file
	local -a all=("${queue[@]}")
	changed_files >"$log/changed.files"
	if grep -qE '^(Makefile|tests/lib/suite\.sh|tests/lib/warden\.sh)$' "$log/changed.files"; then
		echo "changed: the build or the suite itself: all is run"
		find build/test/obj -name '*.d' | sed -e 's|^build/test/obj/||' -e 's|\.d$|.c|' | sort -u >"$log/changed.sources"
		return
	fi
	sources_of "$log/changed.files" >"$log/changed.sources"
	changed_executables >"$log/changed.executables"
	queue=()
	for n in "${all[@]}"; do
		name=${names[n]%%:*}
		file=tests/$name.sh
		if [ -e "$file" ]; then script_touched "$file"; else has_one "build/test/tests/$name"; fi && queue+=("$n")
	done
	printf 'changed since %s: %s files, %s sources to compile; %s of %s tests can be touched\n' "$changed" \
		"$(wc -l <"$log/changed.files")" "$(wc -l <"$log/changed.sources")" "${#queue[@]}" "${#all[@]}"
}
