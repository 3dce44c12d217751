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
