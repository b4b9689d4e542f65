# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # the options are tests/run's
# The inside of tests/run: which tests there are, how many of them run side by side, how they are counted, and what is
# said of those that failed.

warden=$top/build/test/tests/tools/warden
log=$CLAVIGER_TMP # this run's folder, which the warden made and takes away
cores=$(nproc)
most=${CLAVIGER_JOBS:-$((cores * 5))}
export CLAVIGER_SEED=${CLAVIGER_SEED:-$((RANDOM * 32768 + RANDOM))}
began=$SECONDS
passed=0 failed=0 skipped=0 flaky=0
names=() kinds=() limits=() commands=() # of a test, by its number
queue=() again=() tries=() running=0
declare -A lasts=() # seconds that a test took when it was last written down
mkfifo -m 600 "$log/nap"
nap() { read -rt "$1" _ <>"$log/nap"; }

# --- which tests ---

# Under the sanitizers: all unit and view tests, and of the scenarios one of each kind. --long has the rest.
asan_scenarios='s02_inventory s04_impostor s08_roles s10_console s20_runas s22_entry_kill:web01 s26_key_backup s40_ssh
	s50_kerberos s55_alerts s56_trace s60_gateway s61_gateway_trace s67_signer s68_join'

wanted() { # NAME
	local w
	[ ${#only[@]} != 0 ] || return 0
	for w in "${only[@]}"; do [[ $1 != *"$w"* ]] || return 0; done
	return 1
}
add() { # KIND NAME SECONDS COMMAND...
	local kind=$1 name=$2 limit=$3; shift 3
	wanted "$name" || return 0
	names+=("$name") kinds+=("$kind") limits+=("$limit") commands+=("$(printf '%q ' "$@")")
	queue+=($((${#names[@]} - 1)))
}
parts_of() { sed -n 's/^g_parts //p' "$1"; }
add_script() { # KIND FILE
	local name=$2 part
	name=${name#tests/}
	name=${name%.sh}
	for part in $(parts_of "$2") ''; do
		if [ -n "$part" ]; then add "$1" "$name:$part" "$script_limit" env CLAVIGER_SWEEP="$part" "$2"; fi
	done
	[ -n "$(parts_of "$2")" ] || add "$1" "$name" "$script_limit" "$2"
}
script_limit=600
add_programs() { # KIND FOLDER-OF-A-BUILD
	local t name
	for t in tests/unit/test_*.c tests/views/test_*.c; do
		name=${t#tests/}
		add "$1" "${name%.c}" 300 "$2/${t%.c}"
	done
}
add_scripts() { # KIND
	local t
	for t in tests/interop/*.sh tests/scenario/*.sh; do add_script "$1" "$t"; done
}

# Those that take longest begin first, so that none of them runs by itself at the end.
read_lengths() {
	local name seconds
	while read -r seconds name _; do lasts[$name]=$seconds; done <tests/lib/lengths.txt
}
by_length() {
	local n
	for n in "${queue[@]}"; do printf '%s %s\n' "${lasts[${names[n]}]:-3}" "$n"; done | sort -k1,1nr -k2,2n | cut -d' ' -f2
}
shortest_first() { [ ${#queue[@]} = 0 ] || mapfile -t queue < <(by_length | tac); }
sort_queue() { [ ${#queue[@]} = 0 ] || mapfile -t queue < <(by_length); }

# --- how many side by side ---

# Most of a scenario is waiting: beyond the cores another one begins while they idle.
idle_before=0 all_before=0 idle=0
measure_idle() { # idle: percent since it was last asked
	local u n s i w q sq st
	read -r _ u n s i w q sq st _ </proc/stat
	local all=$((u + n + s + i + w + q + sq + st)) i_now=$((i + w))
	[ $((all - all_before)) -ge $((cores * 20)) ] || return 1 # a fifth of a second at least
	idle=$(((i_now - idle_before) * 100 / (all - all_before)))
	idle_before=$i_now all_before=$all
}
room() {
	[ "$running" -lt "$most" ] || return 1
	[ "$running" -ge "$((cores + 1))" ] || return 0
	measure_idle && [ "$idle" -ge 15 ]
}

# --- one test ---

# Programs in which leaks are not looked for: what leaks there is the test's own (drawn rows) or OpenSSL's.
leaks_unseen='test_hostile test_net_creds test_signer'
environment_of() { # KIND NAME
	local leaks=0
	case $1 in
	asan)
		# Leaks are looked for in programs; in a sandboxed process the search itself would be killed.
		case $2 in unit/* | views/*) case " $leaks_unseen " in *" ${2##*/} "*) ;; *) leaks=1 ;; esac ;; esac
		# A quarantine of 32 MiB: with the 256 of themselves tests that fork spend half of their time copying it.
		printf 'CLAVIGER_BIN=%s ' "$top/build/asan"
		printf 'CLAVIGER_ASAN=1 ASAN_OPTIONS=detect_leaks=%s:abort_on_error=1:quarantine_size_mb=32 UBSAN_OPTIONS=print_stacktrace=1' $leaks
		;;
	release) printf 'CLAVIGER_BIN=%s' "$top/build" ;;
	*) printf 'CLAVIGER_BIN=%s' "$top/${CLAVIGER_TESTED:-build/test}" ;;
	esac
}
# A test is begun; its report is there when it has ended, atomically, as the last that its warden writes.
begin() { # NUMBER
	local n=$1
	local -a environment command
	IFS=' ' read -ra environment <<<"$(environment_of "${kinds[n]}" "${names[n]}")"
	eval "command=(${commands[n]})"
	rm -rf "${log:?}/$n" "$log/$n.report"
	env "${environment[@]}" "$warden" --seconds "${limits[n]}" --folder "$log/$n" --keep-failed --ports 64 \
		--out "$log/$n.out" --report "$log/$n.report" -- "${command[@]}" &
	running=$((running + 1))
}

count_in() { # FILE: counts of cmocka's closing lines and of "N passed, N failed"
	awk '/^\[  PASSED  \] [0-9]+ test/ {p += $4}
		/^ *[0-9]+ FAILED TEST\(S\)/ {f += $1}
		/^[0-9]+ passed, [0-9]+ failed/ {p += $1; f += $3}
		/^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped/ {s += $5}
		END {print p + 0, f + 0, s + 0}' "$1"
}
# What failed, one line each: a scenario's lines, cmocka's assertions, sanitizers' reports, or how it ended.
failures_in() { # FILE STATUS REASON
	grep -avE '^lint: .*( fine \(|: [0-9]+( of at most|$))|^lint: .* findings' "$1" | grep -aE '^FAIL(ED)?[: ]|^\[  FAILED  \] [a-z]|: error: Failure!|^lint: |^fuzz .* FAILED|ERROR: AddressSanitizer|runtime error:|LeakSanitizer: ' |
		cut -c1-300 | head -12
	case $3 in
	limit) echo "it did not end within its time" ;;
	left:*) echo "it left processes running: ${3#left:}" ;;
	esac
	[ "$2" = 0 ] || echo "ended with status $2, last words: $(tail -n 1 "$1" | cut -c1-200)"
}
# The last words of each log of its group, where nobody keeps the whole.
tails() { # NUMBER
	local f
	find "$log/$1" -type f \( -name log -o -name '*.log' -o -name enroll.out \) -size +0 2>/dev/null | sort | head -12 |
		while IFS= read -r f; do
			printf '      --- %s\n' "${f#"$log/$1/"}"
			tail -n 6 "$f" | cut -c1-300 | sed 's/^/      /'
		done
}
label_of() { # NUMBER
	case ${kinds[$1]} in
	asan | release) printf '%s (%s)' "${names[$1]}" "${kinds[$1]}" ;;
	*) printf '%s' "${names[$1]}" ;;
	esac
}
# What is said of a test that failed: at once in whole, and the short of it into FILE, for the end of the run.
tell_failure() { # FILE NUMBER STATUS SECONDS LOAD REASON
	local n=$2 kept=''
	grep -avE '^ok |^\[ *(RUN|OK)' "$log/$n.out" | tail -40 | cut -c1-400
	if [ -n "${CLAVIGER_KEEP:-}" ] && mkdir -p "$CLAVIGER_KEEP"; then
		kept=$CLAVIGER_KEEP/$(tr '/:' '__' <<<"${names[n]}").${kinds[n]}.$$.$n.${tries[n]}
		mv "$log/$n" "$kept" && cp "$log/$n.out" "$kept/output"
	else
		tails "$n"
	fi
	{
		printf '%s: try %s, %s s, load %s, seed %s%s\n' "$(label_of "$n")" "${tries[n]}" "$4" "$5" "$CLAVIGER_SEED" "${kept:+, kept in $kept}"
		failures_in "$log/$n.out" "$3" "$6" | sed 's/^/   /'
	} >"$1"
}
# A test has ended: it is counted, or is to be run again by itself.
ended() { # NUMBER
	local n=$1 status seconds user system load reason p f s
	read -r status seconds user system load reason <"$log/$n.report"
	running=$((running - 1)) tries[n]=$((${tries[n]:-0} + 1))
	read -r p f s <<<"$(count_in "$log/$n.out")"
	if [ "${kinds[n]}" = lint ]; then grep -a '^lint: ' "$log/$n.out"; fi
	if { [ "$status" != 0 ] || [ "$reason" != ended ]; } && [ "$f" = 0 ]; then f=1; fi
	[ $((p + f + s)) != 0 ] || f=1 # ran nothing
	# Sanitizers write to stderr; a report anywhere fails the test that made it.
	if grep -qaE 'ERROR: AddressSanitizer|runtime error:|LeakSanitizer' "$log/$n.out"; then f=$((f + 1)); fi
	printf '%-46s %5s passed %3s failed  %6s s, working %6s\n' "$(label_of "$n")" "$p" "$f" "$seconds" \
		"$(awk -v u="$user" -v s="$system" 'BEGIN {printf "%.1f", u + s}')"
	printf '%s %s %s %s %s %s\n' "${names[n]}" "$seconds" "$user" "$system" "$load" "${kinds[n]}" >>"$log/times"
	grep -aE '^      ' "$log/$n.out" | head -20
	if [ "$f" != 0 ] && [ "${tries[n]}" = 1 ]; then
		tell_failure "$log/$n.first" "$n" "$status" "$seconds" "$load" "$reason"
		# Where much fails it is no chance.
		if [ ${#again[@]} -lt 6 ] && [ "${kinds[n]}" != lint ]; then
			again+=("$n") f=0 p=0 s=0
			printf '      it will run again by itself\n'
		else
			cat "$log/$n.first" >>"$log/failed"
		fi
	elif [ "$f" != 0 ]; then
		tell_failure "$log/$n.second" "$n" "$status" "$seconds" "$load" "$reason"
		cat "$log/$n.first" "$log/$n.second" >>"$log/failed"
	elif [ "${tries[n]}" = 2 ]; then
		flaky=$((flaky + 1))
		cat "$log/$n.first" >>"$log/flaky"
		[ -z "$loaded" ] || f=1
	fi
	[ "${kinds[n]}" != lint ] || p=0 # looked at, not tested
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	rm -rf "${log:?}/$n" "$log/$n.out" "$log/$n.report"
}

# --- the run ---

look() { # what has ended
	local f
	for f in "$log"/*.report; do
		[ -e "$f" ] || continue
		f=${f##*/}
		ended "${f%.report}"
	done
}
run_queue() {
	local building
	while :; do
		builds_go_on && building=1 || building=''
		[ ${#queue[@]} != 0 ] || [ "$running" != 0 ] || [ -n "$building" ] || break
		look
		if [ ${#queue[@]} != 0 ] && room; then
			begin "${queue[0]}"
			queue=("${queue[@]:1}")
		else
			nap 0.1
		fi
	done
}
run_again() {
	local n
	queue=("${again[@]}")
	most=1
	run_queue
}

# What is built beside the tests: the sanitized programs and the fuzz targets. When a step is done its tests are added.
builds=() build_pid='' build_now=''
builds_go_on() {
	if [ -n "$build_pid" ] && ! kill -0 "$build_pid" 2>/dev/null; then
		if wait "$build_pid"; then
			"${build_now}_built"
		else
			failed=$((failed + 1))
			{ printf 'build of %s:\n' "$build_now"; grep -E 'error|\*\*\*|undefined' "$log/build.$build_now" | head -8 | sed 's/^/   /'; } >>"$log/failed"
			tail -n 30 "$log/build.$build_now"
		fi
		build_pid=''
	fi
	if [ -z "$build_pid" ] && [ ${#builds[@]} != 0 ]; then
		build_now=${builds[0]}
		builds=("${builds[@]:1}")
		"build_$build_now" >"$log/build.$build_now" 2>&1 &
		build_pid=$!
	fi
	[ -n "$build_pid" ]
}
build_asan() { nice -n 10 make -s -j"$cores" asan-build; }
asan_built() {
	local name
	if [ -n "$changed" ]; then
		changed_programs
		return
	fi
	add_programs asan build/asan
	for name in $asan_scenarios; do
		case $name in
		*:*) add asan "scenario/$name" "$script_limit" env CLAVIGER_SWEEP="${name#*:}" "tests/scenario/${name%:*}.sh" ;;
		*) add asan "scenario/$name" "$script_limit" "tests/scenario/$name.sh" ;;
		esac
	done
	sort_queue
}
build_fuzz() { nice -n 10 tests/fuzz/run --build; }
fuzz_built() {
	add fuzz fuzz $((fuzz_seconds + 600)) tests/fuzz/run --seconds "$fuzz_seconds"
}
fuzz_seconds=${CLAVIGER_FUZZ_SECONDS:-120}

# A machine that has other things to do.
load_begin_beside() {
	local i
	for ((i = 0; i < 2; i++)); do (while :; do :; done) & done
	disk=$(mktemp -d "$top/build/loaded.XXX")
	(while :; do dd if=/dev/zero of="$disk/written" bs=64k count=256 conv=fsync 2>/dev/null; done) &
}

close() {
	local n_failed
	[ -z "${disk:-}" ] || rm -rf "$disk"
	mkdir -p build
	[ ! -s "$log/times" ] || cp "$log/times" build/tests.times
	if [ -s "$log/flaky" ]; then
		printf '\nFlaky, failed once and passed when run again%s:\n' "${loaded:+, counted as failed}"
		head -n 12 "$log/flaky" | cut -c1-300
	fi
	if [ -s "$log/failed" ]; then
		n_failed=$(wc -l <"$log/failed")
		printf '\nFailed:\n'
		head -n 32 "$log/failed" | cut -c1-300
		[ "$n_failed" -le 32 ] || printf '   and %s lines more, above\n' $((n_failed - 32))
	fi
	printf '%s s in all; seed %s\n' "$((SECONDS - began))" "$CLAVIGER_SEED"
	[ "$flaky" = 0 ] || printf 'flaky: %s%s\n' "$flaky" "${loaded:+ (counted as failed beside a load)}"
	if [ "$skipped" != 0 ]; then
		printf '%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
	else
		printf '%s passed, %s failed\n' "$passed" "$failed"
	fi
	[ "$failed" = 0 ]
}

# --- the lanes ---

# The long lane in parts of an hour at most, each by itself.
long_parts='sweeps loads asan fuzz-1 fuzz-2'
is_sweep() { grep -qE '^step=' "$1"; }
long_lane() { # PART
	local t
	case " $long_parts " in *" $long "*) ;; *) printf 'tests/run --long PART, with one of: %s\n' "$long_parts"; exit 2 ;; esac
	script_limit=3300 fuzz_seconds=${CLAVIGER_FUZZ_SECONDS:-3000}
	make -s -j"$cores" all && make -s -j"$cores" test-build || exit 1
	case $long in
	sweeps | loads)
		export CLAVIGER_LONG=1
		for t in tests/scenario/*.sh; do
			if is_sweep "$t"; then [ "$long" != sweeps ] || add_script plain "$t"; else [ "$long" != loads ] || add_script plain "$t"; fi
		done
		[ "$long" != loads ] || add_programs plain build/test
		;;
	asan)
		make -s -j"$cores" asan-build || exit 1
		add_programs asan build/asan
		add_scripts asan
		;;
	fuzz-*)
		export CLAVIGER_FUZZ_HALF=${long#fuzz-}
		build_fuzz && fuzz_built
		;;
	esac
}
short_lane() {
	if [ -n "$plain" ]; then
		make -s -j"$cores" all && make -s -j"$cores" test-build || exit 1
		add_programs plain build/test
		add_scripts plain
		add release scenario/s02_inventory 300 tests/scenario/s02_inventory.sh
	fi
	[ -z "$lint" ] || add lint lint 2400 nice -n 5 make -s lint
	[ -z "$asan" ] || builds+=(asan)
	[ -z "$fuzz" ] || builds+=(fuzz)
}
changed_lane() {
	make -s -j"$cores" test-build || exit 1
	add_programs plain build/test
	add_scripts plain
	# shellcheck source=changed.sh
	. tests/lib/changed.sh
	changed_only
	builds+=(asan) # the programs among them; a leak is seen by nothing else
	[ ${#queue[@]} != 0 ] || printf 'nothing that changed is in a test\n'
}
suite_main() {
	read_lengths
	if [ -n "$long" ]; then long_lane; elif [ -n "$changed" ]; then changed_lane; else short_lane; fi
	[ -z "$loaded" ] || load_begin_beside
	if [ -n "$changed" ]; then shortest_first; else sort_queue; fi
	run_queue
	[ ${#again[@]} = 0 ] || run_again
	close
}
