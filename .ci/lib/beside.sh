# Parts that only compute, and whose end only bench and what follows it wait for. In a run of several parts they run one after the other beside the parts
# that follow, which wait for servers and for time much of theirs: as idle processes, so that nobody waits for them. Their
# output is shown when they have ended.

COMPUTING=(cross model fuzz-build)
BESIDE=()       # those of this run
BESIDE_GROUP=   # the process group in which they run

# With one part alone, or with computing parts alone, there is nothing to run beside.
beside_choose() { # parts of the run
  local part others=0 chosen=()
  for part in "$@"; do
    if [[ " ${COMPUTING[*]} " == *" $part "* ]]; then chosen+=("$part"); else others=1; fi
  done
  ((others == 0)) || BESIDE=("${chosen[@]}")
}

# Starts all of them, when the first one is due.
beside_start() {
  local part
  [[ ! -e $RUN/beside ]] || return 0
  mkdir -p "$RUN/beside"
  for part in "${BESIDE[@]}"; do
    prepare "$part" >"$RUN/beside/$part.prepared" 2>&1 || touch "$RUN/beside/$part.unprepared"
  done
  printf '\n=== %s: beside the next parts\n' "${BESIDE[*]}"
  set -m
  beside_run </dev/null &
  BESIDE_GROUP=$!
  set +m
}

beside_run() {
  local part began rc
  set +m # one group for all of them
  chrt --idle --pid 0 "$BASHPID" 2>/dev/null || renice -n 19 -p "$BASHPID" >/dev/null
  for part in "${BESIDE[@]}"; do
    began=$SECONDS rc=0
    if [[ -e $RUN/beside/$part.unprepared ]]; then
      rc=1
    else
      (set -euo pipefail; "part_${part//-/_}") >"$RUN/beside/$part.out" 2>&1 &
      wait $! || rc=$?
    fi
    echo "$rc $((SECONDS - began))" >"$RUN/beside/$part.new"
    mv "$RUN/beside/$part.new" "$RUN/beside/$part.ended"
  done
}

# Shows those that have ended since the last time.
beside_show() {
  local part rc seconds verdict
  for part in "${BESIDE[@]}"; do
    [[ -e $RUN/beside/$part.ended && ! -e $RUN/beside/$part.shown ]] || continue
    touch "$RUN/beside/$part.shown"
    read -r rc seconds <"$RUN/beside/$part.ended"
    printf '\n=== %s, which ran beside\n' "$part"
    cat "$RUN/beside/$part.prepared" "$RUN/beside/$part.out" 2>/dev/null || true
    verdict="ok, beside others"
    if ((rc != 0)); then
      verdict=FAILED
      FAILED+=("$part")
      printf -- '--- %s FAILED\n' "$part"
    fi
    TIMES+=("$part $seconds $verdict")
  done
}

# Waits until all of them have ended, and shows them.
beside_wait() {
  [[ -n $BESIDE_GROUP ]] || return 0
  wait "$BESIDE_GROUP" || true
  stop_group "$BESIDE_GROUP"
  BESIDE_GROUP=
  beside_show
}
