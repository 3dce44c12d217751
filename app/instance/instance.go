// Package instance starts and stops the whole product in one process. It is the composition root: it starts the servers that
// are not configured, connects the domains with each other, and has the list of the parts that run in a process and the order
// in which everything starts and stops.
//
// Nothing in here knows SQL, Redis keys or HTTP handlers. The domains do not import each other; the adapters in adapter.go
// translate between them, and combine the many single calls of requests into the batch operations of the domains. A command
// that needs the domains without an instance opens a Deployment.
package instance

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"flashsale/app/acme"
	"flashsale/app/config"
	"flashsale/app/embedded"
	"flashsale/app/live"
	"flashsale/app/operator"
	"flashsale/app/server"
	"flashsale/app/traces"
	"flashsale/app/web"
	"flashsale/events/cluster"
	"flashsale/static"
	"flashsale/users/login"
)

// Instance is one running instance.
type Instance struct {
	cfg     config.Config
	log     *slog.Logger
	servers *Servers
	wiring  *wiring
	web     *web.Server
	public  *http.Server
	ops     *http.Server
	address *net.TCPAddr
	// listeners are those of the public server, which ends with them unless it is accepting.
	listeners []net.Listener
	accepting atomic.Bool
	// connections bounds those of the public listener.
	connections *server.Limiter
	// certificate is that of the public listener; nil: it speaks no TLS.
	certificate certificate
	failed      chan error
	// process has the metrics of the Go runtime and of the process. They are apart, because reading them takes long.
	process *prometheus.Registry
}

// Option changes how an instance starts.
type Option func(*start)

// start is what may differ from one start to another.
type start struct {
	// servers finds the three servers and starts those that are not configured.
	servers func() (*Servers, error)
	// listeners are those of the caller's that the public listener uses; none: it opens its own.
	listeners []net.Listener
	// places is how many connections of clients may be open.
	places int
	// ready is called when the instance is wired and nothing of it runs yet. It may leave parts out.
	ready func(context.Context, *Instance) error
	// measured are metrics of the caller's.
	measured []prometheus.Collector
}

// On starts an instance on servers that the caller has started.
func On(at embedded.Settings) Option {
	return func(s *start) { s.servers = func() (*Servers, error) { return &Servers{Settings: at}, nil } }
}

// Listening uses listeners for TCP that somebody else has opened, instead of HOST and PORT. Demo mode refuses them where others
// than this machine can connect, unless DEMO_PUBLIC says that this is wanted.
func Listening(on []net.Listener) Option {
	return func(s *start) { s.listeners = on }
}

// Measuring shows metrics of the caller's among those of the instance.
func Measuring(metrics ...prometheus.Collector) Option {
	return func(s *start) { s.measured = append(s.measured, metrics...) }
}

// Start brings up a whole instance and returns when it answers requests. When it fails, everything that was
// started is stopped again. Progress of long work (a download, a first start) is written to progress.
func Start(ctx context.Context, cfg config.Config, log *slog.Logger, progress io.Writer, options ...Option) (*Instance, error) {
	how := start{
		servers: func() (*Servers, error) { return startServers(ctx, cfg, log, progress) },
		places:  server.LimitFor(server.Descriptors()),
		ready:   func(context.Context, *Instance) error { return nil },
	}
	for _, o := range options {
		o(&how)
	}
	a := &Instance{cfg: cfg, log: log, failed: make(chan error, 4)}
	if err := a.start(ctx, how); err != nil {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.Patience())
		defer cancel()
		return nil, errors.Join(err, a.Stop(stopping))
	}
	return a, nil
}

func (a *Instance) start(ctx context.Context, how start) error {
	if err := server.EnoughDescriptors(server.Descriptors()); err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	a.connections = server.NewLimiter(how.places)
	a.process = prometheus.NewRegistry()
	a.process.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registry.MustRegister(how.measured...)
	if err := a.readCertificate(); err != nil {
		return err
	}
	listeners, err := a.listen(ctx, how.listeners)
	if err != nil {
		return err
	}
	defer func() {
		if a.public == nil {
			server.CloseAll(listeners)
		}
	}()
	if a.servers, err = how.servers(); err != nil {
		return err
	}
	if err := a.servers.trace(a.cfg, a.log, registry); err != nil {
		return err
	}
	if err := a.servers.connect(ctx, a.cfg, a.log, registry); err != nil {
		return err
	}
	a.wire(registry)
	if err := a.wiring.prepare(ctx); err != nil {
		return err
	}
	if err := a.wiring.sealFactors(ctx, a.log); err != nil {
		return err
	}
	a.sealCertificates(ctx)
	if err := a.wiring.sameDatabase(ctx); err != nil {
		return err
	}
	a.warnOfIgnored()
	if err := how.ready(ctx, a); err != nil {
		return err
	}
	a.startParts(ctx)
	a.serve(listeners)
	if err := a.serveOps(ctx); err != nil {
		return err
	}
	return a.leaveRunFile()
}

