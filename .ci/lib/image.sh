# The image: built without an engine from the very Dockerfile in compose.yaml, taken apart, and run against the real servers.
#
# No registry is reached. The two images that the Dockerfile begins with are made here under their names: the present Go on a
# root with a shell, and an empty root with certificates and time zones. So what is proved is the Dockerfile and what it makes,
# not those two images.

CYCLONEDX_VERSION=v1.9.0
CYCLONEDX=$CACHE/cyclonedx-gomod-$CYCLONEDX_VERSION-$(go env GOVERSION)/cyclonedx-gomod
IMAGE_LIMIT=$((45 * 1000 * 1000)) # bytes, compressed
BUILD_BASE=docker.io/library/golang:1.26
RUN_BASE=gcr.io/distroless/static:nonroot

install_cyclonedx() {
  [[ ! -x $CYCLONEDX ]] || return 0
  GOFLAGS='' GOBIN=$(dirname "$CYCLONEDX") retry 2 go install "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$CYCLONEDX_VERSION" \
    >"$RUN/log/cyclonedx.log" 2>&1 || { tail -5 "$RUN/log/cyclonedx.log"; return 1; }
  echo "cyclonedx-gomod $CYCLONEDX_VERSION: built"
}

builder() {
  buildah --storage-driver vfs --root "$RUN/image/storage" --runroot "$RUN/image/run" "$@"
}

# Why the image cannot be built here; nothing when it can.
image_hindrance() {
  ((EUID == 0)) || { echo "needs root, for buildah's chroot and for mounts"; return; }
  command -v buildah >/dev/null || { echo "there is no buildah"; return; }
  unshare --mount true 2>/dev/null || echo "this machine allows no mounts (unshare --mount)"
}

# A program of this system with the libraries that it needs.
take_program() { # root program
  local library
  install -D "$2" "$1$2"
  ldd "$2" | grep -oE '/[^ ]+' | while read -r library; do [[ -e $1$library ]] || install -D "$library" "$1$library"; done
}

make_build_base() {
  local container root
  container=$(builder from scratch)
  root=$(builder mount "$container")
  mkdir -p "$root"/{bin,etc,go,proc,dev,sys,root,usr/local/go} && mkdir -m 1777 "$root/tmp"
  take_program "$root" "$(readlink -f /bin/sh)"
  [[ -e $root/bin/sh ]] || ln -s "$(readlink -f /bin/sh)" "$root/bin/sh"
  printf 'root:x:0:0:root:/root:/bin/sh\n' >"$root/etc/passwd"
  tar -C "$(go env GOROOT)" --exclude=./test --exclude=./doc --exclude=./api -cf - . | tar -C "$root/usr/local/go" -xf -
  # The modules come from this machine's cache, which the build mounts: they are what go.sum says, as from any proxy.
  builder config --env PATH=/usr/local/go/bin:/usr/bin:/bin --env GOPATH=/go --env GOTOOLCHAIN=local --env GOPROXY=file:///modules \
    --env HOME=/root "$container"
  builder commit -q --rm "$container" "$BUILD_BASE" >/dev/null
}

make_run_base() {
  local container root
  container=$(builder from scratch)
  root=$(builder mount "$container")
  mkdir -p "$root"/{etc/ssl/certs,proc,dev,sys,home/nonroot,usr/share} && mkdir -m 1777 "$root/tmp"
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  cp -r /usr/share/zoneinfo "$root/usr/share/"
  printf 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n' >"$root/etc/passwd"
  builder config --user 65532:65532 --workingdir /home/nonroot "$container"
  builder commit -q --rm --timestamp 0 "$container" "$RUN_BASE" >/dev/null
}

build_image() { # directory with the sources, where the image goes
  builder bud -q --isolation chroot --format oci --pull-never --no-cache --timestamp "$(git log -1 --format=%ct)" \
    --volume "$(go env GOMODCACHE)/cache/download:/modules:ro" --build-arg "REVISION=$(git rev-parse HEAD)" \
    --tag flashsale:local --file "$RUN/image/Dockerfile" "$1" >"$RUN/log/image.log" 2>&1 || { tail -20 "$RUN/log/image.log"; return 1; }
  builder push -q flashsale:local "oci:$2:local" >/dev/null
}

