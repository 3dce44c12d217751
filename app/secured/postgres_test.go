//go:build linux

package secured

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgres is one server with TLS and scram, and the address of its superuser.
type postgres struct {
	*server
	bin, data, at string
	port          int
	super         string
}

func postgresBin(t *testing.T) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	slices.Sort(found)
	if len(found) == 0 {
		return filepath.Dir(installed(t, "initdb"))
	}
	return filepath.Dir(found[len(found)-1])
}

// newPostgres makes a server that lets nobody in without TLS and a password, which is never sent in the clear.
func newPostgres(t *testing.T, id identity, settings ...string) *postgres {
	t.Helper()
	p := &postgres{server: &server{name: "PostgreSQL", dir: folder(t, "pg"), as: postgresUser(t)}, bin: postgresBin(t), port: freePort(t)}
	p.data, p.at = filepath.Join(p.dir, "data"), local(p.port)
	p.super = fmt.Sprintf("postgres://postgres:super@%s/postgres?sslmode=require", p.at)
	p.mine(t, p.data, true)
	password := filepath.Join(p.dir, "pw")
	written(t, password, []byte("super\n"), 0o644)
	ran(t, p.as, p.data, filepath.Join(p.bin, "initdb"), "-D", p.data, "-U", "postgres", "-E", "UTF8", "--locale=C", "-A", "scram-sha-256", "--pwfile="+password)
	written(t, filepath.Join(p.data, "pg_hba.conf"), []byte("hostssl all all 127.0.0.1/32 scram-sha-256\nhostssl replication all 127.0.0.1/32 scram-sha-256\n"), 0o600)
	p.certificate(t, id)
	p.run(settings...)
	p.start(t)
	return p
}