// networkShare is the part of the streams that one network may have outside demo mode. It is large, because many shoppers may
// share the address of their access network, and small enough that it takes several networks to fill all.
const networkShare = 8

// wire makes the domains and the web server of an instance. Nothing runs yet.
func (a *Instance) wire(registry *prometheus.Registry) {
	ordered := a.orderCertificates()
	if a.cfg.PublicURL == "" && a.OnLoopback() {
		a.cfg.PublicURL = a.URL()
	}
	a.wiring = newWiring(a.cfg, a.servers, a.log, registry)
	observePlaces(a.connections, registry)
	watched := a.wiring.watch(registry, a.log)
	streams := a.connections.StreamShare()
	hub := live.NewShared(streams, max(1, streams/networkShare))
	site := web.Config{
		Catalog: a.wiring.catalog, Checkout: a.wiring.checkout, Orders: keptOrders{a.wiring.sales, a.wiring.users, a.wiring.directory}, Users: a.wiring.users, Operations: acting{a.wiring.acts, a.wiring.probing}, Desk: a.wiring.desk, Prover: a.wiring.acts, Hub: hub,
		Brand: a.wiring.brand, Pictures: a.wiring.pictures, PublicURL: a.cfg.PublicURL, Demo: a.cfg.Demo, Principals: a.wiring.principals(), DemoHosts: a.demoHosts(), DemoPublic: a.cfg.DemoPublic, TrustedProxies: a.cfg.TrustedProxies, CORSOrigins: a.cfg.CORSOrigins,
		Limits: a.wiring.limits, Refused: a.wiring.refusals.Note, SignIn: a.wiring.signIn(), LegacyStatus: a.cfg.LegacyStatus, DevMail: a.wiring.devMail(), Reminders: a.wiring.askedReminders(), Logger: a.log,
		Registerer: registry, Gatherer: prometheus.Gatherers{a.process, registry}, Figures: watched, Ops: opsAudience(a.cfg), Version: Version(), ProcessID: a.wiring.id, Static: static.Serve,
	}
	if t := a.servers.traces; t != nil {
		site.Checkout, site.Traces = traces.Checkout{Checkout: a.wiring.checkout}, t
	}
	a.web = web.New(site)
	a.wiring.parts.add("live updates", serving, a.web)
	if ordered != nil {
		a.wiring.probing.add(probe{name: certificatesProbe, address: a.cfg.ACME.CA, ask: func(context.Context) (string, error) { return "", ordered.Trouble() }})
	}
	if a.certificate != nil {
		a.wiring.parts.add("certificate", serving, a.certificate)
		observeCertificate(a.certificate, registry)
	}
}

// namesPatience is how long a start waits for the names of all shoppers.
const namesPatience = 10 * time.Second

// startParts starts the list of parts. The directory comes first, because it begins with an empty memory, and the other parts
// then add names that must stay. Most deployments know every name before the first purchase request. One with millions of
// names does not wait for all of them: names that are not read yet are looked up one by one.
func (a *Instance) startParts(ctx context.Context) {
	a.wiring.acts.InInstance()
	a.wiring.parts.start(knowing, a.log)
	// So that the first page has it. Where that fails, the part says so and goes on trying.
	_ = a.wiring.brand.Refresh(ctx)
	ctx, cancel := context.WithTimeout(ctx, namesPatience)
	defer cancel()
	if !a.wiring.directory.Await(ctx) {
		a.log.Info("names are still being read; until all are in memory, Postgres is asked about the others")
	}
	a.wiring.parts.start(deciding, a.log)
}

// certificate is what the public listener shows.
type certificate interface {
	runner
	TLS() *tls.Config
	// End is when it ends; zero: there is none yet.
	End() time.Time
}

// readCertificate reads the certificate of the public listener before anything is started: a wrong pair stops the start.
func (a *Instance) readCertificate() error {
	if !a.cfg.TLS() || a.cfg.ACME != nil {
		return nil
	}
	files, err := server.NewCertificate(a.cfg.TLSCert, a.cfg.TLSKey, a.log)
	if err == nil {
		a.certificate = files
	}
	return err
}

// CertificateStore is where the instances of a deployment keep the certificates that an authority gives.
func CertificateStore(cfg config.Config, pool *pgxpool.Pool) *cluster.Certificates {
	return cluster.NewCertificates(pool, login.NewSealing(login.NewStore(pool), "certificates", cfg.SessionKeys))
}

// orderCertificates makes the certificates of an authority; nil without one. Nothing is ordered before they run.
func (a *Instance) orderCertificates() *acme.Certificates {
	wanted := a.cfg.ACME
	if wanted == nil {
		return nil
	}
	host := ""
	if !a.address.IP.IsUnspecified() {
		host = a.address.IP.String()
	}
	ordered := acme.New(acme.Config{Email: wanted.Email, Hosts: wanted.Hosts, CA: wanted.CA, Host: host, Port: a.address.Port, Logger: a.log,
		Store: CertificateStore(a.cfg, a.servers.pool), Locks: cluster.NewCertificateLocks(a.servers.pool)})
	a.certificate = ordered
	return ordered
}

