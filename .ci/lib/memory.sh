# A directory in memory, for the files of servers that need no disk.

MEMORY_NEEDED=4 # GiB; a run takes about one

# Prints the directory, made on the first call. Fails where memory is short or no program may be run from there.
memory_dir() {
  local dir=/dev/shm/${RUN##*/} free available
  if [[ ! -d $dir ]]; then
    free=$(df --output=avail -B1G /dev/shm 2>/dev/null | tail -1)
    available=$(awk '/^MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo)
    ((${free:-0} >= MEMORY_NEEDED && ${available:-0} >= 2 * MEMORY_NEEDED)) || return 1
    mkdir -m 1777 "$dir" || return 1
    printf '#!/bin/sh\n' >"$dir/runs"
    chmod +x "$dir/runs"
    "$dir/runs" 2>/dev/null || { rm -rf "$dir"; return 1; }
  fi
  echo "$dir"
}

memory_removed() {
  rm -rf "/dev/shm/${RUN##*/}"
}
