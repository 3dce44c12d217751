# The product's own load generator against the product.

build_binary() {
  [[ -x $RUN/flashsale ]] || go build -o "$RUN/flashsale" .
}

# Every scenario, embedded, then accounts that sign in. The command starts an instance of its own and removes it.
part_stress() {
  build_binary
  mkdir -p "$RUN/stress"
  cd "$RUN/stress" || return
  no_settings timeout --foreground -k 30 15m "$RUN/flashsale" stress all
  stress_accounts
}

# STRESS_ACCOUNTS=0 leaves them out: a program without sign-in has no accounts.
stress_accounts() {
  local accounts=${STRESS_ACCOUNTS:-200}
  ((accounts > 0)) || { echo "stress --accounts: NOT RUN (STRESS_ACCOUNTS is 0)"; return; }
  grep -q -- --accounts < <("$RUN/flashsale" stress --help) || { echo "stress has no --accounts"; return 1; }
  no_settings timeout --foreground -k 30 5m "$RUN/flashsale" stress --accounts "$accounts"
}

instance_env() { # number port
  echo "PORT=$2" "HOST=127.0.0.1" "OPS_ADDR=127.0.0.1:$(cat "$RUN/instances/ops$1")" \
    "DATA_DIR=$RUN/instances/data$1" "NAMESPACE=ci_stress" "DEMO=true" "LOG_FORMAT=json"
}

instance_ready() { # url
  curl -fsS -m 2 -o /dev/null "$1/readyz"
}

# SIGTERM must end an instance with 0 within ten seconds.
instance_stop() { # number pid
  local began=${EPOCHREALTIME/./} rc=0 took
  kill -TERM "$2"
  (sleep 20 && kill -KILL "$2") 2>/dev/null &
  local killer=$!
  wait "$2" || rc=$?
  kill "$killer" 2>/dev/null || true
  took=$(((${EPOCHREALTIME/./} - began) / 1000))
  echo "instance $1: SIGTERM, exit $rc after $took ms"
  ((rc == 0 && took < 10000)) || { tail -15 "$RUN/log/instance$1.log"; return 1; }
}

# Two instances on the same real servers, no balancer: shoppers pick one at random. Then the invariants.
part_stress_real() {
  local n port ports=() pids=() urls=() rc=0
  build_binary
  mkdir -p "$RUN/instances"
  cd "$RUN/instances" || return
  for n in 1 2; do
    free_port port
    ports[n]=$port
    free_port port
    echo "$port" >"ops$n"
  done
  for n in 1 2; do
    # shellcheck disable=SC2046 # a list of assignments without spaces
    (exec env $(instance_env $n "${ports[n]}") "$RUN/flashsale" serve) >"$RUN/log/instance$n.log" 2>&1 &
    pids[n]=$!
    urls+=(--url "http://127.0.0.1:${ports[n]}")
  done
  for n in 1 2; do
    wait_until 60 "instance $n" "${pids[n]}" instance_ready "http://127.0.0.1:${ports[n]}" ||
      { tail -15 "$RUN/log/instance$n.log"; kill "${pids[@]}" || true; return 1; }
  done
  no_settings timeout --foreground -k 30 10m "$RUN/flashsale" stress 1000 "${urls[@]}" || rc=1
  # shellcheck disable=SC2046
  env $(instance_env 1 "${ports[1]}") timeout --foreground -k 10 2m "$RUN/flashsale" verify || rc=1
  for n in 1 2; do instance_stop "$n" "${pids[n]}" || rc=1; done
  return $rc
}