// sealCertificates brings what is kept of certificates under the first key.
func (a *Instance) sealCertificates(ctx context.Context) {
	if a.cfg.ACME == nil {
		return
	}
	if err := CertificateStore(a.cfg, a.servers.pool).Renew(ctx); err != nil {
		a.log.Warn("a certificate or key cannot be used, and none is ordered in its place; where its key of SESSION_KEYS is lost for good, "+
			"delete the rows of the table certificate_store", "error", err)
	}
}

// listen opens the public listeners, unless they are given. The address is one that others reach, as far as there is one.
func (a *Instance) listen(ctx context.Context, given []net.Listener) ([]net.Listener, error) {
	listeners := given
	if len(given) == 0 {
		var err error
		if listeners, err = server.Listen(ctx, a.cfg.Hosts, a.cfg.Port); err != nil {
			return nil, err
		}
	}
	a.address = listeners[0].Addr().(*net.TCPAddr)
	for _, l := range listeners {
		if at := l.Addr().(*net.TCPAddr); !at.IP.IsLoopback() {
			a.address = at
			break
		}
	}
	if len(given) > 0 && a.cfg.Demo && !a.cfg.DemoPublic && !a.OnLoopback() {
		server.CloseAll(given)
		return nil, fmt.Errorf("the socket that was handed over is %s, where others connect, and in demo mode everybody who connects is an operator;"+
			" set DEMO=false, or DEMO_PUBLIC=true if that is wanted, or let the socket listen on 127.0.0.1", a.address)
	}
	return listeners, nil
}

func (a *Instance) serve(listeners []net.Listener) {
	a.public = server.HTTP(a.web.Handler())
	a.public.ErrorLog = slog.NewLogLogger(a.log.Handler(), slog.LevelDebug)
	a.public.ConnState = a.connections.ConnState
	if a.cfg.ProxyProtocol {
		server.BehindProxies(a.public)
	}
	serve := a.public.Serve
	if a.certificate != nil {
		a.public.TLSConfig = a.certificate.TLS()
		serve = func(l net.Listener) error { return a.public.ServeTLS(l, "", "") }
	}
	a.accepting.Store(true)
	for _, l := range listeners {
		if a.cfg.ProxyProtocol {
			l = server.ProxyProtocol(l, a.cfg.TrustedProxies)
		}
		l = a.connections.Listener(l)
		a.listeners = append(a.listeners, l)
		go func() {
			if err := serve(l); !errors.Is(err, http.ErrServerClosed) && a.accepting.Load() {
				a.failed <- fmt.Errorf("the public listener ended: %w", err)
			}
		}()
	}
}

// leaveRunFile writes down for commands on this machine where the embedded servers of this instance are.
func (a *Instance) leaveRunFile() error {
	s := a.servers
	if s.lock == nil {
		return nil
	}
	if err := s.lock.Announce(a.URL()); err != nil {
		return err
	}
	return writeRunFile(a.cfg.DataDir, runFileOf(s.stack.Settings(), a.URL(), a.cfg.Demo))
}

// URL is the address to open in a browser on this machine.
func (a *Instance) URL() string {
	host := "localhost"
	if ip := a.address.IP; !ip.IsUnspecified() && !ip.Equal(net.IPv4(127, 0, 0, 1)) && !ip.Equal(net.IPv6loopback) {
		host = ip.String()
	}
	scheme := "http://"
	if a.certificate != nil {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, fmt.Sprint(a.address.Port))
}

// OnLoopback is true when only this machine can connect to the public listener.
func (a *Instance) OnLoopback() bool { return a.address.IP.IsLoopback() }

// demoHosts are the names under which demo mode answers beside the local ones: those of DEMO_HOSTS, and what HOST names. That is
// no name of an attacker's, and without it nobody could use the address in URL.
func (a *Instance) demoHosts() []string {
	hosts := slices.Clone(a.cfg.DemoHosts)
	if len(a.cfg.Hosts) == 1 && !a.address.IP.IsUnspecified() {
		hosts = append(hosts, a.cfg.Hosts[0], a.address.IP.String())
	}
	return hosts
}

// Acts are the operators' acts on the deployment of this instance, for a command in the same process.
func (a *Instance) Acts() *operator.Acts { return a.wiring.acts }

// OpsAddr is where metrics, profiles and probes are served on a port of their own, or "".
func (a *Instance) OpsAddr() string { return a.cfg.OpsAddr }

// Embedded are the servers that this instance has started.
func (a *Instance) Embedded() []embedded.Service { return a.servers.Services }

// Failed delivers an error when a listener ends by itself; the caller then stops the instance.
func (a *Instance) Failed() <-chan error { return a.failed }
