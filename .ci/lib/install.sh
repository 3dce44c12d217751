# Installs what a new machine lacks: Debian's packages, the linter, the jars of one Kafka broker, checkers. All but the first are kept in
# $CACHE for the next run.

LINT_VERSION=v2.15.0
KAFKA_VERSION=4.1.0
LINT=$CACHE/golangci-lint-$LINT_VERSION-$(go env GOVERSION)/golangci-lint
export KAFKA_LIBS=$CACHE/kafka-$KAFKA_VERSION # tests of faults start brokers of their own

# The newest installed PostgreSQL's programs, 15 at least.
postgres_bin() {
  local dir
  dir=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -t/ -k5 -rn | head -1)
  [[ -x $dir/initdb && $(basename "$(dirname "$dir")") -ge 15 ]] && echo "$dir"
}

missing_packages() {
  local list=() program
  command -v redis-server >/dev/null || list+=(redis-server)
  postgres_bin >/dev/null || list+=(postgresql)
  command -v chromium >/dev/null || command -v google-chrome >/dev/null || list+=(chromium)
  command -v java >/dev/null || list+=(openjdk-17-jre-headless)
  command -v mvn >/dev/null || list+=(maven)
  command -v curl >/dev/null || list+=(curl)
  for program in nginx haproxy caddy; do # tests of balancers
    command -v "$program" >/dev/null || [[ -x /usr/sbin/$program ]] || list+=("$program")
  done
  command -v buildah >/dev/null || list+=(buildah)
  command -v pgrep >/dev/null || list+=(procps)
  command -v systemd-analyze >/dev/null || list+=(systemd)
  python3 -c 'import ensurepip, venv' 2>/dev/null || list+=(python3-venv)
  command -v gcc >/dev/null || list+=(gcc libc6-dev) # the race detector needs cgo
  echo "${list[*]}"
}

retry() { # times command...
  local times=$1 n
  shift
  for ((n = 1; n <= times; n++)); do
    "$@" && return 0
    sleep $((n * 3))
  done
  return 1
}

policy_removed() {
  [[ ! -e $RUN/policy-made ]] || rm -f /usr/sbin/policy-rc.d "$RUN/policy-made"
}

install_packages() {
  local missing log=$RUN/log/apt.log
  missing=$(missing_packages)
  [[ -z $missing ]] && { return; }
  if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
    echo "missing: $missing (on Debian: apt-get install $missing)"
    return 1
  fi
  # Debian starts the servers that it installs. Nothing here uses them, so a policy file prevents it.
  if [[ ! -e /usr/sbin/policy-rc.d ]]; then
    touch "$RUN/policy-made"
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
  fi
  # A package source that does not answer must not stop the run: what counts is whether the programs are there afterwards.
  retry 3 apt-get update -qq >>"$log" 2>&1 || echo "apt-get update complained: $(tail -1 "$log")"
  # shellcheck disable=SC2086 # a list of words
  DEBIAN_FRONTEND=noninteractive retry 2 apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=300 $missing >>"$log" 2>&1 </dev/null || true
  policy_removed
  if [[ -n $(missing_packages) ]]; then
    tail -20 "$log"
    echo "still missing after apt-get install: $(missing_packages)"
    return 1
  fi
  echo "packages: installed $missing"
}

install_linter() {
  [[ -x $LINT ]] && return
  local new=$LINT.new.$$
  mkdir -p "$new"
  GOFLAGS='' GOBIN=$new retry 2 \
    go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$LINT_VERSION" >"$RUN/log/lint.log" 2>&1 ||
    { tail -20 "$RUN/log/lint.log"; rm -rf "$new"; return 1; }
  mv "$new/golangci-lint" "$LINT"
  rm -rf "$new"
  echo "golangci-lint $LINT_VERSION: built"
}

install_kafka() {
  [[ -d $KAFKA_LIBS ]] && return
  local new=$KAFKA_LIBS.new.$$
  mkdir -p "$new"
  retry 3 mvn -q -B -f "$ROOT/.ci/kafka/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$new" >"$RUN/log/mvn.log" 2>&1 ||
    { tail -20 "$RUN/log/mvn.log"; rm -rf "$new"; return 1; }
  mv "$new" "$KAFKA_LIBS"
  echo "Apache Kafka $KAFKA_VERSION: fetched"
}

part_install() {
  install_packages && install_linter && install_kafka && install_cyclonedx && install_pebble && install_promtool && install_kubernetes_validate || return 1
  retry 3 go mod download >"$RUN/log/download.log" 2>&1 || { tail -5 "$RUN/log/download.log"; return 1; }
  echo "everything is there: Debian's packages, golangci-lint $LINT_VERSION, Apache Kafka $KAFKA_VERSION, cyclonedx-gomod, pebble, promtool, kubernetes-validate, Go modules"
}
