# The fuzz targets of the decoders: 5 s each, two at a time on one processor each. A long run (FUZZTIME=10m) takes one after the
# other, on all processors. FUZZ='Body|Config' takes those whose name matches. An input that fails is printed and stays below
# testdata/fuzz of its package, where `go test` runs it again. A short run begins with the committed inputs, so that it is the
# same on every machine; a long one begins with the new inputs of earlier long ones, which are kept outside of the checkout.

part_fuzz() {
  local time=${FUZZTIME:-5s} package binary target rc=0 count=0 known=$RUN/fuzz/known at_once=2 workers=1 running=()
  [[ -z ${FUZZTIME:-} ]] || known=$CACHE/fuzz at_once=1 workers=$(nproc)
  mkdir -p "$RUN/fuzz"
  touch "$RUN/fuzz/began"
  while read -r package; do
    binary=$(fuzz_program "$package")
    fuzz_build "$package"
    while read -r target; do
      count=$((count + 1))
      fuzz_target "$package" "$binary" "$target" "$time" "$known" "$workers" &
      running+=($!)
      ((${#running[@]} < at_once)) || { fuzz_await "${running[@]}" || rc=1; running=(); }
    done < <(cd "$package" && "$binary" -test.list '^Fuzz' | grep -E "${FUZZ:-.}")
  done < <(fuzz_packages)
  fuzz_await "${running[@]}" || rc=1
  echo "$count targets, $time each"
  ((count > 0)) || { echo "no target found"; return 1; }
  ((rc == 0)) || fuzz_finds
  return $rc
}

# Building takes longer than fuzzing for some seconds. Hence it is a part of its own; part_fuzz builds
# what is missing.
part_fuzz_build() {
  local package count=0
  mkdir -p "$RUN/fuzz"
  while read -r package; do
    fuzz_build "$package"
    count=$((count + 1))
  done < <(fuzz_packages)
  echo "$count programs with fuzz targets"
}

fuzz_program() { # package
  echo "$RUN/fuzz/${1//\//_}.test"
}

# With -fuzz the program is instrumented; one serves all targets of its package.
fuzz_build() { # package
  local program
  program=$(fuzz_program "$1")
  [[ -x $program ]] || go test -c -fuzz=. -o "$program" "./$1"
}

# Fails when one of these targets does.
fuzz_await() { # process ids
  local pid rc=0
  for pid in "$@"; do wait "$pid" || rc=1; done
  return $rc
}

fuzz_packages() {
  grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u | sed 's#^\./##'
}

# Go before 1.27 sometimes reports the end of the time as a failure (golang/go#75804): the target ran for its whole time, no
# input failed, and the log says nothing else. An input that hangs gives another message.
fuzz_target() { # package binary target time known workers
  local log=$RUN/log/fuzz.${1//\//_}.$3.log rc=0
  fuzz_once "$@" || rc=$?
  printf '%-12s %-28s %s\n' "$1" "$3" "$(grep -aE '^fuzz: elapsed' "$log" | tail -1 | sed 's/^fuzz: elapsed: //')"
  ((rc != 0)) || return 0
  if only_the_deadline "$log"; then
    echo "$3: its time ended, no input failed"
    return 0
  fi
  echo "--- $3"
  grep -av '^fuzz: elapsed' "$log" | head -60
  return 1
}

only_the_deadline() { # log
  grep -aqE '^ +context deadline exceeded$' "$1" && ! grep -aqvE '^(fuzz: elapsed: .*|--- FAIL: Fuzz[A-Za-z]+ \(.*\)| +context deadline exceeded|FAIL|exit status 1|)$' "$1"
}

# A target runs in the directory of its seeds. Making an input smaller is bounded by tries and not by time: Go does it for
# every new input, also for those that pass, and a bound in time uses up the ten seconds.
fuzz_once() { # package binary target time known workers
  (cd "$1" && no_settings timeout --foreground -k 10 12h \
    "$2" -test.run='^$' -test.fuzz="^$3\$" -test.fuzztime="$4" -test.fuzzminimizetime=200x -test.parallel="$6" \
    -test.fuzzcachedir="$5/$1") >"$RUN/log/fuzz.${1//\//_}.$3.log" 2>&1 </dev/null
}

fuzz_finds() {
  local file
  while read -r file; do
    printf '\nfound: %s\n' "$file"
    head -c 2000 "$file"
  done < <(find . -path '*/testdata/fuzz/*' -type f -newer "$RUN/fuzz/began")
}