# A field of the image's manifest or configuration.
image_field() { # directory of the image, expression of Python
  python3 - "$1" "$2" <<'PYTHON'
import json, os, sys
at = sys.argv[1]
read = lambda digest: json.load(open(os.path.join(at, "blobs", *digest.split(":"))))
digest = json.load(open(os.path.join(at, "index.json")))["manifests"][0]["digest"]
manifest = read(digest)
config = read(manifest["config"]["digest"])
print(eval(sys.argv[2]))
PYTHON
}

image_is() { # what, wanted, expression
  local got
  got=$(image_field "$RUN/image/first" "$3")
  [[ $got == "$2" ]] || { echo "the image's $1 is '$got', not '$2'"; return 1; }
}

# The same sources at another path, with other times, must give the same image. Both builds share the cache of compiled packages that
# the Dockerfile mounts, where a package lies by its contents: what is proved is the link, the layers and that no path or time gets in.
image_twice() {
  local first second copy=$RUN/image/again
  make_build_base
  make_run_base
  (cd .ci/compose && go run . --dockerfile "$ROOT/compose.yaml") >"$RUN/image/Dockerfile"
  build_image "$ROOT" "$RUN/image/first"
  mkdir -p "$copy"
  sources | tar -cf - --null -T - | tar -C "$copy" -xmf -
  build_image "$copy" "$RUN/image/second"
  first=$(image_field "$RUN/image/first" digest)
  second=$(image_field "$RUN/image/second" digest)
  [[ $first == "$second" ]] || { echo "two builds give two images: $first and $second"; return 1; }
  echo "built twice, from two paths: $first"
}

image_looked_at() {
  local size
  size=$(image_field "$RUN/image/first" 'sum(l["size"] for l in manifest["layers"])')
  ((size < IMAGE_LIMIT)) || { echo "the image has $size bytes, compressed; the limit is $IMAGE_LIMIT"; return 1; }
  image_is user 65532:65532 'config["config"]["User"]'
  image_is command "['/flashsale'] ['serve']" '"%s %s" % (config["config"]["Entrypoint"], config["config"]["Cmd"])'
  image_is title flashsale 'config["config"]["Labels"]["org.opencontainers.image.title"]'
  image_is revision "$(git rev-parse HEAD)" 'config["config"]["Labels"]["org.opencontainers.image.revision"]'
  echo "compressed $((size / 1000)) kB; user, command and labels are as they should be"
}

image_listed() { # root of the image
  local components modules
  "$CYCLONEDX" bin -json -output "$RUN/image/sbom.json" "$1/flashsale" 2>"$RUN/log/sbom.log" || { tail -5 "$RUN/log/sbom.log"; return 1; }
  components=$(python3 -c 'import json, sys; print(len(json.load(open(sys.argv[1]))["components"]))' "$RUN/image/sbom.json")
  modules=$(go version -m "$1/flashsale" | grep -c '^[[:space:]]*dep')
  ((components >= modules && modules > 50)) || { echo "the list of parts has $components, the program $modules modules"; return 1; }
  echo "list of parts (CycloneDX): $components, $modules of them modules"
}

# Inside a namespace of mounts and processes: the image's root, read-only, with a /tmp of its own.
image_enter() { # root, then the command line
  # shellcheck disable=SC2016 # expanded by the inner shell
  exec unshare --mount --pid --fork --kill-child bash -c 'set -e
    root=$1; shift
    mount --bind "$root" "$root"
    mount -o remount,bind,ro,nosuid,nodev "$root"
    mount -t tmpfs -o size=16m,mode=1777,noexec,nosuid,nodev tmpfs "$root/tmp"
    mount -t proc proc "$root/proc"
    cd /
    exec setpriv --no-new-privs --bounding-set=-all,+sys_chroot,+setuid,+setgid chroot --userspec=65532:65532 --groups= "$root" "$@"' inside "$@"
}

