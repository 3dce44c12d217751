package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"flashsale/app/embedded/datadir"
	"flashsale/app/embedded/sockets"
)

const (
	startPatience  = 2 * time.Minute // a crash under load may take that long to recover from
	connectPause   = 20 * time.Millisecond
	connectTimeout = 2 * time.Second
	stopPatience   = 10 * time.Second
	portAttempts   = 5
	guardianPause  = time.Second
	socketPort     = 5432 // of sockets.Postgres
)

// postgres is a running server.
type postgres struct {
	cluster *cluster
	sockets *sockets.Dir // nil where the server has no Unix socket
	port    int          // of 127.0.0.1 without a socket; with one it is a part of the socket's name
	log     *serverLog
	logger  *slog.Logger

	watching sync.WaitGroup
	closing  chan struct{}
	mu       sync.Mutex
	guardian *guardian // replaced when it ends unexpectedly
}

// startPostgres runs the server whose data directory is below dir until close.
func startPostgres(ctx context.Context, dir string, logger *slog.Logger, progress io.Writer) (*postgres, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the PostgreSQL directory: %w", err)
	}
	c, err := openCluster(ctx, dir, logger, progress)
	if err != nil {
		return nil, err
	}
	return runCluster(ctx, c, logger)
}

// runCluster runs the server of a data directory until close.
func runCluster(ctx context.Context, c *cluster, logger *slog.Logger) (*postgres, error) {
	log, err := openServerLog(filepath.Join(filepath.Dir(c.data), "server.log"))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	p := &postgres{cluster: c, port: socketPort, log: log, logger: logger, closing: make(chan struct{})}
	if err = p.makeSockets(); err == nil {
		err = p.launchSomewhere(ctx)
	}
	if err != nil {
		p.removeSockets()
		return nil, errors.Join(err, log.Close())
	}
	p.watching.Go(p.watch)
	return p, nil
}

// makeSockets makes the directory of the server's Unix socket. Such a socket cannot be reached by other users or by web
// pages, who could otherwise open connections without a password until no place is left for ours.
func (p *postgres) makeSockets() (err error) {
	if runtime.GOOS == "windows" {
		return nil
	}
	if p.sockets, err = sockets.Make(filepath.Dir(p.cluster.data)); err != nil {
		return err
	}
	if as := p.cluster.as; as.other() {
		return p.sockets.Give(as.UID, as.GID)
	}
	return nil
}

func (p *postgres) removeSockets() {
	if p.sockets != nil {
		p.sockets.Remove()
	}
}

// launchSomewhere tries another port when one is taken.
func (p *postgres) launchSomewhere(ctx context.Context) (err error) {
	for range portAttempts {
		if err = p.launch(ctx); !errors.Is(err, errPortTaken) {
			break
		}
	}
	return err
}

// errPortTaken: somebody else bound the port between our choice and the server's start.
var errPortTaken = errors.New("port taken")

// launch starts the guardian and waits for the server to answer.
func (p *postgres) launch(ctx context.Context) (err error) {
	if p.sockets == nil {
		if p.port, err = freePort(ctx); err != nil {
			return err
		}
	}
	if p.guardian, err = startGuardian(p.order(), p.log.File); err != nil {
		return err
	}
	if err := p.await(ctx); err != nil {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
		defer cancel()
		return errors.Join(err, p.guardian.stop(stopping))
	}
	return nil
}

func (p *postgres) order() order {
	return order{
		Bin:  p.cluster.programs.bin,
		Data: p.cluster.data,
		Lock: filepath.Join(filepath.Dir(p.cluster.data), datadir.GuardianLock),
		Args: settings(p.sockets, p.port),
		As:   p.cluster.as,
	}
}

// settings are the server's: durable above all, reachable for this user only, and sized for a laptop.
func settings(at *sockets.Dir, port int) []string {
	addresses, directories := "127.0.0.1", ""
	if at != nil { // a list, in which a name may be quoted
		addresses, directories = "", `"`+strings.ReplaceAll(at.Path(), `"`, `""`)+`"`
	}
	var args []string
	for _, s := range [][2]string{
		{"listen_addresses", addresses},
		{"port", strconv.Itoa(port)},
		{"unix_socket_directories", directories},
		{"unix_socket_permissions", "0700"},
		{"fsync", "on"},
		{"full_page_writes", "on"},
		{"synchronous_commit", "on"},
		{"max_connections", "200"},
		{"shared_buffers", "128MB"},
		{"max_wal_size", "1GB"},
		{"wal_compression", "on"},
		{"jit", "off"},
		{"timezone", "UTC"},
		{"log_timezone", "UTC"},
		{"logging_collector", "off"},
	} {
		args = append(args, "-c", s[0]+"="+s[1])
	}
	return args
}

