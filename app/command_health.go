package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"flashsale/app/config"
)

const healthPatience = 3 * time.Second

// healthCommand asks the instance on HOST and PORT whether it lives: the health check of an image without a shell.
func healthCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "health",
		Short:  "Ask the instance on HOST and PORT whether it lives (exit 1 if not)",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load()
			if err != nil {
				return err
			}
			return health(cmd.Context(), cfg)
		},
	}
}

// health is nil when the instance of that configuration answers at one of the addresses that it listens on. When only proxies
// may connect there, or there is no certificate before an authority gives one, it is asked at OPS_ADDR.
func health(ctx context.Context, cfg config.Config) error {
	ctx, cancel := context.WithTimeout(ctx, healthPatience)
	defer cancel()
	// What the environment says about proxies is for servers elsewhere.
	transport := &http.Transport{}
	scheme := "http://"
	byOps := cfg.ProxyProtocol || cfg.ACME != nil
	if cfg.TLS() && !byOps {
		scheme = "https://"
		// The certificate is for the shop's name and not for this machine's. The question says nothing that others may not know.
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true} //nolint:gosec // see above
	}
	defer transport.CloseIdleConnections()
	hosts, port := cfg.Hosts, strconv.Itoa(cfg.Port)
	if byOps {
		host, opsPort, err := net.SplitHostPort(cfg.OpsAddr)
		if err != nil {
			return fmt.Errorf("health: with PROXY_PROTOCOL or ACME_HOSTS the question needs OPS_ADDR: %w", err)
		}
		hosts, port = []string{host}, opsPort
	}
	var errs []error
	for _, host := range reachable(hosts) {
		err := alive(ctx, &http.Client{Transport: transport}, scheme+net.JoinHostPort(host, port))
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// reachable are the addresses of this machine at which an instance that listens on these hosts answers.
func reachable(hosts []string) []string {
	var all []string
	for _, host := range hosts {
		ip := net.ParseIP(host)
		switch {
		case host == "", ip != nil && ip.IsUnspecified() && ip.To4() == nil:
			all = append(all, "127.0.0.1", "::1") // all addresses of both kinds, as far as the machine has them
		case ip != nil && ip.IsUnspecified():
			all = append(all, "127.0.0.1")
		default:
			all = append(all, host)
		}
	}
	return all
}

func alive(ctx context.Context, client *http.Client, base string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/livez", nil)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	// Demo mode answers to this machine's own names only, and the question comes from here.
	req.Host = "localhost"
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("nothing answers on %s: %w", base, err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", base, res.Status)
	}
	return nil
}
