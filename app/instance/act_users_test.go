package instance

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/app/operator"
	"flashsale/events/audit"
	"flashsale/users"
)

// acts lists what the audit log says was done, oldest first.
func (a *Instance) acts(t *testing.T) (all []string) {
	t.Helper()
	recorded, err := a.wiring.audit.Recent(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range slices.Backward(recorded) {
		if e.Action != audit.Refused { // those are written down a little later
			all = append(all, e.Action+" "+string(e.Detail))
		}
	}
	return all
}

func (a *Instance) accounts(t *testing.T) int64 {
	t.Helper()
	n, err := a.wiring.users.Live(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestActsOnAccountsAreRecordedWithWhatTheyDo(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	c := newClient(t, a.URL())
	before := a.accounts(t)
	c.Act(http.MethodPost, "/api/users/seed", map[string]int{"userCount": 40}).Is(t, http.StatusOK, "")
	big := users.Chunk + 47
	c.Act(http.MethodPost, "/api/users/seed", map[string]int{"userCount": big}).Is(t, http.StatusOK, "")
	if n := a.accounts(t); n != before-10+int64(big) {
		t.Errorf("%d accounts", n)
	}
	c.Act(http.MethodDelete, "/api/users/reset", nil).Is(t, http.StatusOK, "")
	c.Act(http.MethodDelete, "/api/users/reset", nil).Is(t, http.StatusOK, "")
	want := []string{
		`users.seed {"created": 30, "userCount": 40}`,
		fmt.Sprintf(`users.seed-started {"created": 0, "userCount": %d}`, big),
		fmt.Sprintf(`users.seed {"created": %d, "userCount": %d}`, big-40, big),
		fmt.Sprintf(`users.archive-started {"archived": %d}`, before-10+int64(big)),
		fmt.Sprintf(`users.archive {"archived": %d}`, before-10+int64(big)),
		`users.archive {"archived": 0}`,
	}
	if got := a.acts(t); !slices.Equal(got, want) {
		t.Errorf("recorded %q, want %q", got, want)
	}
}

// The record was written in a transaction of its own: a fault between the two left shoppers of whom no record spoke.
func TestAnActOnAccountsIsNotDoneWithoutItsRecord(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	c := newClient(t, a.URL())
	// The audit log refuses.
	if _, err := a.wiring.servers.pool.Exec(t.Context(), `ALTER TABLE audit_log ADD CONSTRAINT refused CHECK (false) NOT VALID`); err != nil {
		t.Fatal(err)
	}
	before := a.accounts(t)
	for _, act := range []struct{ method, path string }{
		{http.MethodPost, "/api/users/seed"}, {http.MethodDelete, "/api/users/reset"}, {http.MethodPost, "/api/flash-sale/stock-preset/medium"},
	} {
		body := any(map[string]int{"userCount": 50})
		if act.path != "/api/users/seed" {
			body = nil
		}
		if r := c.Act(act.method, act.path, body); r.Status != http.StatusInternalServerError {
			t.Errorf("%s: %d %s", act.path, r.Status, r.Raw)
		}
		if n := a.accounts(t); n != before {
			t.Errorf("%s: from %d to %d accounts without a record", act.path, before, n)
		}
	}
	if now := c.Status(); now.Number("generation") != 1 || now.Number("revision") != 1 {
		t.Errorf("the sale was changed without a record: %s", now.Raw)
	}
}

// Names are read after the commit. A failure of that read was answered as a failure of the act.
func TestASeedingThatIsCommittedIsAnsweredThoughItsNamesCannotBeLearnt(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	proxy := through(t, &d)
	a := d.start(t)
	c := newClient(t, a.URL())
	proxy.at("users.seed", thenAway)
	done := make(chan reply, 1)
	go func() { done <- c.Act(http.MethodPost, "/api/users/seed", map[string]int{"userCount": 40}) }()
	select {
	case r := <-done:
		if r.Is(t, http.StatusOK, ""); r.Number("usersCreated") != 30 {
			t.Errorf("answered %s", r.Raw)
		}
	case <-time.After(20 * time.Second):
		t.Error("a committed act is not answered")
	}
	if !proxy.back() {
		t.Error("the proxy has seen no commit")
	}
}

// The act's own transaction is idle while its chunks are created, and a connection is not idle in a transaction for long.
func TestALongSeedingKeepsItsTransaction(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	a := d.start(t)
	c := newClient(t, a.URL())
	// A connection without limits has locked the roster, so that the first chunk takes longer than the act's own limit.
	conn, err := pgx.Connect(t.Context(), d.Servers.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	if _, err := conn.Exec(t.Context(), `BEGIN; SELECT FROM `+d.Config.Namespace+`.roster FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	done := make(chan reply, 1)
	go func() {
		done <- c.Act(http.MethodPost, "/api/users/seed", map[string]int{"userCount": users.Chunk + 17}, "Idempotency-Key: k")
	}()
	idle := `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%roster%'
		AND pid <> pg_backend_pid() AND clock_timestamp() - query_start > interval '7 seconds'`
	for n := 0; n == 0; time.Sleep(20 * time.Millisecond) {
		if err := a.wiring.servers.pool.QueryRow(t.Context(), idle).Scan(&n); err != nil {
			t.Fatal(err)
		}
		select {
		case r := <-done:
			t.Fatalf("answered before its chunk was done: %d %s", r.Status, r.Raw)
		default:
		}
	}
	if _, err := conn.Exec(t.Context(), `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	r := <-done
	if r.Is(t, http.StatusOK, ""); r.Number("usersCreated") != float64(users.Chunk+17-10) {
		t.Errorf("answered %d %s", r.Status, r.Raw)
	}
}

// Who archives between two chunks of a seeding would make its answer untrue, in whichever process.
func TestNobodyArchivesInTheMiddleOfASeeding(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	a, other := d.start(t), newClient(t, d.start(t).URL())
	archive := func() reply { return other.Act(http.MethodDelete, "/api/users/reset", nil) }
	const n = 2*users.Chunk + 7
	asked := false
	_, err := a.wiring.acts.Seed(t.Context(), operator.Act{}, n, func(done, _ int) {
		if done < n && !asked {
			asked = true
			archive().Is(t, http.StatusConflict, "busy")
			other.Act(http.MethodPost, "/api/users/seed", map[string]int{"userCount": 2 * n}).Is(t, http.StatusConflict, "busy")
			other.Act(http.MethodPost, "/api/users/seed", map[string]int{"userCount": 20}).Is(t, http.StatusOK, "")
		}
	})
	if err != nil || !asked {
		t.Fatalf("asked between the chunks: %v, %v", asked, err)
	}
	if live, err := a.wiring.users.Live(t.Context()); err != nil || live < n {
		t.Errorf("%d shoppers exist of %d that were seeded (%v)", live, n, err)
	}
	archive().Is(t, http.StatusOK, "")
}

// A seeding that another transaction ends after its first chunk says which shoppers exist. Nothing was said of them.
func TestASeedingThatEndsEarlySaysWhatExists(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	c := newClient(t, a.URL())
	refuse := `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'locked' USING ERRCODE = '55P03'; END $$;
		CREATE TRIGGER refuse BEFORE INSERT ON users FOR EACH ROW WHEN (NEW.username = '` + users.SeriesName(2*users.Chunk) + `') EXECUTE FUNCTION refuse()`
	if _, err := a.wiring.servers.pool.Exec(t.Context(), refuse); err != nil {
		t.Fatal(err)
	}
	const exist = users.FirstShoppers + users.Chunk // after the first chunk
	n := 3*users.Chunk + 7
	seed := func() reply {
		return c.Act(http.MethodPost, "/api/users/seed", map[string]int{"userCount": n}, "Idempotency-Key: k")
	}
	r := seed()
	r.Is(t, http.StatusConflict, "busy")
	if says := fmt.Sprintf("The first %d of %d shoppers exist", exist, n); !strings.Contains(r.Text("message"), says) {
		t.Errorf("%q does not say %q", r.Text("message"), says)
	}
	if _, err := a.wiring.servers.pool.Exec(t.Context(), `DROP TRIGGER refuse ON users`); err != nil {
		t.Fatal(err)
	}
	if r := seed(); r.Status != http.StatusOK || r.Number("usersCreated") != float64(n-exist) {
		t.Errorf("the same request again is answered %d %s", r.Status, r.Raw)
	}
	want := []string{
		fmt.Sprintf(`users.seed-started {"created": 0, "userCount": %d}`, n), fmt.Sprintf(`users.seed-started {"created": 0, "userCount": %d}`, n),
		fmt.Sprintf(`users.seed {"created": %d, "userCount": %d}`, n-exist, n),
	}
	if got := a.acts(t); !slices.Equal(got, want) {
		t.Errorf("recorded %q, want %q", got, want)
	}
}

// Two presets at once: one waits for the other or is refused, and there is no deadlock.
func TestPresetsAndSeedingsAtOnce(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	c := newClient(t, a.URL())
	const each = 3
	answers := make(chan reply, 3*each)
	for range each {
		go func() { answers <- c.Act(http.MethodPost, "/api/flash-sale/stock-preset/medium", nil) }()
		go func() { answers <- c.Act(http.MethodPost, "/api/users/seed", map[string]int{"userCount": 200}) }()
		go func() { answers <- c.Act(http.MethodPost, "/api/flash-sale/reset", nil) }()
	}
	done := 0
	for range 3 * each {
		switch r := <-answers; {
		case r.Status == http.StatusOK:
			done++
		case r.Text("type") != "/problems/busy":
			t.Errorf("answered %d %s", r.Status, r.Raw)
		}
	}
	if done == 0 {
		t.Error("nothing was done")
	}
	err := pgx.BeginFunc(t.Context(), a.wiring.servers.pool, func(tx pgx.Tx) error { return a.wiring.users.EnsureAbleTx(t.Context(), tx, 150) })
	if err != nil {
		t.Error(err)
	}
	c.Verifies()
}

// The first accounts leave the list with all others. A seeding, a reset and a preset bring them back as the same persons, and
// bar those who may not purchase.
func TestTheFirstAccountsComeBackAsTheSamePersons(t *testing.T) {
	t.Parallel()
	c := newClient(t, newDeployment(t).start(t).URL())
	people := func() map[string]any {
		ids := map[string]any{}
		list, _ := c.Call(http.MethodGet, "/api/users?limit=1000", nil).Body["users"].([]any)
		for _, one := range list {
			u, _ := one.(map[string]any)
			name, _ := u["username"].(string)
			ids[name] = u["id"]
		}
		return ids
	}
	first := people()
	if len(first) != 20 {
		t.Fatalf("a new deployment has %v", first)
	}
	for _, act := range []struct {
		path string
		body any
	}{
		{"/api/users/seed", map[string]int{"userCount": 10}}, {"/api/flash-sale/reset", nil}, {"/api/flash-sale/stock-preset/small", nil},
	} {
		c.Act(http.MethodDelete, "/api/users/reset", nil).Is(t, http.StatusOK, "")
		if left := people(); len(left) != 0 {
			t.Errorf("archived, and still there: %v", left)
		}
		c.Buy("john_doe").Is(t, http.StatusNotFound, "user-not-found")
		r := c.Act(http.MethodPost, act.path, act.body)
		if r.Is(t, http.StatusOK, ""); act.path == "/api/users/seed" && r.Number("usersCreated") != 10 {
			t.Errorf("a seeding of 10 answers %s", r.Raw)
		}
		now := people()
		for name, id := range first {
			if now[name] != id {
				t.Errorf("after %s %s is %v, was %v", act.path, name, now[name], id)
			}
		}
		for _, name := range []string{"bob_wilson", "charlie_davis", "fiona_rodriguez"} {
			c.Buy(name).Is(t, http.StatusForbidden, "not-authorized")
			c.Buy(name+"_1").Is(t, http.StatusForbidden, "not-authorized")
		}
	}
	if r := c.BuySettled("helen_anderson"); r.Status != http.StatusCreated {
		t.Errorf("answered %d %s", r.Status, r.Raw)
	}
	before := people()
	if r := c.Act(http.MethodPost, "/api/users/seed", map[string]int{"userCount": 0}); r.Status != http.StatusOK || r.Number("usersCreated") != 0 || len(people()) != len(before) {
		t.Errorf("a seeding of nobody: %d %s", r.Status, r.Raw)
	}
}
