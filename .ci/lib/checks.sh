# Checks that run no test: shape of the tree, build, vet, lint, generated code, other platforms, compose.yaml.

sources() {
  git ls-files -co --exclude-standard -z -- "$@" | while IFS= read -r -d '' file; do
    [[ -f $file ]] && printf '%s\0' "$file"
  done
}

# Every variable that the configuration reads is in .env.example.
undocumented_variables() {
  local name
  grep -ohE '\br\.[a-z]+\("[A-Z_]+"' app/config/*.go | sed 's/.*("\(.*\)"/\1/' | sort -u | while read -r name; do
    grep -q "^#$name=" .env.example || echo "$name"
  done
}

part_build() {
  local unformatted extra undocumented
  unformatted=$(sources '*.go' ':!*_templ.go' | xargs -0 gofmt -l)
  [[ -z $unformatted ]] || { echo "gofmt would change:"; echo "$unformatted"; return 1; }
  extra=$(sources | tr '\0' '\n' | cut -d/ -f1 | sort -u |
    grep -vE '^(main\.go|app|sale|inventory|users|events|views|static|migrations|compose\.yaml|go\.mod|go\.sum|README\.md|LICENSE|\..+)$' || true)
  [[ -z $extra ]] || { echo "not part of the top level:" "$extra"; return 1; }
  (($(wc -l <main.go) < 60)) || { echo "main.go has 60 lines or more"; return 1; }
  undocumented=$(undocumented_variables)
  [[ -z $undocumented ]] || { echo "not in .env.example: ${undocumented//$'\n'/ }"; return 1; }
  go build ./...
  go vet ./...
  if ! go mod tidy -diff >"$RUN/tidy" 2>&1; then
    echo "go mod tidy would change go.mod or go.sum:"
    grep -E '^[+-]' "$RUN/tidy" | head -20
    return 1
  fi
  echo "gofmt, top level, variables, build, vet, go.mod: clean"
}

part_lint() {
  "$LINT" config verify
  "$LINT" run ./...
}

# The generators must write exactly what is committed. Compares the tree with itself, so it also works on a dirty one.
part_generate() {
  sources | xargs -0 sha256sum >"$RUN/before"
  go generate ./... >"$RUN/log/generate.log" 2>&1 || { tail -20 "$RUN/log/generate.log"; return 1; }
  sources | xargs -0 sha256sum >"$RUN/after"
  if ! diff "$RUN/before" "$RUN/after" >"$RUN/drift"; then
    echo "go generate ./... changes what is committed:"
    sed -n 's/^[<>] [0-9a-f]* */  /p' "$RUN/drift" | sort -u
    git --no-pager diff --stat
    return 1
  fi
  echo "go generate ./... leaves no diff"
}

# These platforms are not available here. The types of the program and its tests are checked for each, and for two, which are the
# two systems and the two architectures, the program is compiled: without optimizing, which takes a third of the time.
part_cross() {
  local target flags=(-gcflags='all=-N -l -dwarf=false' -ldflags='-s -w')
  (cd .ci/cross && go build -o "$RUN/cross-types" .) || return 1
  "$RUN/cross-types" "$ROOT" darwin/amd64 darwin/arm64 windows/amd64 windows/arm64 linux/arm64 || return 1
  for target in darwin/arm64 windows/amd64; do
    CGO_ENABLED=0 GOOS=${target%/*} GOARCH=${target#*/} go build "${flags[@]}" ./... || { echo "$target does not compile"; return 1; }
    foreign_vet "${target%/*}" "${target#*/}" "${flags[@]}" || { echo "go vet fails for $target"; return 1; }
    echo "$target compiles"
  done
}

# go vet of the packages that have other files on that system. The analyzers are those that look at one package alone; others would
# look at all dependencies, too. A package without any file there is left out.
foreign_vet() { # system architecture, then flags of the build
  local format='{{.ImportPath}} {{.GoFiles}} {{.TestGoFiles}} {{.XTestGoFiles}}' packages
  packages=$({ diff <(go list -f "$format" ./...) <(GOOS=$1 GOARCH=$2 CGO_ENABLED=0 go list -e -f "$format" ./...) || true; } | awk '/^>/ && NF > 5 { print $2 }')
  [[ -n $packages ]] || { echo "no package has files for $1"; return 1; }
  # shellcheck disable=SC2086 # a list of packages
  CGO_ENABLED=0 GOOS=$1 GOARCH=$2 go vet "${@:3}" -assign -atomic -bools -copylocks -loopclosure -nilfunc -shift -stdmethods -structtag -unreachable $packages
}

# Without an engine: the compose specification's own loader, then what the README promises about each service.
part_compose() {
  (cd .ci/compose && go run . "$ROOT/compose.yaml")
  if docker compose version >/dev/null 2>&1; then
    docker compose -f compose.yaml --profile app --profile tools config --quiet
    echo "docker compose config: accepted"
  else
    echo "docker compose config: NOT RUN (no docker compose here); no container was built or started"
  fi
}
