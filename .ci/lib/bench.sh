# Benchmarks work, and allocate no more than their budget. Times are printed and never compared, because they depend on the
# machine.

BUDGET=$ROOT/.ci/allocations.txt # benchmark, most objects and most bytes for each operation

benchmarks() {
  local packages
  packages=$(grep -rl '^func Benchmark' --include='*_test.go' . | xargs -n1 dirname | sort -u)
  # shellcheck disable=SC2086 # a list of packages
  no_settings timeout --foreground -k 30 10m go test -vet=off -run '^$' -bench . -benchmem -benchtime "${BENCHTIME:-200ms}" -timeout 9m $packages |
    tee "$RUN/log/bench.log"
}

# Compares the benchmarks with their budgets. Every benchmark must have a line, and every line a benchmark.
within_budget() { # budget log
  awk '
    FNR == NR { if (NF && $1 !~ /^#/) { objects[$1] = $2; bytes[$1] = $3 } next }
    /^pkg: / { package = $2; sub(/^flashsale\//, "", package) }
    /^Benchmark/ {
      name = package "." $1
      sub(/-[0-9]+$/, "", name)
      for (i = 3; i < NF; i++) { if ($(i + 1) == "allocs/op") o = $i; if ($(i + 1) == "B/op") b = $i }
      seen[name] = 1
      if (!(name in objects)) { print name ": " o " objects and " b " bytes, but .ci/allocations.txt has no line for it"; bad = 1 }
      else if (o > objects[name] || b > bytes[name]) {
        print name ": " o " objects and " b " bytes for each operation; the budget is " objects[name] " and " bytes[name]; bad = 1
      }
    }
    END {
      for (name in objects) if (!(name in seen)) { print name ": in .ci/allocations.txt, but it did not run"; bad = 1 }
      exit bad
    }' "$1" "$2"
}

part_bench() {
  benchmarks
  within_budget "$BUDGET" "$RUN/log/bench.log"
  build_binary
  mkdir -p "$RUN/bench"
  cd "$RUN/bench" || return
  no_settings timeout --foreground -k 30 5m "$RUN/flashsale" bench --quick
  no_settings timeout --foreground -k 30 5m "$RUN/flashsale" bench --growth 1000 --streams 10
  no_settings timeout --foreground -k 30 5m "$RUN/flashsale" bench --curve --quick
}
