# Two versions side by side: the program of the commit named in .ci/previous, and this tree's. Then the one takes the other's place.

previous_commit() {
  grep -v '^#' "$ROOT/.ci/previous" | tr -d '[:space:]'
}

# Builds the version before from an archive of its commit, so that the checkout stays as it is. Kept for the next run.
build_previous() { # commit
  local program=$CACHE/previous-$1-$(go env GOVERSION)/flashsale dir=$RUN/previous
  mkdir -p "$dir" "$(dirname "$program")"
  if [[ ! -x $program ]]; then
    git archive "$1" | tar -x -C "$dir" || return 1
    (cd "$dir" && go build -buildvcs=false -o "$program.new.$$" .) || { rm -f "$program.new.$$"; return 1; }
    mv "$program.new.$$" "$program" || return 1
  fi
  PREVIOUS=$RUN/flashsale-before # below $RUN, so that a process that is left behind is found
  cp "$program" "$PREVIOUS"
}

# Asked before servers are started for nothing.
previous_known() {
  local commit
  commit=$(previous_commit)
  git merge-base --is-ancestor "$commit^{commit}" HEAD 2>/dev/null && return
  echo "the version before, commit ${commit:-(none is named)} of .ci/previous, is not in this clone's history:" \
    "fetch all of it (git fetch --unshallow) or renew .ci/previous"
  return 1
}

part_versions() {
  local commit
  commit=$(previous_commit)
  build_previous "$commit"
  echo "the version before: $(git log -1 --format='%h %s' "$commit")"
  export CI=true FLASHSALE_TEST_REAL=1 FLASHSALE_PREVIOUS=$PREVIOUS VERSIONS_TIME=${VERSIONS_TIME:-60s} RESILIENCE_RESULTS=
  timeout --foreground -k 30 10m go test -count=1 -timeout 9m -v -run '^(TestTwoVersions|TestRollingUpgrade)$' ./app/resilience 2>&1 |
    tee "$RUN/log/versions.log" | grep -v '"level":"INFO"'
  # A test that was skipped has compared nothing.
  grep -q '^ *--- PASS: TestTwoVersions/sell' "$RUN/log/versions.log" || { echo "the two versions did not run side by side"; return 1; }
  grep -q '^ *--- PASS: TestRollingUpgrade/sell' "$RUN/log/versions.log" || { echo "no instance of the version before was replaced"; return 1; }
}
