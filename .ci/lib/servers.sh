# Real redis-server, PostgreSQL and Apache Kafka (KRaft) on free loopback ports, everything below $RUN. They are
# children of this shell, known by process id, and end with it.

SERVERS=() # "name pid signal"

# A port nobody listens on, below the range of outgoing connections. Not handed out twice in one run.
free_port() { # name of the variable
  local candidate
  for _ in {1..200}; do
    candidate=$((20000 + RANDOM % 10000))
    [[ " $PORTS_TAKEN " == *" $candidate "* ]] && continue
    (exec 3<>"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null && continue
    PORTS_TAKEN+=" $candidate"
    printf -v "$1" %s "$candidate"
    return
  done
  echo "no free port found"
  return 1
}
PORTS_TAKEN=

wait_until() { # seconds what pid command...
  local limit=$((SECONDS + $1)) what=$2 pid=$3
  shift 3
  until "$@" >/dev/null 2>&1; do
    kill -0 "$pid" 2>/dev/null || { echo "$what ended while starting"; return 1; }
    ((SECONDS < limit)) || { echo "$what is not ready in time"; return 1; }
    sleep 0.1
  done
}

# Ends one process: first by its own signal, then by force after the grace period (seconds).
stop_process() { # pid signal grace
  local limit=$((SECONDS + $3))
  kill "-$2" "$1" 2>/dev/null || return 0
  while kill -0 "$1" 2>/dev/null && ((SECONDS < limit)); do sleep 0.1; done
  kill -KILL "$1" 2>/dev/null || true
}

# Remembers a server for servers_stop. It is no longer a job of the shell, because the shell prints the end of its jobs.
server_started() { # name pid signal
  SERVERS+=("$1 $2 $3")
  disown "$2"
}

servers_stop() {
  local entry pid signal
  for entry in "${SERVERS[@]}"; do
    read -r _ pid signal <<<"$entry"
    stop_process "$pid" "$signal" 15
  done
  SERVERS=()
}

servers_logs() {
  local log
  for log in "$RUN"/log/{redis,postgres,kafka}.log; do
    [[ -s $log ]] || continue
    echo "--- end of $(basename "$log")"
    tail -12 "$log"
  done
}

redis_start() {
  local port pid
  free_port port || return 1
  mkdir -p "$RUN/redis"
  redis-server --port "$port" --bind 127.0.0.1 --dir "$RUN/redis" --save '' --appendonly no \
    --maxclients 10000 >"$RUN/log/redis.log" 2>&1 </dev/null &
  pid=$!
  server_started redis $pid TERM
  wait_until 15 redis-server $pid redis-cli -h 127.0.0.1 -p "$port" ping || return 1
  export REDIS_URL=redis://127.0.0.1:$port
}

postgres_start() {
  local bin port pid data=$RUN/postgres as=()
  bin=$(postgres_bin) || { echo "no PostgreSQL 15 or newer"; return 1; }
  free_port port || return 1
  mkdir -p "$data"
  if ((EUID == 0)); then # PostgreSQL refuses to run as root; setpriv replaces itself, so the process id is the server's
    chown postgres "$data" || return 1
    as=(setpriv --reuid=postgres --regid=postgres --init-groups --)
  fi
  (cd "$data" && "${as[@]}" "$bin/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C.UTF-8) >"$RUN/log/postgres.log" 2>&1 ||
    { tail -5 "$RUN/log/postgres.log"; return 1; }
  # fsync and synchronous_commit stay on: the cost of a commit is part of the test.
  (cd "$data" && exec "${as[@]}" "$bin/postgres" -D "$data" -p "$port" -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories= -c max_connections=400 -c shared_buffers=256MB -c max_wal_size=2GB \
    -c max_locks_per_transaction=256) >"$RUN/log/postgres.log" 2>&1 </dev/null &
  pid=$!
  server_started postgres $pid INT # INT: disconnect everybody, shut down cleanly
  wait_until 30 PostgreSQL $pid "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" -U postgres || return 1
  export DATABASE_URL="postgres://postgres@127.0.0.1:$port/postgres?sslmode=disable"
}

kafka_properties() { # client port, controller port
  cat <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$2
listeners=CLIENT://127.0.0.1:$1,CONTROLLER://127.0.0.1:$2
advertised.listeners=CLIENT://127.0.0.1:$1
listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLIENT
log.dirs=$RUN/kafka/data
num.partitions=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
PROPERTIES
}

kafka_start() {
  local port controller pid dir=$RUN/kafka
  free_port port && free_port controller || return 1
  mkdir -p "$dir"
  kafka_properties "$port" "$controller" >"$dir/server.properties"
  (cd "$dir" && exec java -Xmx256m -cp "$KAFKA_LIBS/*" kafka.tools.StorageTool format \
    -t "A$(head -c 15 /dev/urandom | base64 | tr '+/' '-_')A" -c server.properties) >"$RUN/log/kafka.log" 2>&1 </dev/null ||
    { tail -5 "$RUN/log/kafka.log"; return 1; }
  (cd "$dir" && exec java -Xmx512m -cp "$KAFKA_LIBS/*" kafka.Kafka server.properties) >"$RUN/log/kafka.log" 2>&1 </dev/null &
  pid=$!
  server_started kafka $pid TERM
  wait_until 60 "Apache Kafka" $pid grep -q 'Kafka Server started' "$RUN/log/kafka.log" || return 1
  export KAFKA_BROKERS=127.0.0.1:$port
}

# Runs in this shell, not in a part's own process, so that the servers outlive the part.
servers_start() {
  ((${#SERVERS[@]} == 0)) || return 0
  local rc=0
  set -m # process groups of their own: Ctrl-C then reaches only this shell, which ends each server by its own signal
  { redis_start && postgres_start && kafka_start; } || rc=1
  set +m
  ((rc == 0)) || { servers_logs; return 1; }
  echo "redis-server $(redis-server --version | sed 's/.*v=\([0-9.]*\).*/\1/') at $REDIS_URL"
  echo "$("$(postgres_bin)/postgres" --version) at $DATABASE_URL"
  echo "Apache Kafka $KAFKA_VERSION at $KAFKA_BROKERS"
}
