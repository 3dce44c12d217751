package app

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"flashsale/app/embedded/embeddedtest"
)

// command runs one command line as a person does and returns its exit code and what it printed.
func command(t *testing.T, stdin string, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = Main(args, strings.NewReader(stdin), &o, &e)
	return code, o.String(), e.String()
}

// The commands work without an instance: what is not configured is started for the command and ends with it.
func TestCommandsWithoutAnInstance(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	t.Setenv("DATA_DIR", dir)
	t.Setenv("NAMESPACE", embeddedtest.Namespace(t))
	files, err := filepath.Glob("../migrations/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no migrations: %v", err)
	}
	none := "There is no deployment at " + dir
	if os.Getenv("DATABASE_URL") != "" {
		none = "There is no schema " + os.Getenv("NAMESPACE")
	}
	all, last := strconv.Itoa(len(files)), filepath.Base(files[len(files)-1])
	for _, step := range []struct {
		args  string
		stdin string
		code  int
		says  []string
	}{
		{"migrate status", "", 1, []string{none}},
		{"migrate", "", 0, []string{all + " applied", "applied  " + last}},
		{"migrate down", "no\n", 1, []string{"This takes back " + last, "The 0 orders stay.", "nothing was taken back"}},
		{"migrate down", os.Getenv("NAMESPACE") + "\n", 0, []string{"taken back: " + last}},
		{"migrate status", "", 0, []string{"pending  " + last}},
		{"migrate", "", 0, []string{"1 applied"}},
		{"migrate down --yes", "", 0, []string{"taken back: " + last}},
		{"seed 25", "", 0, []string{"25 of the series exist"}},
		{"seed many", "", 1, []string{`"many" is not a number of shoppers`}},
		{"reset --stock 7", "", 0, []string{"7 units, nothing sold"}},
		{"verify", "", 0, []string{"ok       I1", "ok       I2", "unknown  I3", "ok       I5", "unknown  I7"}},
		{"verify --json", "", 0, []string{`"id":"I1"`, `"state":"ok"`}},
		{"doctor", "", 0, []string{"ok       PostgreSQL", "ok       Redis", "ok       Kafka", all + " migrations applied", "0 claims not yet read"}},
		{"reset --wipe", "no\n", 1, []string{"for good", "nothing was removed"}},
		{"reset --wipe --yes", "", 0, []string{"removed"}},
	} {
		code, out, errOut := command(t, step.stdin, strings.Fields(step.args)...)
		if code != step.code {
			t.Errorf("flashsale %s: exit %d, want %d\n%s%s", step.args, code, step.code, out, errOut)
		}
		for _, words := range step.says {
			if !strings.Contains(out+errOut, words) {
				t.Errorf("flashsale %s does not say %q:\n%s%s", step.args, words, out, errOut)
			}
		}
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the data directory is left")
	}
}

func TestCommandsRefuseWhatTheyDoNotKnow(t *testing.T) {
	t.Parallel()
	for args, says := range map[string]string{
		"stress everything":     `there is no scenario "everything"`,
		"frobnicate":            "unknown command",
		"migrate sideways":      "invalid argument",
		"seed":                  "accepts 1 arg(s)",
		"serve now":             "unknown command",
		"stress 1000 and 10000": "accepts at most 1 arg(s)",
	} {
		code, out, errOut := command(t, "", strings.Fields(args)...)
		if code != 1 || !strings.Contains(errOut, says) || strings.Count(errOut, "\n") != 1 {
			t.Errorf("flashsale %s: exit %d, %q %q; want 1 and one line with %q", args, code, out, errOut, says)
		}
	}
}

func TestEveryCommandHasHelp(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"serve", "migrate", "seed", "reset", "stress", "verify", "doctor", "admin", "version"} {
		code, out, _ := command(t, "", name, "--help")
		if code != 0 || !strings.Contains(out, "Usage:") {
			t.Errorf("flashsale %s --help: exit %d\n%s", name, code, out)
		}
	}
	if code, out, _ := command(t, "", "version"); code != 0 || !strings.HasPrefix(out, "flashsale ") {
		t.Errorf("version: exit %d %q", code, out)
	}
}

