package app

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flashsale/app/config"
)

// secret is part of every value below and must never be printed.
const secret = "hunter2SWORDFISH"

// secretShapes are the ways in which people write the credentials of a server, for another program or wrongly.
func secretShapes() []string {
	return []string{
		"$", "u:$", "u:$@HOST", ":$@HOST:1", "$@HOST", "HOST:1,password=$", "HOST:1,user=u,password=$,ssl=true", "HOST,$", "host=HOST user=u password=$",
		"host=HOST password='$'", "Server=HOST;User Id=u;Password=$;", "jdbc:postgresql://HOST/d?user=u&password=$", "scheme://u:$@HOST/d",
		"//u:$@HOST/d", "http://HOST/?token=$", "postgres://u:$@HOST:99999/d", "postgres://u:$@HOST:x/d", "postgres://u:a/$@127.0.0.1:1/d",
		"postgres://u:12/$@127.0.0.1:1/d", "postgres://u:12?$@127.0.0.1:1/d", "postgres://u:12#$@127.0.0.1:1/d", "postgres://u:%zz$@HOST/d",
		"postgres://u:$ x@HOST/d", "postgres://u:$@[::1/d", "postgres://HOST/d?password=$&sslmode=perhaps", "postgres://HOST/d?sslrootcert=/none/$",
		"postgres://u:$@127.0.0.1:1/d", "postgres://127.0.0.1:1/d?password=$&user=u", "redis://HOST/abc#$", "redis://HOST/$", "redis://u:$@HOST/abc",
		"redis://:12#$@127.0.0.1:1", "redis://:12?$@127.0.0.1:1", "redis://:$@127.0.0.1:1,u:x@HOST:y", "redis://:a@$@HOST", "redis://HOST:$", "redis://HOST/1/$",
		"redis://HOST?dial_timeout=$", "rediss://u:$@HOST:", "redis-sentinel://u:$@HOST", "redis-sentinel://u:12/$@127.0.0.1:1/main", "redis-sentinel://u:%zz$@HOST:1/main",
		"redis://:$@127.0.0.1:1", "redis-sentinel://u:$@127.0.0.1:1/main", "plain:$", "plain:u:$", "scram-sha-256:$", "scram-sha-256:u:$\u200f1", "scram-sha-256:$\u200f1:p",
		"gssapi:u:$", "HOST:1,u:$@HOST:2", "HOST:1;$", "\"$\"", "$\u0085", "HOST:1 $", strings.Repeat("x", 300) + "$",
	}
}

// mutated changes a shape as typing slips do, and leaves the secret whole.
func mutated(r *rand.Rand, shape string) string {
	before, after, _ := strings.Cut(shape, "$")
	for range 1 + r.IntN(3) {
		const slips = `:/@?#%&=;,[]"' `
		slip := string(slips[r.IntN(len(slips))])
		if side := &before; r.IntN(2) == 0 || before == "" {
			at := r.IntN(len(after) + 1)
			after = after[:at] + slip + after[at:]
		} else {
			at := r.IntN(len(*side) + 1)
			*side = (*side)[:at] + slip + (*side)[at:]
		}
	}
	return before + "$" + after
}

