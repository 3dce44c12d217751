package app

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/app/config"
	"flashsale/app/embedded/embeddedtest"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// deployment is a namespace of its own on the servers the tests share: instances of one deployment see each other
// and nothing else.
type deployment struct {
	cfg  config.Config
	ends endpoints
	log  *slog.Logger
}

func newDeployment(t *testing.T) deployment {
	t.Helper()
	cfg, err := config.From(func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	cfg.Port, cfg.Hosts, cfg.OpsAddr, cfg.Demo = 0, []string{"127.0.0.1"}, "", true
	cfg.Namespace = embeddedtest.Namespace(t)
	t.Cleanup(func() { dropSchema(t, cfg.Namespace) })
	brokers, logID := embeddedtest.Kafka(t)
	return deployment{cfg: cfg, log: slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn})), ends: endpoints{
		databaseURL: embeddedtest.DatabaseURL(t), redisURL: embeddedtest.RedisURL(t), redisEmbedded: !embeddedtest.RealRedis(),
		kafkaBrokers: brokers, kafkaID: logID,
	}}
}

func dropSchema(t *testing.T, schema string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, embeddedtest.DatabaseURL(t))
	if err != nil {
		t.Errorf("drop the schema %s: %v", schema, err)
		return
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, "DROP SCHEMA IF EXISTS "+pgx.Identifier{schema}.Sanitize()+" CASCADE"); err != nil {
		t.Errorf("drop the schema %s: %v", schema, err)
	}
}

// start adds an instance; it is stopped at the end of the test, in order and completely.
func (d deployment) start(t *testing.T) *App {
	t.Helper()
	return d.open(t, wholly)
}

func (d deployment) open(t *testing.T, open opening) *App {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	a, err := startWith(ctx, d.cfg, d.log, func() (*services, error) { return &services{endpoints: d.ends}, nil }, open)
	if err != nil {
		t.Fatalf("start an instance: %v", err)
	}
	t.Cleanup(func() { d.stop(t, a) })
	return a
}

func (d deployment) stop(t *testing.T, a *App) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*stopPatience)
	defer cancel()
	if err := a.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// startProduct is one instance of a deployment of its own, in demo mode; it returns its address.
func startProduct(t *testing.T) string {
	t.Helper()
	return newDeployment(t).start(t).URL()
}

// testWriter shows warnings of the product with the test that caused them.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	if w.t.Context().Err() == nil {
		w.t.Log(string(bytes.TrimSpace(p)))
	}
	return len(p), nil
}

// reply is an answer of the API.
type reply struct {
	Status int
	Header http.Header
	Body   map[string]any
	Raw    string
}

func (r reply) text(field string) string {
	s, _ := r.Body[field].(string)
	return s
}

func (r reply) number(field string) float64 {
	n, _ := r.Body[field].(float64)
	return n
}

// client sends requests to one instance over connections of its own.
type client struct {
	t    *testing.T
	base string
	http *http.Client
}

func newClient(t *testing.T, base string) *client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 128, MaxConnsPerHost: 128}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{t: t, base: base, http: &http.Client{Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (c *client) call(method, path string, body any) reply {
	c.t.Helper()
	r, err := c.try(method, path, body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

func (c *client) try(method, path string, body any) (reply, error) {
	return c.tryWith(method, path, body, http.Header{})
}

func (c *client) tryWith(method, path string, body any, header http.Header) (reply, error) {
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return reply{}, err
		}
		reader = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, c.base+path, reader)
	if err != nil {
		return reply{}, err
	}
	req.Header = header
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return reply{}, err
	}
	r := reply{Status: res.StatusCode, Header: res.Header, Raw: string(raw), Body: map[string]any{}}
	_ = json.Unmarshal(raw, &r.Body)
	return r, nil
}

func (c *client) buy(name string) reply {
	c.t.Helper()
	return c.call(http.MethodPost, "/api/flash-sale/purchase", map[string]string{"username": name})
}

// buySettled presses until there is a verdict: a pending claim is followed, and "not bought, safe to retry" is retried.
func (c *client) buySettled(name string) reply {
	c.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		r := c.buy(name)
		for r.Status == http.StatusAccepted && time.Now().Before(deadline) {
			time.Sleep(20 * time.Millisecond)
			if claim := c.call(http.MethodGet, r.Header.Get("Location"), nil); claim.Status == http.StatusOK && claim.text("state") == "ordered" {
				claim.Status = http.StatusCreated
				return claim
			} else if claim.Status != http.StatusAccepted {
				break
			}
		}
		if settled := r.Status != http.StatusServiceUnavailable && r.Status != http.StatusAccepted; settled || time.Now().After(deadline) {
			return r
		}
	}
}

func (c *client) status() reply {
	c.t.Helper()
	return c.call(http.MethodGet, "/api/flash-sale/status", nil)
}

// verifies fails the test when an invariant is broken.
func (c *client) verifies() {
	c.t.Helper()
	r := c.call(http.MethodPost, "/api/admin/verify", nil)
	if r.Status != http.StatusOK || r.Body["ok"] != true {
		c.t.Errorf("verify answers %d: %s", r.Status, r.Raw)
	}
}
