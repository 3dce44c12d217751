# The tests, twice: on the embedded stack with the race detector, then against real servers.

# Settings of the machine must not leak into a run that claims to have none.
no_settings() {
  env -u PORT -u HOST -u OPS_ADDR -u DATA_DIR -u NAMESPACE -u DEMO -u DEMO_HOSTS -u CORS_ORIGINS \
    -u DATABASE_URL -u DB_HOST -u DB_PORT -u DB_USERNAME -u DB_PASSWORD -u DB_NAME -u DB_SSLMODE \
    -u REDIS_URL -u KAFKA_BROKERS -u KAFKA_TLS -u KAFKA_SASL -u MAX_STOCK \
    -u FLASH_SALE_START_TIME -u FLASH_SALE_END_TIME -u LOG_LEVEL -u LOG_FORMAT "$@"
}

# The README's `go test ./...`, with the race detector and coverage of every package by every test.
part_test() {
  no_settings timeout --foreground -k 30 25m \
    go test -count=1 -shuffle=on -timeout 15m -race -covermode=atomic -coverpkg=./... -coverprofile="$RUN/cover.out" ./... 2>&1 | tee "$RUN/log/test.log"
}

part_test_real() {
  CI=true FLASHSALE_TEST_REAL=1 timeout --foreground -k 30 25m go test -count=1 -timeout 15m ./... 2>&1 |
    tee "$RUN/log/test-real.log"
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
