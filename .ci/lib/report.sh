# The report at the end of a run, and the checks for what a run must not leave behind.

# Processes that name our directory in their command line: every test binary, instance and embedded server lies below
# $RUN or the directory in memory, which has the same last name, so one that is still there after its part is a leak.
left_behind() {
  local tries found
  for tries in {1..50}; do
    found=$(ours_running)
    [[ -n $found ]] || return 0
    sleep 0.1
  done
  echo "still running after $((tries / 10)) s:"
  while read -r pid command; do
    echo "  $pid $command"
    kill -KILL "$pid" 2>/dev/null || true
  done <<<"$found"
  return 1
}

ours_running() {
  local dir pid command entry name=${RUN##*/} known=" $$ $BASHPID "
  for entry in "${SERVERS[@]}"; do known+="$(cut -d' ' -f2 <<<"$entry") "; done
  for dir in /proc/[0-9]*; do
    pid=${dir#/proc/}
    [[ $known == *" $pid "* ]] && continue
    [[ -z $ASIDE || $(process_group "$pid") != "$ASIDE" ]] || continue
    command=$(tr '\0' ' ' <"$dir/cmdline") 2>/dev/null || continue
    [[ $command == *"$name"* ]] || continue
    echo "$pid ${command:0:120}"
  done 2>/dev/null
  return 0
}

process_group() { # process id
  sed 's/.*) . [0-9]* \([0-9]*\) .*/\1/' "/proc/$1/stat" 2>/dev/null
}

# A run on a fresh clone (CI=true) must leave it as it was. In other checkouts files may be edited during the run.
checkout_state() {
  git status --porcelain --ignored
}

checkout_changed() {
  [[ ${CI:-} == true ]] || return 1
  checkout_state | diff "$RUN/checkout" - >"$RUN/checkout.diff" && return 1
  printf '\nthe run left this in the checkout:\n'
  grep '^[<>]' "$RUN/checkout.diff"
}

# Work and rest of this machine's processors until now, in ticks; empty where the kernel does not tell.
processor_time() {
  awk '/^cpu / { rest = $5 + $6; for (i = 2; i <= 9; i++) all += $i; print all - rest, rest }' /proc/stat 2>/dev/null
}

# The share of the processors that worked between two times. A part that leaves much of them could share them with another.
busy() { # earlier later
  awk -v before="$1" -v after="$2" 'BEGIN {
    if (split(before, b, " ") != 2 || split(after, a, " ") != 2 || a[1] + a[2] == b[1] + b[2]) { print "-"; exit }
    printf "%.0f%%\n", 100 * (a[1] - b[1]) / (a[1] + a[2] - b[1] - b[2])
  }'
}

report() {
  local line part seconds busy verdict
  if [[ -s $RUN/cover.out ]]; then
    printf '\ncoverage by package (all tests, real servers)\n'
    coverage_table "$RUN/cover.out"
  fi
  ! checkout_changed || FAILED+=(checkout)
  printf '\n%-12s %7s %6s\n' part seconds busy
  for line in "${TIMES[@]}"; do
    read -r part seconds busy verdict <<<"$line"
    printf '%-12s %7d %6s  %s\n' "$part" "$seconds" "$busy" "$verdict"
  done
  printf '%-12s %7d\n' all "$SECONDS"
  if [[ -s $RUN/unsteady ]]; then
    printf '\nunsteady tests, to be fixed:\n'
    sed 's/^/  /' "$RUN/unsteady"
  fi
  ((${#FAILED[@]} > 0)) || return 0
  printf '\nFAILED: %s\n' "${FAILED[*]}"
  for part in test pages test-real; do # once more, for a reader who begins at the end
    [[ -s $RUN/log/$part.log ]] || continue
    grep -E '^ *--- FAIL|^panic:|^FAIL[[:space:]]+[a-z]|DATA RACE' "$RUN/log/$part.log" | sort -u | head -30 | sed "s/^/  $part: /" || true
  done
}

# For local work: `go test ./...` in another terminal with these variables runs against real servers.
serve_servers() {
  prepare servers || exit 1
  printf '\nexport REDIS_URL=%q DATABASE_URL=%q KAFKA_BROKERS=%q KAFKA_LIBS=%q FLASHSALE_TEST_REAL=1\n\nCtrl-C ends them.\n' \
    "$REDIS_URL" "$DATABASE_URL" "$KAFKA_BROKERS" "$KAFKA_LIBS"
  while :; do # `wait` hears signals at once, a foreground sleep would not
    sleep 2 &
    wait $!
  done
}
