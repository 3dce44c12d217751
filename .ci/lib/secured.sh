# PostgreSQL, Redis and Kafka as an operator would secure them, with the loss of a server in the middle of a sale, and certificates by
# ACME. The tests start them, make their certificates, and end each one by its process id.

PEBBLE_VERSION=v2.10.3 # letsencrypt/pebble, an authority for certificates
PEBBLE=$CACHE/pebble-$PEBBLE_VERSION-$(go env GOVERSION)/pebble

install_pebble() {
  [[ ! -x $PEBBLE ]] || return 0
  GOFLAGS='' GOBIN=$(dirname "$PEBBLE") retry 2 go install "github.com/letsencrypt/pebble/v2/cmd/pebble@$PEBBLE_VERSION" \
    >"$RUN/log/pebble.log" 2>&1 || { tail -5 "$RUN/log/pebble.log"; return 1; }
  echo "pebble $PEBBLE_VERSION: built"
}

# Slots that move in the middle of a sale are tested by hand: it takes minutes.
part_secured() {
  local program=$RUN/flashsale-secured # below $RUN, so that a process that is left behind is found
  go build -o "$program" . || return 1
  export CI=true FLASHSALE_TEST_SECURED=1 FLASHSALE_SECURED_PROGRAM=$program PEBBLE
  timeout --foreground -k 30 10m go test -count=1 -timeout 9m -vet=off -parallel 2 -skip '^(TestReshardingARedisClusterInASale|TestASlotThatIsHalfMoved)$' -v ./app/secured >"$RUN/log/secured.log" 2>&1 || {
    grep -v '"level":"INFO"' "$RUN/log/secured.log" | tail -150
    run_again secured go test -vet=off -v
    return # what follows reads the log of all of them
  }
  # What is refused, and what each failover cost.
  grep -E 'flashsale: |receipts lost|orders, |^ *--- |^ok' "$RUN/log/secured.log" | cut -c1-400
  # A test that was skipped has run nothing.
  ! grep -q '^ *--- SKIP' "$RUN/log/secured.log" || { echo "a test was skipped"; return 1; }
}
