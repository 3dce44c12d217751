# The tests: on the embedded stack with the race detector, in a browser without it, then against real servers.

# Runs a command without the product's settings of this machine.
no_settings() {
  env -u PORT -u HOST -u OPS_ADDR -u DATA_DIR -u NAMESPACE -u DEMO -u DEMO_HOSTS -u CORS_ORIGINS \
    -u DATABASE_URL -u DB_HOST -u DB_PORT -u DB_USERNAME -u DB_PASSWORD -u DB_NAME -u DB_SSLMODE \
    -u REDIS_URL -u KAFKA_BROKERS -u KAFKA_TLS -u KAFKA_SASL -u MAX_STOCK \
    -u FLASH_SALE_START_TIME -u FLASH_SALE_END_TIME -u LOG_LEVEL -u LOG_FORMAT "$@"
}

# Tests that open a browser. Their helpers hold them to the name.
BROWSER='^TestBrowser'

# Embedded servers lie in memory: a disk that is slow makes a part twice as long, and what a disk does to them is seen by test-real.
in_memory() {
  local dir
  export CI=true
  dir=$(memory_dir) || return 0
  export TMPDIR=$dir GOTMPDIR=$RUN/t
}

# The README's `go test ./...`, with the race detector and without a browser. The part build has run go vet. A program with the race
# detector sleeps for a second before it ends, unless GORACE says otherwise, and so does each guardian of an embedded PostgreSQL, for
# which its program waits; a race is printed when it happens.
part_test() {
  in_memory
  export GORACE="atexit_sleep_ms=20"
  no_settings timeout --foreground -k 30 45m \
    go test -count=1 -shuffle=on -timeout 38m -vet=off -race -skip "$BROWSER" ./... 2>&1 |
    tee "$RUN/log/test.log" || run_again test no_settings go test -vet=off -race
}

# The rest of `go test ./...`: what pages do in a browser, whose own work is most of the time. The race detector sees the same
# handlers and streams in part_test, and would make the instance behind a page several times as slow.
part_pages() {
  local packages
  in_memory
  packages=$(browser_packages) || { echo "no test of a browser can be found"; return 1; }
  # shellcheck disable=SC2086 # a list of packages
  no_settings timeout --foreground -k 30 30m \
    go test -count=1 -shuffle=on -timeout 20m -vet=off -run "$BROWSER" $packages 2>&1 |
    tee "$RUN/log/pages.log" || run_again pages no_settings go test -vet=off
}

browser_packages() {
  grep -rlE --include='*_test.go' "^func ${BROWSER#^}" . | xargs -r -n 1 dirname | sort -u
}

# The packages for which the second run may differ from the first: their tests ask for servers, which is possible through
# embeddedtest only, and not for PostgreSQL alone. Those that take longest come first, and the fault tests, which wait most, before all.
tested_again() {
  local package
  go list -test -f '{{if eq .Name "main"}}{{.ImportPath}} {{join .Deps " "}} {{end}}' ./... |
    awk '/ flashsale\/app\/embedded\/embeddedtest / { sub(/\.test$/, "", $1); print $1 }' |
    while read -r package; do postgres_alone "${package#flashsale/}" || echo "$package"; done |
    sort -u | awk '/app\/resilience$/ { print; next } /app\/instance$/ { long = $0 "\n"; next } { rest = rest $0 "\n" } END { printf "%s%s", long, rest }'
}

# Tests in files that are not built with the race detector, which part_test therefore leaves out: "package test", a line each.
not_raced() {
  local format='{{range .TestGoFiles}}{{$.ImportPath}} {{$.Dir}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$.ImportPath}} {{$.Dir}}/{{.}}{{"\n"}}{{end}}'
  local package file
  comm -23 <(go list -f "$format" ./... | sort) <(go list -race -f "$format" ./... | sort) | while read -r package file; do
    [[ -z $package ]] || tests_of "$file" | sed "s,^,$package ,"
  done
}

# Files of tests of app/instance for which other servers change nothing, because what they look at is in PostgreSQL and on pages: the
# desk and its forms, pages, pictures and proofs, mails, names, exports, signing in. Faults, and what instances tell each other, are in
# other files.
PAGES_AND_ACCOUNTS='(act_(form|lock|users)|desk(_[a-z]+)?|export_[a-z]+|hostile_names(_list)?|mailing|pictures|proof|reminder|replica|reverse_proxy|sale_pages|second_factor|sign_in|sign_in_tokens)_test.go'

# The names of these tests, but for those in which shoppers buy, and without those that a test of another package has too.
pages_and_accounts() {
  local here
  here=$(find app/instance -maxdepth 1 -regextype posix-extended -regex "app/instance/$PAGES_AND_ACCOUNTS" | sort)
  # shellcheck disable=SC2086 # a list of files
  comm -23 <(tests_of $here | grep -vE 'Buys|TwoSales' | sort -u) <(grep -rlE --include='*_test.go' '^func Test' . | sed 's,^\./,,' | grep -vxF "$here" | xargs sed -n "$A_TEST" | sort -u)
}