// Every variable that may carry a password is given every shape and some slips of it. Nothing that is printed has the secret,
// whether the value was understood or not. The other services are configured and away, so that nothing is started.
func TestNoValueIsPrintedThatMayBeAPassword(t *testing.T) {
	clearSettings(t)
	t.Setenv("DATA_DIR", t.TempDir())
	away := map[string]string{"DATABASE_URL": "postgres://127.0.0.1:1/x?sslmode=disable", "REDIS_URL": "redis://127.0.0.1:1", "KAFKA_BROKERS": "127.0.0.1:1"}
	r := rand.New(rand.NewPCG(9, 22))
	for _, variable := range []string{"DATABASE_URL", "REDIS_URL", "KAFKA_BROKERS", "KAFKA_SASL", "DB_HOST", "DB_PASSWORD", "DB_USERNAME", "DB_NAME", "DB_PORT", "DB_SSLMODE"} {
		for _, shape := range secretShapes() {
			for _, value := range []string{shape, mutated(r, shape)} {
				value = strings.ReplaceAll(strings.ReplaceAll(value, "$", secret), "HOST", "127.0.0.1")
				if strings.TrimSpace(value) == secret && (variable == "DB_HOST" || variable == "DB_NAME") {
					continue // it is a host or a database of that name
				}
				for name, address := range away {
					t.Setenv(name, address)
				}
				if strings.HasPrefix(variable, "DB_") {
					t.Setenv("DATABASE_URL", "")
					t.Setenv("DB_HOST", "127.0.0.1")
					t.Setenv("DB_PORT", "1")
				}
				t.Setenv(variable, value)
				code, out, errOut := command(t, "", "doctor")
				if code != 1 || strings.Contains(out+errOut, secret) {
					t.Errorf("%s=%s: exit %d\n%s%s", variable, value, code, out, errOut)
				}
				t.Setenv(variable, "")
			}
		}
	}
}

// clearSettings makes a test independent of the settings of the machine that it runs on.
func clearSettings(t *testing.T) {
	t.Helper()
	for _, name := range config.Variables() {
		t.Setenv(name, "")
	}
}

// The same for whole processes: what the runtime, the libraries and the log print is in it too. Wrong settings end a start at once;
// those that are understood end it because no server answers.
func TestAProcessPrintsNoPassword(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		settings string
		says     string
	}{
		{"DATABASE_URL=host=db user=u password=$", "DATABASE_URL is not understood (it has 40 characters)"},
		{"DATABASE_URL=Server=db;User Id=u;Password=$", "DATABASE_URL is not understood"},
		{"REDIS_URL=h:6379,password=$", "REDIS_URL is not understood"},
		{"REDIS_URL=redis://h/abc#$", "REDIS_URL is not understood"},
		{"KAFKA_BROKERS=u:$@h", "KAFKA_BROKERS is not understood (its item 1 has 20 characters)"},
		{"KAFKA_SASL=$", "KAFKA_SASL is not understood"},
		{"DB_HOST=u:$@h", "DB_HOST is not understood"},
		{"DATABASE_URL=postgres://u:$@127.0.0.1:1/d", "PostgreSQL does not answer at 127.0.0.1:1/d (connection refused)"},
		{"DB_PORT=1 DB_PASSWORD=$", "PostgreSQL does not answer at localhost:1/flash_sale"},
		{"DB_PORT=1 DB_USERNAME=u:$@h", "PostgreSQL does not answer at localhost:1/flash_sale"},
	} {
		t.Run(strings.ReplaceAll(one.settings, "/", "|"), func(t *testing.T) {
			t.Parallel()
			settings := []string{strings.ReplaceAll(one.settings, "$", secret)}
			if strings.HasPrefix(one.settings, "DB_PORT") {
				settings = strings.Fields(settings[0])
			}
			settings = append(settings, "HOST=127.0.0.1", "PORT="+unusedPort(t), "OPS_ADDR=127.0.0.1:0")
			code, printed := program(t, t.TempDir(), settings)
			if code != 1 || strings.Contains(printed, secret) || !strings.HasPrefix(printed, "flashsale: "+one.says) || strings.Count(printed, "\n") != 1 {
				t.Errorf("exit %d, %s", code, printed)
			}
		})
	}
}

// A .env file with a line that is wrong is named by that line, and nothing of the file is printed.
func TestAWrongEnvFileIsNotPrinted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := "PORT=1\nA=\"two\nlines\"\nDB_PASSWORD=" + secret + "\n" + secret + "\nKAFKA_SASL='" + secret + "\n"
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, printed := program(t, dir, nil, "doctor")
	if want := "flashsale: .env cannot be read: line 5 is no NAME=value; correct it or remove the file\n"; code != 1 || printed != want {
		t.Errorf("exit %d, %s", code, printed)
	}
}
