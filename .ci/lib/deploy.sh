# The files that others run the product with, by the tools of those who read them: systemd, Prometheus, Kubernetes.

KUBERNETES_VALIDATE=1.37.0
PROMTOOL=$CACHE/promtool/promtool
VALIDATE_ENV=$CACHE/kubernetes-validate-$KUBERNETES_VALIDATE
EXPOSURE=15 # the most that systemd may find exposed, in tenths; the unit has 12

# promtool comes from Debian's package without installing the server that it belongs to.
install_promtool() {
  [[ ! -x $PROMTOOL ]] || return 0
  local dir=$RUN/promtool
  mkdir -p "$dir" "$(dirname "$PROMTOOL")"
  (cd "$dir" && retry 3 apt-get download prometheus && dpkg -x prometheus_*.deb .) >"$RUN/log/promtool.log" 2>&1 ||
    { tail -5 "$RUN/log/promtool.log"; return 1; }
  mv "$dir/usr/bin/promtool" "$PROMTOOL"
  rm -rf "$dir"
}

install_kubernetes_validate() {
  [[ ! -x $VALIDATE_ENV/bin/kubernetes-validate ]] || return 0
  rm -rf "$VALIDATE_ENV"
  { python3 -m venv "$VALIDATE_ENV" && retry 3 "$VALIDATE_ENV/bin/pip" install -q "kubernetes-validate==$KUBERNETES_VALIDATE"; } \
    >"$RUN/log/kubernetes-validate.log" 2>&1 || { tail -5 "$RUN/log/kubernetes-validate.log"; rm -rf "$VALIDATE_ENV"; return 1; }
}

part_deploy() {
  local dir=$RUN/deploy
  build_binary
  mkdir -p "$dir"
  cd "$dir" || return
  "$RUN/flashsale" unit --program "$RUN/flashsale" >flashsale.service
  "$RUN/flashsale" unit --socket >flashsale.socket
  "$RUN/flashsale" manifests --image registry.example/flashsale:1.0 --host shop.example --trusted-proxies 10.244.0.0/16 >flashsale.yaml
  "$RUN/flashsale" dashboard >dashboard.json
  "$RUN/flashsale" dashboard --alerts >alerts.yaml
  systemd-analyze verify --man=no ./flashsale.socket ./flashsale.service
  systemd-analyze security --offline=true --threshold="$EXPOSURE" ./flashsale.service >exposure || { cat exposure; return 1; }
  echo "systemd-analyze: the units are accepted; $(tail -1 exposure | tr -cd '[:print:]')"
  "$PROMTOOL" check rules alerts.yaml
  cp "$ROOT/.ci/deploy/alerts_test.yaml" .
  "$PROMTOOL" test rules alerts_test.yaml
  "$VALIDATE_ENV/bin/kubernetes-validate" --strict flashsale.yaml 2>&1 | tee validated
  # One kind is not Kubernetes' own; anything else that was passed over is an error.
  (($(grep -c '^INFO .* passed' validated) == $(grep -c '^kind:' flashsale.yaml) - 1)) || { echo "not every object was checked"; return 1; }
  echo "in a cluster, in Grafana and as a service of systemd: NOT RUN (none is here)"
}