# The names of the tests in files.
A_TEST='s/^func \(Test[A-Za-z0-9_]*\)(t \*testing.*/\1/p'
tests_of() { sed -n "$A_TEST" "$@"; }

# A pattern for go test of the names on standard input.
only() { paste -sd '|' - | sed 's/.*/^(&)$/'; }

# True for a package whose tests name neither Redis nor Kafka nor an instance. The PostgreSQL that it meets is the same program embedded
# and not. The ledger decides every purchase, so its tests run on both.
postgres_alone() { # directory
  [[ $1 != sale/ledger ]] && ! grep -qE 'Redis|rueidis|[Kk]afka|instancetest|NewProxy' "$1"/*_test.go
}

# With COVERAGE=1 it counts what every test of every package covers; every test program then holds all packages, which takes time.
part_test_real() {
  export CI=true FLASHSALE_TEST_REAL=1
  local packages left_out unraced options=()
  packages=$(tested_again) left_out=$(pages_and_accounts)
  unraced=$(not_raced | grep -vFf <(sed 's/$/ /' <<<"$packages"))
  [[ $(wc -l <<<"$packages") -ge 15 ]] || { echo "the packages that ask for servers cannot be found"; return 1; }
  [[ $(wc -l <<<"$left_out") -ge 30 ]] || { echo "the tests of pages and accounts cannot be found"; return 1; }
  [[ $(wc -l <<<"$unraced") -ge 5 ]] || { echo "the tests without the race detector cannot be found"; return 1; }
  if [[ -n ${COVERAGE:-} ]]; then
    packages=./... options=(-covermode=set -coverpkg=./... -coverprofile="$RUN/cover.out")
  else
    options=(-skip "$(only <<<"$left_out")")
  fi
  # shellcheck disable=SC2046,SC2086 # lists of packages
  {
    rc=0
    timeout --foreground -k 30 30m go test -count=1 -timeout 20m -vet=off "${options[@]}" $packages || rc=1
    go test -count=1 -timeout 5m -vet=off -run "$(cut -d ' ' -f 2 <<<"$unraced" | only)" $(cut -d ' ' -f 1 <<<"$unraced" | sort -u) || rc=1
    exit $rc
  } 2>&1 | tee "$RUN/log/test-real.log" || run_again test-real go test -vet=off
}

# Messages of the tests and of Go that show a defect, however rarely they appear.
DEFECT='DATA RACE|^panic:|test timed out|unexpected goroutines|build failed|setup failed|\bI[1-7] (is )?broken|[Oo]versold|promises broken|sold twice|two receipts'

# A test that waits for something may fail on a machine that stops for seconds. Up to four failed tests run once more, alone. One that passes
# then is unsteady, and the report names it. A failure with a message of DEFECT is not run again.
run_again() { # part, then the command of go test
  local log=$RUN/log/$1.log part=$1 package test rc=0
  shift
  if grep -aE "$DEFECT" "$log" >"$RUN/defects"; then
    printf '\na defect, so not run again:\n'
    head -5 "$RUN/defects"
    return 1
  fi
  failed_tests "$log" >"$RUN/failed" && (($(wc -l <"$RUN/failed") <= 4)) || return 1
  while read -r package test; do
    printf '\n--- %s of %s failed; once more, alone\n' "$test" "$package"
    if "$@" -count=1 -timeout 14m -run "^$test\$" "$package"; then
      echo "$part: $test of $package failed among all tests and passed alone" >>"$RUN/unsteady"
    else
      rc=1
    fi
  done <"$RUN/failed"
  return $rc
}

# The tests that failed, with their package. Fails when a package failed without naming a test.
failed_tests() { # log
  awk '
    /^--- FAIL: / { tests[++count] = $3 }
    /^ok[ \t]/ { count = 0 }
    /^FAIL[ \t]+[^ \t]/ {
      if (!count) bad = 1
      for (i = 1; i <= count; i++) print $2, tests[i]
      count = 0; seen = 1
    }
    END { exit bad || !seen }' "$1"
}

# Coverage by package: a block counts as covered when any package's tests ran it. Generated code and code for tests
# do not count.
coverage_table() { # profile
  awk '
    /^mode:/ || /_templ\.go:/ || /embeddedtest\// || /resilience\// { next }
    { statements[$1] = $2; if ($3 > 0) covered[$1] = 1 }
    END {
      for (block in statements) {
        package = block
        sub(/\/[^\/]*$/, "", package)
        all[package] += statements[block]; sum += statements[block]
        if (block in covered) { hit[package] += statements[block]; hits += statements[block] }
      }
      for (package in all) printf "%-34s %6.1f %%  of %5d statements\n", package, 100 * hit[package] / all[package], all[package]
      if (sum) printf "%-34s %6.1f %%  of %5d statements\n", "~all", 100 * hits / sum, sum
    }' "$1" | sort | sed 's/^~all/all /'
}