// mine gives a file or folder to the user who runs the server.
func (p *postgres) mine(t *testing.T, path string, folder bool) {
	t.Helper()
	err := error(nil)
	if folder {
		err = os.MkdirAll(path, 0o700)
	}
	if err == nil && p.as != nil {
		err = os.Chown(path, int(p.as.Uid), int(p.as.Gid))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// certificate puts the files where the server looks for them.
func (p *postgres) certificate(t *testing.T, id identity) {
	t.Helper()
	for name, from := range map[string]string{"server.crt": id.cert, "server.key": id.key} {
		raw, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(p.data, name)
		written(t, to, raw, 0o600)
		p.mine(t, to, false)
	}
}

// run says how the server is started.
func (p *postgres) run(settings ...string) {
	p.args = []string{filepath.Join(p.bin, "postgres"), "-D", p.data, "-p", strconv.Itoa(p.port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "ssl=on", "-c", "password_encryption=scram-sha-256", "-c", "max_connections=200"}
	for _, one := range settings {
		p.args = append(p.args, "-c", one)
	}
	p.ready = func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, p.super)
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	}
}

// do runs statements as that user.
func do(t *testing.T, address string, statements ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, one := range statements {
		if _, err := conn.Exec(ctx, one); err != nil {
			t.Fatalf("%s: %v", one, err)
		}
	}
}

// number asks for one.
func number(t *testing.T, address, query string) (n int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err == nil {
		defer func() { _ = conn.Close(ctx) }()
		err = conn.QueryRow(ctx, query).Scan(&n)
	}
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// roles are those of README.md: the schema belongs to a role that migrates and nothing else, the product may read and write rows.
func (p *postgres) roles(t *testing.T) {
	t.Helper()
	do(t, p.super,
		`CREATE ROLE flashsale_owner LOGIN PASSWORD 'owner'`,
		`CREATE ROLE shop LOGIN PASSWORD 'shop'`,
		`CREATE ROLE alone LOGIN PASSWORD 'alone'`,
		`CREATE ROLE stranger LOGIN PASSWORD 'stranger'`,
		`CREATE DATABASE shop`,
		`REVOKE ALL ON DATABASE shop FROM public`,
		`GRANT CONNECT ON DATABASE shop TO flashsale_owner, shop, alone, stranger`,
		`GRANT TEMPORARY ON DATABASE shop TO shop, alone`)
	do(t, p.database("postgres:super", ""),
		`CREATE SCHEMA flashsale AUTHORIZATION flashsale_owner`,
		`GRANT USAGE ON SCHEMA flashsale TO shop`,
		`ALTER DEFAULT PRIVILEGES FOR ROLE flashsale_owner IN SCHEMA flashsale GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO shop`,
		`ALTER DEFAULT PRIVILEGES FOR ROLE flashsale_owner IN SCHEMA flashsale GRANT USAGE, SELECT ON SEQUENCES TO shop`,
		`CREATE SCHEMA alone AUTHORIZATION alone`)
}

// database is the address of the product's database for a user; the authority is trusted if there is one.
func (p *postgres) database(credentials, root string) string {
	mode := "sslmode=require"
	if root != "" {
		mode = "sslmode=verify-full&sslrootcert=" + root
	}
	return fmt.Sprintf("postgres://%s@%s/shop?%s", credentials, p.at, mode)
}

// The product sells on a PostgreSQL with TLS, verified to the name, and scram; with a role that may only read and write rows while
// another one migrates, and with a role that owns its schema and nothing else. What is wrong is told in one sentence.
func TestPostgresWithTLSAndRoles(t *testing.T) {
	wanted(t)
	ca := newAuthority(t, "shop's authority")
	p := newPostgres(t, ca.issue(t, "127.0.0.1", valid()))
	p.roles(t)
	plain := []string{setting("REDIS_URL", plainRedis(t)), setting("KAFKA_BROKERS", plainKafka(t))}
	with := func(address string, more ...string) []string {
		return append(append(slices.Clone(plain), setting("DATABASE_URL", address)), more...)
	}
	shop, owner := p.database("shop:shop", ca.file), p.database("flashsale_owner:owner", ca.file)

	t.Run("refusals before the schema", func(t *testing.T) {
		refused(t, with(shop), "answers, but this user may not change the schema flashsale, which is not up to date: run `flashsale migrate` as the one who owns it, or correct DATABASE_URL", "run `flashsale migrate`")
		refused(t, with(p.database("stranger:stranger", ca.file)), "this user may not use the schema flashsale: grant it USAGE, or correct DATABASE_URL", "may not use the schema flashsale")
	})
	if code, text := printed(t, with(owner), "migrate"); code != 0 {
		t.Fatalf("migrate as the owner: exit %d\n%s", code, text)
	}
	t.Run("two roles", func(t *testing.T) { sells(t, with(shop), 40) })
	t.Run("owner of its schema only", func(t *testing.T) { sells(t, with(p.database("alone:alone", ca.file), "NAMESPACE=alone"), 20) })

	t.Run("refusals", func(t *testing.T) {
		other := newAuthority(t, "another authority")
		refused(t, with(p.database("shop:shop", other.file)), "its certificate is of an authority that is not trusted here; correct DATABASE_URL (or DB_*)", "of an authority that is not trusted here")
		refused(t, with(strings.Replace(shop, "127.0.0.1", "localhost", 1)), "its certificate is for another name; correct DATABASE_URL", "its certificate is for another name")
		refused(t, with(p.database("shop:"+secret, ca.file)), "refuses this user with this password; correct DATABASE_URL", "refuses this user with this password")
		refused(t, with(strings.Replace(p.database("shop:shop", ""), "sslmode=require", "sslmode=disable", 1)), "does not let this user in from here", "does not let this user in from here")
		refused(t, with(p.database("stranger:stranger", ca.file)), "this user may not use the schema flashsale: grant it USAGE, or correct DATABASE_URL", "this user may not use the schema flashsale")
		do(t, p.database("postgres:super", ""), `REVOKE INSERT ON flashsale.orders FROM shop`)
		refused(t, with(shop), "this user lacks the right INSERT on flashsale.orders", "this user lacks the right INSERT on flashsale.orders")
		do(t, p.database("postgres:super", ""), `GRANT INSERT ON flashsale.orders TO shop`, `REVOKE TEMPORARY ON DATABASE shop FROM shop`)
		refused(t, with(shop), "this user lacks the right TEMPORARY on the database", "this user lacks the right TEMPORARY on the database")
		do(t, p.database("postgres:super", ""), `GRANT TEMPORARY ON DATABASE shop TO shop`)
		p.certificate(t, ca.issue(t, "127.0.0.1", time.Now().Add(-time.Hour)))
		do(t, p.super, `SELECT pg_reload_conf()`)
		time.Sleep(300 * time.Millisecond)
		refused(t, with(shop), "its certificate has expired", "its certificate has expired")
	})
}

// sells runs the product with these settings: it sells all it has and verifies.
func sells(t *testing.T, env []string, stock int) {
	t.Helper()
	i := serve(t, env...)
	d := begin(t, stock, i.url)
	d.press(100)
	d.end()
	verified(t, env)
	if code, text := printed(t, env, "doctor"); code != 0 {
		t.Errorf("doctor: exit %d\n%s", code, text)
	}
	i.stop(t)
}

// plainRedis is a redis-server of the test's own, without any security.
func plainRedis(t *testing.T) string {
	t.Helper()
	s, port := newRedis(t)
	s.start(t)
	return "redis://" + local(port)
}

// plainPostgres is a server with a superuser, for tests of other servers.
func plainPostgres(t *testing.T) string {
	t.Helper()
	return newPostgres(t, newAuthority(t, "nobody's authority").issue(t, "127.0.0.1", valid())).super
}