func TestWrongConfigurationStopsEveryCommandWithOneSentence(t *testing.T) {
	t.Setenv("PORT", "many")
	for _, name := range []string{"serve", "verify", "doctor", "migrate"} {
		code, _, errOut := command(t, "", name)
		if want := "flashsale: PORT is not understood (it has 4 characters); it must be a whole number from 1 to 65535\n"; code != 1 || errOut != want {
			t.Errorf("flashsale %s: exit %d, %q", name, code, errOut)
		}
	}
}

// A configured service that is not there is named, with its address and how to start it.
func TestMissingServiceIsNamed(t *testing.T) {
	t.Setenv("NAMESPACE", embeddedtest.Namespace(t))
	t.Setenv("DATA_DIR", t.TempDir())
	t.Setenv("DATABASE_URL", "postgres://postgres:hidden@127.0.0.1:1/flash_sale?sslmode=disable")
	code, _, errOut := command(t, "", "migrate", "status")
	for _, words := range []string{"PostgreSQL does not answer at 127.0.0.1:1", "docker compose up -d postgres", "DATABASE_URL"} {
		if code != 1 || !strings.Contains(errOut, words) {
			t.Errorf("exit %d, the sentence lacks %q: %s", code, words, errOut)
		}
	}
	if strings.Contains(errOut, "hidden") {
		t.Errorf("the sentence shows the password: %s", errOut)
	}
}

// When some servers do not answer, the doctor goes on to the others and names all that are bad.
func TestDoctorListsEveryServer(t *testing.T) {
	t.Setenv("NAMESPACE", embeddedtest.Namespace(t))
	t.Setenv("DATA_DIR", t.TempDir())
	gone := map[string]string{
		"PostgreSQL": "postgres://postgres:hidden@127.0.0.1:1/flash_sale?sslmode=disable",
		"Redis":      "redis://:hidden@127.0.0.1:2",
		"Kafka":      "127.0.0.1:3",
	}
	variable := map[string]string{"PostgreSQL": "DATABASE_URL", "Redis": "REDIS_URL", "Kafka": "KAFKA_BROKERS"}
	brokers, _ := embeddedtest.Kafka(t)
	there := map[string]string{"PostgreSQL": embeddedtest.DatabaseURL(t), "Redis": embeddedtest.RedisURL(t), "Kafka": strings.Join(brokers, ",")}
	for _, away := range [][]string{{"PostgreSQL"}, {"Redis"}, {"Kafka"}, {"PostgreSQL", "Redis", "Kafka"}} {
		for name, variable := range variable {
			t.Setenv(variable, there[name])
			if slices.Contains(away, name) {
				t.Setenv(variable, gone[name])
			}
		}
		code, out, errOut := command(t, "", "doctor")
		if code != 1 || strings.Contains(out+errOut, "hidden") {
			t.Errorf("%v away: exit %d\n%s%s", away, code, out, errOut)
		}
		for name := range variable {
			want := "ok       " + name
			if slices.Contains(away, name) {
				want = "bad      " + name
			}
			if strings.Count(out, want) != 1 || strings.Contains(out, "***;") {
				t.Errorf("%v away: not one line %q\n%s%s", away, want, out, errOut)
			}
		}
		if state := strings.Contains(out, "migrations to apply"); state == slices.Contains(away, "PostgreSQL") {
			t.Errorf("%v away: the schema is examined: %v\n%s", away, state, out)
		}
		if state := strings.Contains(out, "partitions"); state == slices.Contains(away, "Kafka") {
			t.Errorf("%v away: the topics are examined: %v\n%s", away, state, out)
		}
	}
}