image_answers() { # url path
  curl -fsS -m 2 "$1$2"
}

# What the process that runs the program may do, by the kernel's own account.
image_process_locked() { # process id
  local field want got
  while read -r field want; do
    got=$(awk -v f="$field:" '$1 == f { print $2 }' "/proc/$1/status")
    [[ $got == "$want" ]] || { echo "the process has $field $got, not $want"; return 1; }
  done <<'FIELDS'
Uid 65532
Gid 65532
CapEff 0000000000000000
CapPrm 0000000000000000
CapInh 0000000000000000
NoNewPrivs 1
FIELDS
  ! nsenter --target "$1" --mount touch "/proc/$1/root/written" 2>/dev/null || { echo "its root can be written"; return 1; }
}

image_run() { # root
  local port ops pid inner settings rc=0 began took
  free_port port
  free_port ops
  settings=(PORT="$port" HOST=127.0.0.1 OPS_ADDR="127.0.0.1:$ops" DEMO=true NAMESPACE=ci_image DATA_DIR=/tmp/flashsale LOG_FORMAT=json
    DATABASE_URL="$DATABASE_URL" REDIS_URL="$REDIS_URL" KAFKA_BROKERS="$KAFKA_BROKERS")
  (image_enter "$1" /usr/bin/env true) 2>/dev/null && { echo "there is more in the image than the program"; return 1; }
  (exec env -i PATH="$PATH" "${settings[@]}" bash -c "$(declare -f image_enter); image_enter \"\$@\"" image "$1" /flashsale serve) >"$RUN/log/image-run.log" 2>&1 &
  pid=$!
  wait_until 60 "the image's program" "$pid" image_answers "http://127.0.0.1:$port" /readyz || { tail -15 "$RUN/log/image-run.log"; return 1; }
  inner=$(pgrep -P "$pid" | head -1)
  image_process_locked "$inner"
  env -i PATH="$PATH" "${settings[@]}" bash -c "$(declare -f image_enter); image_enter \"\$@\"" image "$1" /flashsale health
  grep -q '"unit":1' < <(curl -fsS -m 10 -H 'Content-Type: application/json' -d '{"username":"john_doe"}' "http://127.0.0.1:$port/api/flash-sale/purchase")
  grep -q '"sold":1' < <(curl -fsS -m 10 "http://127.0.0.1:$port/api/flash-sale/status")
  env -i PATH="$PATH" "${settings[@]}" bash -c "$(declare -f image_enter); image_enter \"\$@\"" image "$1" /flashsale verify
  began=${EPOCHREALTIME/./}
  kill -TERM "$inner"
  wait "$pid" || rc=$?
  took=$(((${EPOCHREALTIME/./} - began) / 1000))
  ((rc == 0 && took < 12000)) || { echo "SIGTERM: exit $rc after $took ms"; tail -15 "$RUN/log/image-run.log"; return 1; }
  echo "run as 65532 on a read-only root without capabilities: ready, healthy, sold a unit, verified; SIGTERM: exit 0 after $took ms"
}

part_image() {
  local hindrance container root said
  hindrance=$(image_hindrance)
  [[ -z $hindrance ]] || { echo "image: NOT RUN ($hindrance)"; return 0; }
  mkdir -p "$RUN/image"
  image_twice
  image_looked_at
  container=$(builder from --pull-never flashsale:local)
  root=$(builder mount "$container")
  image_listed "$root"
  said=$(builder run --isolation chroot --user 65532:65532 "$container" -- /flashsale version)
  [[ $said == *" $(git rev-parse HEAD | cut -c1-12) "* ]] || { echo "the image's program says '$said'"; return 1; }
  echo "buildah run, as 65532: $said"
  image_run "$root"
  builder rm --all >/dev/null
  rm -rf "$RUN/image"
  if docker compose version >/dev/null 2>&1; then
    echo "docker compose up: NOT RUN (this part builds by itself)"
  else
    echo "the whole of compose.yaml by an engine: NOT RUN (no docker compose here)"
  fi
}
