package instance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"flashsale/app/config"
	"flashsale/app/server"
	"flashsale/app/web/admin"
)

// serveOps opens the operators' listener. It is missing, with a warning, when its default address is taken.
func (a *Instance) serveOps(ctx context.Context) error {
	if a.cfg.OpsAddr == "" {
		return nil
	}
	l, err := server.ListenOn(ctx, a.cfg.OpsAddr, "OPS_ADDR")
	if err != nil {
		if a.cfg.OpsStrict {
			return err
		}
		a.log.Warn("no metrics, profiles and probes on a port of their own", "reason", err.Error())
		a.cfg.OpsAddr = ""
		return nil
	}
	a.cfg.OpsAddr = l.Addr().String()
	a.warnOfOpenOps(l.Addr())
	a.ops = server.HTTP(a.web.OpsHandler())
	go func() {
		if err := a.ops.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.failed <- fmt.Errorf("the operators' listener ended: %w", err)
		}
	}()
	return nil
}

// warnOfOpenOps says that others reach the operators' listener, and that nothing asks who they are.
func (a *Instance) warnOfOpenOps(at net.Addr) {
	if tcp, ok := at.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() && a.cfg.OpsToken == "" {
		a.log.Warn("whoever reaches OPS_ADDR reads metrics, profiles and the addresses of the servers; set OPS_TOKEN or an address of this machine alone",
			"address", at.String())
	}
}

// opsAudience says who may use the operators' listener.
func opsAudience(cfg config.Config) admin.OpsConfig {
	host, _, _ := net.SplitHostPort(cfg.OpsAddr) // checked by config
	return admin.OpsConfig{Token: cfg.OpsToken, Host: host}
}
