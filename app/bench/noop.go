package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// ServeNoop is the server that the product is compared with. It uses echo, as the product does, and has two handlers: one
// does nothing, the other reads its request and sends a constant answer as long as "sold out". Like the product it shows
// /metrics. It listens on a free loopback port and writes its address to out as a line. It ends with ctx or when in ends,
// whichever comes first; in ends with the process that started it, so that no such server is left behind.
func ServeNoop(ctx context.Context, in io.Reader, out io.Writer) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("noop: %w", err)
	}
	server := &http.Server{Handler: noop(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, IdleTimeout: 2 * time.Minute}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if _, err := fmt.Fprintf(out, "%shttp://%s\n", readyPrefix, listener.Addr()); err != nil {
		return errors.Join(err, listener.Close())
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("noop: %w", err)
	}
	return nil
}

func noop() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	e := echo.New()
	e.POST(noopPath, func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	e.POST(constantPath, constant)
	e.GET("/metrics", echo.WrapHandler(promhttp.HandlerFor(registry, promhttp.HandlerOpts{})))
	return e
}

const (
	noopPath     = "/noop"
	constantPath = "/constant"
)

// soldOut is the product's answer when no unit is left.
const soldOut = `{"type":"/problems/sold-out","title":"Sold out","status":409,"detail":"Item is sold out","success":false,` +
	`"message":"Item is sold out","timestamp":"2026-11-23T15:06:53.615Z","userId":"jane_smith_1","version":4}` + "\n"

// constant costs what every echo handler costs for a request and an answer of this size.
func constant(c echo.Context) error {
	if _, err := io.Copy(io.Discard, c.Request().Body); err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Sale-Version", "4")
	h.Set("Vary", "Origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Request-Id", "70aaf983c01d-3")
	return c.Blob(http.StatusConflict, "application/problem+json; charset=utf-8", []byte(soldOut))
}
