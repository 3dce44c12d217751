package app

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/app/instance/instancetest"
	"flashsale/events/claimlog"
	"flashsale/migrations"
)

// beside are the commands that work with a deployment and make none.
func beside() []string {
	return []string{"verify", "doctor", "migrate status", "migrate down --yes", "seed 5", "reset", "reset --wipe --yes", "sale set --stock 3"}
}

func TestCommandsMakeNoDeployment(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for _, args := range append(beside(), "health", "version", "stress 1000 --url http://127.0.0.1:1", "bench --growth 1") {
		code, said := p.run(t, "", strings.Fields(args)...)
		if slices.Contains(beside(), args) && (code != 1 || !strings.Contains(said, "There is no deployment at "+filepath.Join(p.dir, ".flashsale"))) {
			t.Errorf("flashsale %s: exit %d: %s", args, code, said)
		}
		if made := entries(t, p.dir); len(made) > 0 {
			t.Fatalf("flashsale %s made %v", args, made)
		}
	}
}

// configured is an environment whose servers are those that the tests share, in a namespace in which nothing has been.
func configured(t *testing.T) (d instancetest.Deployment, env []string) {
	t.Helper()
	d = instancetest.Empty(t)
	return d, []string{"NAMESPACE=" + d.Config.Namespace, "DATABASE_URL=" + d.Servers.DatabaseURL, "REDIS_URL=" + d.Servers.RedisURL,
		"KAFKA_BROKERS=" + strings.Join(d.Servers.KafkaBrokers, ",")}
}

// topics are those that exist in the namespace.
func topics(t *testing.T, d instancetest.Deployment) int {
	t.Helper()
	log, err := claimlog.Connect(t.Context(), claimlog.Config{Brokers: d.Servers.KafkaBrokers, Namespace: d.Config.Namespace, LogID: d.Servers.KafkaID})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	missing, err := log.Missing(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return 2 - len(missing)
}

func schemas(t *testing.T, name string) (n int) {
	t.Helper()
	pool, _ := embeddedtest.EmptyPostgres(t)
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_namespace WHERE nspname = $1`, name).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCommandsMakeNoSchemaAndNoTopics(t *testing.T) {
	t.Parallel()
	d, env := configured(t)
	p := newPlace(t, env...)
	for _, args := range beside() {
		code, said := p.run(t, "", strings.Fields(args)...)
		want := "There is no schema " + d.Config.Namespace + " at "
		switch args {
		case "doctor":
			want = "bad      schema"
		case "reset --wipe --yes": // there may be topics without a schema
			want = "removed"
		}
		if !strings.Contains(said, want) || (code == 0) != (args == "reset --wipe --yes") {
			t.Errorf("flashsale %s: exit %d: %s", args, code, said)
		}
		if schemas(t, d.Config.Namespace) > 0 || topics(t, d) > 0 || len(entries(t, p.dir)) > 0 {
			t.Fatalf("flashsale %s made something: %d schema, %d topics, %v", args, schemas(t, d.Config.Namespace), topics(t, d), entries(t, p.dir))
		}
	}
}

// A question that is answered with no has made nothing.
func TestAWipeThatIsRefusedMakesNoTopics(t *testing.T) {
	t.Parallel()
	d, env := configured(t)
	if code, said := newPlace(t, env...).run(t, "no\n", "reset", "--wipe"); code != 1 || topics(t, d) > 0 {
		t.Errorf("exit %d, %d topics: %s", code, topics(t, d), said)
	}
}

// A look at a schema of an older version neither migrates it nor makes a first sale or topics.
func TestALookChangesNoSchema(t *testing.T) {
	t.Parallel()
	d, env := configured(t)
	p := newPlace(t, env...)
	for _, step := range []struct {
		args string
		code int
		says string
	}{
		{"migrate", 0, "applied"},
		{"verify", 1, "There is no topic " + d.Config.Namespace + ".claims and " + d.Config.Namespace + ".events at "},
		{"doctor", 1, "bad      topic       " + d.Config.Namespace + ".claims: it is not there"},
		{"migrate down --yes", 0, "taken back"},
		{"migrate status", 0, "pending"},
		{"verify", 1, "nothing was looked at: the schema is of an older version of this program"},
		{"doctor", 1, "1 migrations to apply"},
		{"seed 5", 0, "5 of the series exist"}, // it changes the deployment, and prepares it as a start does
		{"verify", 0, "ok       I5"},
		{"doctor", 0, "0 claims not yet read"},
	} {
		before, made := state(t, d)
		code, said := p.run(t, "", strings.Fields(step.args)...)
		if code != step.code || !strings.Contains(said, step.says) {
			t.Errorf("flashsale %s: exit %d: %s; want %d and %q", step.args, code, said, step.code, step.says)
		}
		looks := strings.HasPrefix(step.args, "verify") || step.args == "doctor" || step.args == "migrate status"
		if after, nowMade := state(t, d); looks && (after != before || nowMade != made) {
			t.Errorf("flashsale %s changed the schema from %q to %q, topics %d to %d", step.args, before, after, made, nowMade)
		}
	}
}

// state tells which migrations are applied and how many topics there are.
func state(t *testing.T, d instancetest.Deployment) (applied string, made int) {
	t.Helper()
	pool, _ := embeddedtest.EmptyPostgres(t)
	all, err := migrations.Status(t.Context(), pool, d.Config.Namespace)
	if err != nil {
		return err.Error(), topics(t, d)
	}
	for _, m := range all {
		if m.Applied {
			applied += m.File + " "
		}
	}
	return applied, topics(t, d)
}

// Embedded servers of a deployment are started for a look, and what was sold is seen.
func TestALookAtADeploymentThatDoesNotRun(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	if code, said := p.run(t, "", "migrate"); code != 0 {
		t.Fatalf("exit %d: %s", code, said)
	}
	before := entries(t, p.dir)
	for _, args := range []string{"verify", "doctor"} {
		if code, said := p.run(t, "", args); code != 1 || !strings.Contains(said, "There is no claims log at "+filepath.Join(p.dir, ".flashsale")) {
			t.Errorf("flashsale %s: exit %d: %s", args, code, said)
		}
	}
	if after := entries(t, p.dir); slices.Contains(after, ".flashsale/kafka") || len(after) != len(before) {
		t.Errorf("looking made %d files", len(after)-len(before))
	}
	if code, said := p.run(t, "", "reset", "--stock", "7"); code != 0 {
		t.Fatalf("exit %d: %s", code, said)
	}
	if code, said := p.run(t, "", "verify"); code != 0 || !strings.Contains(said, "ok       I1") {
		t.Errorf("exit %d: %s", code, said)
	}
}
