package app

import (
	"io"
	"strings"
	"testing"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/migrations"
)

// While an instance runs, neither the schema nor the deployment is taken away from it, whatever was typed. What it has sold is
// named by the question, and its shopper still has the receipt.
func TestNothingIsTakenFromALivingProcess(t *testing.T) {
	t.Parallel()
	d, env := configured(t)
	p := newPlace(t, append(env, "DEMO=true")...)
	s := p.serve(t)
	s.buy(t, "john_doe")
	for _, args := range []string{"migrate down", "migrate down --yes", "reset --wipe", "reset --wipe --yes"} {
		code, said := p.run(t, d.Config.Namespace+"\n", strings.Fields(args)...)
		if code != 1 || !strings.Contains(said, "this deployment is in use by process ") || !strings.Contains(said, " on host ") || !strings.Contains(said, ", since 20") ||
			strings.Contains(said, "Type ") {
			t.Errorf("flashsale %s: exit %d: %s", args, code, said)
		}
	}
	if applied, made := state(t, d); strings.Count(applied, ".sql") != len(files(t)) || made != 2 {
		t.Errorf("left are %s and %d topics", applied, made)
	}
	s.buy(t, "jane_smith")
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.end(t)
	// Its row stands still: it does not count as alive, however young it is.
	code, said := p.run(t, "no\n", "migrate", "down")
	if code != 1 || !strings.Contains(said, "The 2 orders stay.") || !strings.Contains(said, "nothing was taken back") {
		t.Errorf("exit %d: %s", code, said)
	}
}

// A process starts while the question waits for its answer.
func TestAProcessThatStartsDuringTheQuestionKeepsItsSchema(t *testing.T) {
	t.Parallel()
	d, env := configured(t)
	p := newPlace(t, append(env, "DEMO=true")...)
	if code, said := p.run(t, "", "migrate"); code != 0 {
		t.Fatalf("exit %d: %s", code, said)
	}
	c := p.command(t, "migrate", "down")
	answer, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	asked := &watched{until: "to go on: ", seen: make(chan struct{})}
	c.Stdout, c.Stderr = asked, asked
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked.seen
	s := p.serve(t)
	s.buy(t, "john_doe")
	if _, err := io.WriteString(answer, d.Config.Namespace+"\n"); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err == nil || !strings.Contains(asked.text, "nothing was taken back: this deployment is in use by process ") {
		t.Errorf("it ended with %v: %s", err, asked.text)
	}
	if applied, _ := state(t, d); strings.Count(applied, ".sql") != len(files(t)) {
		t.Errorf("left are %s", applied)
	}
}

// files are the migrations of the program.
func files(t *testing.T) []migrations.State {
	t.Helper()
	pool, schema := embeddedtest.Postgres(t)
	all, err := migrations.Status(t.Context(), pool, schema)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Beside an instance on embedded servers, the lock of the data directory speaks.
func TestMigrateDownBesideEmbeddedServers(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := p.serve(t)
	s.buy(t, "john_doe")
	code, said := p.run(t, "flashsale\n", "migrate", "down")
	if code != 1 || !strings.Contains(said, "data directory in use") || !strings.Contains(said, "process ") {
		t.Errorf("exit %d: %s", code, said)
	}
	s.buy(t, "jane_smith")
}

// A newer version has been here. `migrate` of this one refuses in one sentence. A process starts as long as the newer version has only
// added, so that one can be rolled out and taken back, and refuses in one sentence when it has not.
func TestASchemaThatIsNewerThanTheProgramIsRefused(t *testing.T) {
	t.Parallel()
	d, env := configured(t)
	p := newPlace(t, append(env, "DEMO=true")...)
	mustRun(t, p, "migrate")
	pool, _ := embeddedtest.EmptyPostgres(t)
	set := func(sql string) {
		t.Helper()
		if _, err := pool.Exec(t.Context(), strings.ReplaceAll(sql, "SCHEMA", d.Config.Namespace)); err != nil {
			t.Fatal(err)
		}
	}
	set(`INSERT INTO SCHEMA.goose_db_version (version_id, is_applied) VALUES (9999, true)`)
	for _, args := range []string{"migrate", "migrate up"} {
		code, said := p.run(t, "", strings.Fields(args)...)
		if code != 1 || strings.Count(said, "\n") != 1 || !strings.Contains(said, "nothing was changed: the schema is of a newer version of this program: migration 9999 is applied") {
			t.Errorf("flashsale %s: exit %d: %s", args, code, said)
		}
	}
	if code, said := p.run(t, "", "migrate", "down", "--yes"); code != 1 || !strings.Contains(said, "migration 9999 was applied by a newer version") {
		t.Errorf("down: exit %d: %s", code, said)
	}
	s := p.serve(t)
	s.buy(t, "john_doe")
	orderedEnd(t, s)
	set(`UPDATE SCHEMA.oldest_program SET knows = 9999`)
	code, said := p.run(t, "", "serve")
	if code != 1 || strings.Count(said, "\n") != 1 || !strings.Contains(said, "this program is too old for the schema") || !strings.Contains(said, "start a newer version") {
		t.Errorf("serve: exit %d: %s", code, said)
	}
}