// freePort asks the system for a port. Another process may take it before the server does.
func freePort(ctx context.Context) (int, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return port, nil
}

// await returns when the server answers a query.
func (p *postgres) await(ctx context.Context) error {
	tick := time.NewTicker(connectPause)
	defer tick.Stop()
	for {
		select {
		case r, open := <-p.guardian.reports:
			if err := p.judge(r, open); err != nil {
				return err
			}
		case <-tick.C:
			err := p.ask(ctx)
			var answer *pgconn.PgError
			if err == nil {
				return nil
			}
			if errors.As(err, &answer) && answer.Code == "28P01" {
				return broken(p.cluster.data, fmt.Errorf("its password is not the one in %s", passwordFile))
			}
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL does not answer; its log is %s: %w", p.log.Name(), ctx.Err())
		}
	}
}

// judge decides whether a server that has just ended may still come up.
func (p *postgres) judge(r report, open bool) error {
	if open && r.Kind == started {
		return nil
	}
	tail := p.log.tail()
	switch {
	case strings.Contains(tail, "could not bind"):
		return errPortTaken
	case open && r.Kind == exited && strings.Contains(tail, "pre-existing shared memory block"):
		// The processes of a killed server are still ending; the guardian tries again.
		return nil
	case open && r.Kind == failed:
		return errors.New(r.Detail)
	}
	return broken(p.cluster.data, fmt.Errorf("PostgreSQL %s ended (%s) with:\n%s", p.cluster.programs.version, r.Detail, tail))
}

func (p *postgres) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.url())
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "SELECT 1")
	return errors.Join(err, conn.Close(ctx))
}

// watch tells the operator when the server ended unexpectedly, and replaces a guardian that did. It returns
// after close.
func (p *postgres) watch() {
	for {
		for r := range p.guardian.reports {
			p.tell(r)
		}
		select {
		case <-p.closing:
			return
		case <-time.After(guardianPause):
		}
		if err := p.replaceGuardian(); err != nil {
			p.logger.Error("PostgreSQL cannot be kept running", "error", err)
			return
		}
	}
}

func (p *postgres) tell(r report) {
	switch r.Kind {
	case exited:
		p.logger.Error("PostgreSQL ended unexpectedly and is started again", "pid", r.PID, "how", r.Detail, "log", p.log.Name())
	case failed:
		p.logger.Error("PostgreSQL cannot be kept running", "why", r.Detail, "log", p.log.Name())
	case started:
		p.logger.Debug("PostgreSQL started", "pid", r.PID)
	}
}

// replaceGuardian starts another guardian, and with it the server on the same port, unless close was called.
func (p *postgres) replaceGuardian() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.closing:
		return nil
	default:
	}
	p.logger.Error("the guardian of PostgreSQL ended unexpectedly; starting another")
	g, err := startGuardian(p.order(), p.log.File)
	if err != nil {
		return err
	}
	p.guardian = g
	return nil
}

// url names the directory of the socket as the host, as drivers expect it.
func (p *postgres) url() string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(role, p.cluster.password), Path: "/postgres"}
	q := url.Values{"sslmode": {"disable"}}
	if p.sockets == nil {
		u.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port))
	} else {
		q.Set("host", p.sockets.Path())
		q.Set("port", strconv.Itoa(p.port))
	}
	u.RawQuery = q.Encode()
	return u.String()
}

func (p *postgres) service() Service {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port))
	if p.sockets != nil {
		address = p.sockets.Socket(sockets.Postgres)
	}
	return Service{Name: "PostgreSQL", Version: p.cluster.programs.version, Address: address, Dir: p.cluster.data}
}

// close has the server shut down and returns when it has ended. It is called once.
func (p *postgres) close(ctx context.Context) error {
	p.mu.Lock()
	close(p.closing)
	g := p.guardian
	p.mu.Unlock()
	err := g.stop(ctx)
	p.watching.Wait()
	p.removeSockets()
	return errors.Join(err, p.log.Close())
}
