package embedded

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestPostgresSurvivesARestart(t *testing.T) {
	t.Parallel()
	o := Options{Dir: t.TempDir(), Postgres: true}
	first := start(t, o)
	commit(t, first, "receipt")
	stop(t, first)
	if got := kept(t, start(t, o)); got != "receipt" {
		t.Errorf("kept %q", got)
	}
}

func TestPostgresIsDurableAndPrivate(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Dir: t.TempDir(), Postgres: true})
	for name, want := range map[string]string{
		"fsync":                   "on",
		"full_page_writes":        "on",
		"synchronous_commit":      "on",
		"data_checksums":          "on",
		"listen_addresses":        "",
		"unix_socket_permissions": "0700",
		"password_encryption":     "scram-sha-256",
		"server_encoding":         "UTF8",
		"TimeZone":                "UTC",
	} {
		if got := mustQuery(t, s.Settings().DatabaseURL, "SELECT current_setting('"+name+"')"); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	u, err := url.Parse(s.Settings().DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "guess")
	if _, err := query(t, u.String(), "SELECT 'in'"); err == nil {
		t.Error("let in with a wrong password")
	}
	info, err := os.Stat(filepath.Join(s.postgres.cluster.data, passwordFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the password file: %v %v", info, err)
	}
}

func TestABrokenDataDirectoryIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, Options{Dir: dir, Postgres: true})
	data := first.postgres.cluster.data
	stop(t, first)
	for _, file := range []string{"PG_VERSION", passwordFile, "global/pg_control"} {
		t.Run(filepath.Base(file), func(t *testing.T) {
			path := filepath.Join(data, file)
			if err := os.Rename(path, path+".away"); err != nil {
				t.Fatal(err)
			}
			s, err := Start(within(t), Options{Dir: dir, Postgres: true})
			if err == nil {
				stop(t, s)
				t.Fatal("started from a broken directory")
			}
			for _, want := range []string{data, "left as it is", "restore it from a backup"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if err := os.Rename(path+".away", path); err != nil {
				t.Fatal(err)
			}
		})
	}
	stop(t, start(t, Options{Dir: dir, Postgres: true}))
}

func TestAPasswordThatIsNotTheServersIsNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, Options{Dir: dir, Postgres: true})
	data := first.postgres.cluster.data
	stop(t, first)
	if err := os.WriteFile(filepath.Join(data, passwordFile), []byte("other\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(within(t), Options{Dir: dir, Postgres: true})
	if err == nil || !strings.Contains(err.Error(), passwordFile) {
		t.Fatalf("start with another password: %v", err)
	}
	if pid, running := postmaster(data); running {
		t.Errorf("PostgreSQL %d was left running", pid)
	}
}

func TestADataDirectoryKeepsItsMajorVersion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		entries map[string]string // PG_VERSION by directory
		want    int
		fails   bool
	}{
		{name: "empty"},
		{name: "one", entries: map[string]string{"15": "15\n"}, want: 15},
		{name: "newest of several", entries: map[string]string{"15": "15\n", "17": "17\n"}, want: 17},
		{name: "others beside it", entries: map[string]string{"15": "15\n", "server": "", "unfinished-1": ""}, want: 15},
		{name: "made by another version", entries: map[string]string{"16": "15\n"}, fails: true},
		{name: "no version", entries: map[string]string{"16": ""}, fails: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, version := range c.entries {
				if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
					t.Fatal(err)
				}
				if version == "" {
					continue
				}
				if err := os.WriteFile(filepath.Join(dir, name, "PG_VERSION"), []byte(version), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := existing(dir)
			if got != c.want || (err != nil) != c.fails {
				t.Errorf("existing = %d, %v", got, err)
			}
		})
	}
}

// TestInterruptedInitdbIsNoDataDirectory: what an interrupted initdb left is removed, since it holds no data.
func TestInterruptedInitdbIsNoDataDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	left := filepath.Join(dir, "postgres", "unfinished-1")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(left, "PG_VERSION"), []byte("15\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, Options{Dir: dir, Postgres: true})
	if all := glob(t, filepath.Join(dir, "postgres", "unfinished-*")); len(all) != 0 {
		t.Errorf("left over: %v", all)
	}
	if want := filepath.Join(dir, "postgres", strconv.Itoa(s.postgres.cluster.programs.major)); s.Settings().Services[0].Dir != want {
		t.Errorf("data lies in %s, want %s", s.Settings().Services[0].Dir, want)
	}
}

func TestAServerThatEndedIsAwaitedOrReported(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, log string
		report    report
		open      bool
		want      error
		says      string
	}{
		{name: "it has only begun", report: report{Kind: started}, open: true},
		{name: "port taken", log: "LOG:  could not bind IPv4 address", report: report{Kind: exited}, open: true, want: errPortTaken},
		{name: "a killed server's processes are ending", log: "FATAL:  pre-existing shared memory block is still in use", report: report{Kind: exited}, open: true},
		{name: "the guardian gave up", report: report{Kind: failed, Detail: "no such program"}, open: true, says: "no such program"},
		{name: "broken data", log: "PANIC:  could not read", report: report{Kind: exited}, open: true, says: "PANIC:  could not read"},
		{name: "the guardian died", says: "left as it is"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "server.log")
			if err := os.WriteFile(path, []byte("LOG:  an earlier run could not bind\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			log, err := openServerLog(path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = log.Close() }()
			if _, err := log.WriteString(c.log + "\n"); err != nil {
				t.Fatal(err)
			}
			p := &postgres{cluster: &cluster{data: "/data"}, log: log}
			err = p.judge(c.report, c.open)
			switch {
			case c.want != nil && !errors.Is(err, c.want):
				t.Errorf("judged %v, want %v", err, c.want)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
				t.Errorf("judged %v, want %q", err, c.says)
			case c.want == nil && c.says == "" && err != nil:
				t.Errorf("judged %v, want to wait on", err)
			}
		})
	}
}

func TestALongServerLogIsPutAside(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "server.log")
	if err := os.WriteFile(path, make([]byte, longestLog+1), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := openServerLog(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	if info, err := os.Stat(path); err != nil || info.Size() != 0 {
		t.Errorf("the log: %v %v", info, err)
	}
	if info, err := os.Stat(path + ".old"); err != nil || info.Size() != longestLog+1 {
		t.Errorf("the log before it: %v %v", info, err)
	}
	for i := range 20 {
		if _, err := log.WriteString(strconv.Itoa(i) + "\n"); err != nil {
			t.Fatal(err)
		}
	}
	if got := log.tail(); got != "12\n13\n14\n15\n16\n17\n18\n19" {
		t.Errorf("tail %q", got)
	}
}

// commit stores one row that kept() must find from then on.
func commit(t *testing.T, s *Stack, what string) {
	t.Helper()
	if err := commitRow(within(t), s.Settings().DatabaseURL, what); err != nil {
		t.Fatal(err)
	}
}

func commitRow(ctx context.Context, url, what string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, "CREATE TABLE kept (what text)"); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "INSERT INTO kept VALUES ($1)", what)
	return err
}

func kept(t *testing.T, s *Stack) string {
	t.Helper()
	return mustQuery(t, s.Settings().DatabaseURL, "SELECT what FROM kept")
}
