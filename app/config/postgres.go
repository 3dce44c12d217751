package config

import (
	"errors"
	"io/fs"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// databaseURL joins the original's DB_* variables when DATABASE_URL is not set.
func databaseURL(r *reader) string {
	if v, ok := r.value("DATABASE_URL"); ok {
		if want := wantedDatabase(v); want != "" {
			r.fail("DATABASE_URL", v, want)
		}
		return v
	}
	set := false
	for _, name := range []string{"DB_HOST", "DB_PORT", "DB_USERNAME", "DB_PASSWORD", "DB_NAME", "DB_SSLMODE"} {
		_, ok := r.value(name)
		set = set || ok
	}
	if !set {
		return ""
	}
	port := r.integer("DB_PORT", 5432, 1, 65535)
	u := url.URL{
		Scheme: "postgres",
		User:   url.UserPassword(r.text("DB_USERNAME", "postgres"), r.text("DB_PASSWORD", "postgres123")),
		Host:   net.JoinHostPort(r.checked("DB_HOST", "localhost", "a host name or an address", validHost), strconv.Itoa(port)),
		Path:   "/" + r.checked("DB_NAME", "flash_sale", "the name of a database, without / and @", validDatabaseName),
	}
	modes := []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}
	if mode := r.checked("DB_SSLMODE", "", strings.Join(modes, ", "), oneOf(modes...)); mode != "" {
		u.RawQuery = "sslmode=" + mode
	}
	return u.String()
}

// replicaURL is the address of a standby of the database at primary.
func replicaURL(r *reader, primary string) string {
	v, ok := r.value("DATABASE_REPLICA_URL")
	if !ok {
		return ""
	}
	want := wantedDatabase(v)
	switch {
	case want != "":
		r.fail("DATABASE_REPLICA_URL", v, want)
	case primary == "":
		r.refuse("DATABASE_REPLICA_URL", "set while DATABASE_URL is not", "unset with an embedded PostgreSQL, which has no replica")
	case strings.Contains(databasePlace(v), ","):
		// How far a replica is behind is asked on one connection, and lists are read on others.
		r.refuse("DATABASE_REPLICA_URL", "the address of several servers", "that of one replica")
	}
	return v
}

// wantedDatabase is "" for an address that the driver takes, else what it has to be.
func wantedDatabase(v string) string {
	const want = "an address like postgres://user:password@localhost:5432/flash_sale (# / ? @ % in a password are written %23 %2F %3F %40 %25)"
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || !cleanURL(v) {
		return want
	}
	_, err = pgxpool.ParseConfig(v)
	var file *fs.PathError
	switch {
	case errors.As(err, &file):
		return "an address whose files (sslrootcert, sslcert, sslkey) can be read"
	case err != nil:
		return want
	}
	return ""
}

// validDatabaseName refuses an address in the place of a name.
func validDatabaseName(v string) bool { return !strings.ContainsAny(v, "/@") }

// PoolConfig reads the address and puts every connection into the namespace's schema.
func PoolConfig(address, namespace string, size int32) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, errors.New("DATABASE_URL is not understood") // the driver's error may hold the password
	}
	cfg.MaxConns = max(cfg.MaxConns, size)
	cfg.ConnConfig.ConnectTimeout = databaseDialTime
	cfg.ConnConfig.RuntimeParams["search_path"] = namespace
	cfg.ConnConfig.RuntimeParams["application_name"] = "flashsale"
	// A process that is stopped in the middle of an operator's transaction does not keep the sale's stock row.
	cfg.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = strconv.FormatInt(forgottenTime.Milliseconds(), 10)
	cfg.HealthCheckPeriod = time.Second
	return cfg, nil
}

// ReplicaConfig is PoolConfig for DATABASE_REPLICA_URL: size connections at most and none before they are asked for, whatever the address
// says, on which nothing can be written and no statement takes longer than patience.
func ReplicaConfig(address, namespace string, size int32, patience time.Duration) (*pgxpool.Config, error) {
	cfg, err := PoolConfig(address, namespace, size)
	if err != nil {
		return nil, errors.New("DATABASE_REPLICA_URL is not understood")
	}
	cfg.MinConns, cfg.MinIdleConns, cfg.MaxConns, cfg.MaxConnIdleTime = 0, 0, size, time.Minute
	cfg.ConnConfig.RuntimeParams["application_name"] = "flashsale lists"
	cfg.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	cfg.ConnConfig.RuntimeParams["statement_timeout"] = strconv.FormatInt(patience.Milliseconds(), 10)
	return cfg, nil
}
