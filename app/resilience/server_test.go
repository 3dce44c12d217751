//go:build unix

package resilience

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/segmentio/kafka-go"

	"flashsale/app/embedded/embeddedtest"
)

// server is one real server as a child process. It can be killed and started again on the same port and files.
type server struct {
	name    string
	program string
	args    []string
	dir     string
	as      *syscall.Credential
	ready   func(ctx context.Context) error
	log     tail
	cmd     *exec.Cmd
	exit    chan error
}

// start runs the server and waits until it answers.
func (s *server) start() error {
	s.cmd = exec.Command(s.program, s.args...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.dir, &s.log, &s.log
	s.cmd.SysProcAttr = processAttributes()
	s.cmd.SysProcAttr.Credential = s.as
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	exit := make(chan error, 1)
	s.exit = exit
	go func() { exit <- s.cmd.Wait() }()
	return s.await()
}

func (s *server) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	for {
		attempt, done := context.WithTimeout(ctx, 2*time.Second)
		err := s.ready(attempt)
		done()
		if err == nil {
			return nil
		}
		select {
		case gone := <-s.exit:
			s.exit <- gone
			return fmt.Errorf("%s ended while starting\n%s", s.name, &s.log)
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%s is not ready: %w\n%s", s.name, err, &s.log), s.stop(syscall.SIGKILL))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stop sends the signal and waits for the end, which is forced after 20 s.
func (s *server) stop(signal syscall.Signal) error {
	if s.cmd == nil || s.cmd.Process == nil {
		return nil
	}
	_ = s.cmd.Process.Signal(signal)
	select {
	case err := <-s.exit:
		s.exit <- err
	case <-time.After(20 * time.Second):
		_ = s.cmd.Process.Kill()
		s.exit <- <-s.exit
	}
	return nil
}

// gone is true between stop and the next start.
func (s *server) gone() bool {
	select {
	case err := <-s.exit:
		s.exit <- err
		return true
	default:
		return false
	}
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// newRedis prepares a redis-server with these settings on top of an empty one without persistence.
func newRedis(dir string, settings ...string) (*server, string, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, "", fmt.Errorf("%w: redis-server", errNotInstalled)
	}
	port, err := embeddedtest.FreePort()
	if err != nil {
		return nil, "", err
	}
	args := append([]string{"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "no"}, settings...)
	s := &server{name: "redis-server", program: program, args: args, dir: dir}
	s.ready = func(ctx context.Context) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", loopback(port))
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		if _, err := conn.Write([]byte("PING\r\n")); err != nil {
			return err
		}
		reply := make([]byte, 5)
		if _, err := conn.Read(reply); err != nil || string(reply) != "+PONG" {
			return fmt.Errorf("answered %q (%w)", reply, err)
		}
		return nil
	}
	return s, "redis://" + loopback(port), nil
}

// newPostgres makes a cluster in dir, run by an ordinary user when the tests run as root.
func newPostgres(dir string) (*server, string, error) {
	bin, err := postgresPrograms()
	if err != nil {
		return nil, "", err
	}
	port, err := embeddedtest.FreePort()
	if err != nil {
		return nil, "", err
	}
	data := filepath.Join(dir, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, "", err
	}
	as, err := ordinaryUser(data)
	if err != nil {
		return nil, "", err
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
	initdb.Dir, initdb.SysProcAttr = data, processAttributes()
	initdb.SysProcAttr.Credential = as
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, "", fmt.Errorf("initdb: %w\n%s", err, out)
	}
	address := fmt.Sprintf("postgres://postgres@%s/postgres?sslmode=disable", loopback(port))
	s := &server{name: "PostgreSQL", program: filepath.Join(bin, "postgres"), dir: data, as: as, args: []string{"-D", data,
		"-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=400"}}
	s.ready = func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, address)
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	}
	return s, address, nil
}

func postgresPrograms() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			found = append(found, path)
		}
	}
	slices.Sort(found)
	for _, path := range slices.Backward(found) {
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), "postgres")); err == nil {
			return filepath.Dir(path), nil
		}
	}
	return "", fmt.Errorf("%w: PostgreSQL", errNotInstalled)
}

// ordinaryUser is the user that runs PostgreSQL, which refuses to run as root: nil for the user that runs the tests.
func ordinaryUser(data string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("%w: the user postgres", errNotInstalled)
	}
	uid, _ := strconv.Atoi(account.Uid)
	gid, _ := strconv.Atoi(account.Gid)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(data, uid, gid)
}

// kafkaPorts are where one broker listens: for the product, which may be told to come by a proxy, and for the tests.
type kafkaPorts struct{ product, tests, controller int }

// newKafka formats the files of one broker that tells clients to come to advertised.
func newKafka(dir string, ports kafkaPorts, advertised string) (*server, error) {
	return newBroker(dir, kafkaProperties(dir, ports, advertised), loopback(ports.tests))
}

// newBroker formats the files of a broker with these properties, which is asked at that address whether it is ready.
func newBroker(dir, properties, address string) (*server, error) {
	libs := os.Getenv("KAFKA_LIBS")
	if libs == "" {
		return nil, fmt.Errorf("%w: Apache Kafka (KAFKA_LIBS names the directory of its jars)", errNotInstalled)
	}
	java, err := exec.LookPath("java")
	if err != nil {
		return nil, fmt.Errorf("%w: java", errNotInstalled)
	}
	file := filepath.Join(dir, "server.properties")
	if err := os.WriteFile(file, []byte(properties), 0o600); err != nil {
		return nil, err
	}
	jars := filepath.Join(libs, "*")
	format := exec.Command(java, "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", jars, "kafka.tools.StorageTool", "format", "-t", "AAAAAAAAQACAAAAAAAAAAA", "-c", file)
	if out, err := format.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("format: %w\n%s", err, out)
	}
	s := &server{name: "Apache Kafka", program: java, dir: dir, args: []string{"-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", jars, "kafka.Kafka", file}}
	s.ready = func(ctx context.Context) error {
		transport := &kafka.Transport{}
		defer transport.CloseIdleConnections()
		_, err := (&kafka.Client{Addr: kafka.TCP(address), Transport: transport}).Metadata(ctx, &kafka.MetadataRequest{})
		return err
	}
	return s, nil
}

func kafkaProperties(dir string, ports kafkaPorts, advertised string) string {
	var b bytes.Buffer
	for _, line := range []string{
		"process.roles=broker,controller", "node.id=1",
		"controller.quorum.voters=1@" + loopback(ports.controller),
		fmt.Sprintf("listeners=PRODUCT://%s,TESTS://%s,CONTROLLER://%s", loopback(ports.product), loopback(ports.tests), loopback(ports.controller)),
		fmt.Sprintf("advertised.listeners=PRODUCT://%s,TESTS://%s", advertised, loopback(ports.tests)),
		"listener.security.protocol.map=PRODUCT:PLAINTEXT,TESTS:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"controller.listener.names=CONTROLLER", "inter.broker.listener.name=TESTS",
		"log.dirs=" + filepath.Join(dir, "log"), "num.partitions=1",
		"offsets.topic.replication.factor=1", "offsets.topic.num.partitions=4",
		"transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1", "group.initial.rebalance.delay.ms=0",
	} {
		b.WriteString(line + "\n")
	}
	return b.String()
}

var errNotInstalled = errors.New("not installed")

// installed skips a row whose server is missing here, and fails it where real servers are promised.
func installed(t *testing.T, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, errNotInstalled) && os.Getenv("CI") != "true":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}
