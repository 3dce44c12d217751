# The model of the purchase protocol: every configuration holds, every mutant fails. One to three minutes on two cores.

part_model() {
  JOBS=2 timeout --foreground -k 10 10m sale/model/run
}

# Debian's spin and a C compiler, where they are missing.
install_spin() {
  local log=$RUN/log/spin.log
  command -v spin >/dev/null && command -v gcc >/dev/null && return
  if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
    echo "missing: spin gcc (on Debian: apt-get install spin gcc libc6-dev)"
    return 1
  fi
  retry 3 apt-get update -qq >>"$log" 2>&1 || echo "apt-get update complained: $(tail -1 "$log")"
  DEBIAN_FRONTEND=noninteractive retry 2 apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=300 spin gcc libc6-dev >>"$log" 2>&1 </dev/null || { tail -20 "$log"; return 1; }
  echo "packages: installed spin"
}
