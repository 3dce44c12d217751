//go:build linux

package secured

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// listReads is the counter of list reads that a server answered.
func listReads(source, reason string) string {
	return `flashsale_list_reads_total{reason="` + reason + `",source="` + source + `"}`
}

// counts asks for a list and fails the test unless that counter of the instance goes up by it.
func (i *instance) counts(t *testing.T, counter, path string) (text string) {
	t.Helper()
	before := i.reads(t)
	code, text := fetched(t, i.url+path)
	if after := i.reads(t); code != http.StatusOK || after[counter] <= before[counter] {
		t.Errorf("%s: %d, %s did not go up: %v, then %v\n%.300s", path, code, counter, before, after, text)
	}
	return text
}

// until asks for a list, or a page of the desk, until that counter goes up by it: on a busy machine a replica may seem late for a moment.
func (i *instance) until(t *testing.T, counter, path string) (text string) {
	t.Helper()
	eventually(t, 20*time.Second, counter+" goes up by "+path, func() bool {
		before := i.reads(t)
		var code int
		if strings.HasPrefix(path, "/api/") {
			code, text = fetched(t, i.url+path)
		} else {
			code, text = page(t, i.url+path)
		}
		after := i.reads(t)
		if code != http.StatusOK {
			t.Errorf("%s: %d\n%.300s", path, code, text)
		}
		return after[counter] > before[counter]
	})
	return text
}

// reads are the counters of list reads that are not zero.
func (i *instance) reads(t *testing.T) map[string]float64 {
	t.Helper()
	_, text := fetched(t, i.ops+"/metrics")
	all := map[string]float64{}
	for _, m := range regexp.MustCompile(`(?m)^(flashsale_list_reads_total\{.*\}) ([1-9]\S*)$`).FindAllStringSubmatch(text, -1) {
		all[m[1]], _ = strconv.ParseFloat(m[2], 64)
	}
	return all
}

// pause stops what a standby replays.
func (p *postgres) pause(t *testing.T) {
	t.Helper()
	do(t, p.super, `SELECT pg_wal_replay_pause()`)
	eventually(t, 10*time.Second, "the replay is paused", func() bool {
		return number(t, p.super, `SELECT count(*) WHERE pg_get_wal_replay_pause_state() = 'paused'`) == 1
	})
}

// page is a page of the desk.
func page(t *testing.T, url string) (code int, text string) {
	t.Helper()
	return sent(t, http.MethodGet, url, "", "Accept", "text/html")
}

// Two instances of a shop with a streaming replica. Lists and histories come from the replica, and nothing else does: what the replica was
// asked is in its log. Whoever has acted reads the act at once on either instance; a replica that is late, blocked, or gone makes the
// primary answer. Purchases go on throughout.
func TestListsFromAReplica(t *testing.T) {
	wanted(t)
	ca, primary, standby := pair(t)
	do(t, standby.super, `ALTER SYSTEM SET log_statement = 'all'`, `SELECT pg_reload_conf()`)
	servers := []string{setting("DATABASE_URL", primary.database("shop:shop", ca.file)), setting("REDIS_URL", plainRedis(t)), setting("KAFKA_BROKERS", plainKafka(t))}
	with := func(replica string) []string { return append(servers[:3:3], setting("DATABASE_REPLICA_URL", replica)) }
	env := with(standby.database("shop:shop", ca.file))
	first, second := serve(t, env...), serve(t, env...)
	d := begin(t, 60, first.url, second.url)
	d.press(40)
	d.bought(20, 30*time.Second)

	const orders = "/api/admin/orders?limit=5"
	fromReplica := listReads("replica", "")
	for _, i := range []*instance{first, second} {
		i.until(t, fromReplica, orders) // ten seconds after the act that gave the sale its stock
	}
	list := struct {
		AgeMS  int64 `json:"ageMs"`
		Orders []struct {
			PurchaseID string `json:"purchaseId"`
			UserID     string `json:"userId"`
		} `json:"orders"`
	}{}
	if err := json.Unmarshal([]byte(first.until(t, fromReplica, orders)), &list); err != nil || len(list.Orders) != 5 || list.AgeMS <= 0 || list.AgeMS > 5000 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, path := range []string{"/api/admin/shoppers", "/api/admin/audit", "/api/admin/orders/" + list.Orders[0].PurchaseID, "/api/admin/shoppers/" + list.Orders[0].UserID} {
		first.until(t, fromReplica, path)
	}
	first.until(t, listReads("primary", "missing"), "/api/admin/audit?subject=nobody")
	for _, place := range []string{"orders", "shoppers", "audit"} {
		second.until(t, fromReplica, "/admin/"+place)
	}
	if code, text := printed(t, env, "doctor"); code != 0 || !strings.Contains(text, "ok       replica     "+standby.at+"/shop, round trip ") {
		t.Errorf("doctor: exit %d\n%s", code, text)
	}
	asked := standby.log.String() // it keeps the last of it only

	t.Run("late", func(t *testing.T) {
		standby.pause(t)
		paused, said := time.Now(), ""
		eventually(t, 5*time.Second, "a page says how old it is", func() bool {
			_, text := page(t, first.url+"/admin/orders")
			said = regexp.MustCompile(`data-testid="as-of">[^<]*`).FindString(text)
			return said != ""
		})
		first.until(t, listReads("primary", "behind"), orders)
		t.Logf("%s after the pause the primary is read; before it the page said %q", milliseconds(time.Since(paused)), said)
		if late := time.Since(paused); late > 10*time.Second {
			t.Errorf("the primary is read after %v", late)
		}
		if _, text := page(t, first.url+"/admin/orders"); strings.Contains(text, `data-testid="as-of"`) {
			t.Error("a page from the primary says that it is old")
		}
		do(t, standby.super, `SELECT pg_wal_replay_resume()`)
		first.until(t, fromReplica, orders)
	})
	t.Run("blocked", func(t *testing.T) {
		blocked(t, primary.database("postgres:super", ""), `LOCK TABLE flashsale.audit_log IN ACCESS EXCLUSIVE MODE`, func() {
			eventually(t, 10*time.Second, "the replica has the lock", func() bool {
				return number(t, standby.database("postgres:super", ""), `SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'flashsale.audit_log'::regclass`) == 1
			})
			standby.pause(t)
		})
		second.until(t, listReads("primary", "slow"), "/api/admin/audit?limit=5")
		do(t, standby.super, `SELECT pg_wal_replay_resume()`)
		second.until(t, fromReplica, orders)
	})
	t.Run("own act", func(t *testing.T) {
		standby.pause(t)
		if code, text := sent(t, http.MethodPost, first.url+"/api/admin/pause", "{}"); code != http.StatusOK {
			t.Fatalf("pause: %d %s", code, text)
		}
		for _, i := range []*instance{second, first} {
			if text := i.counts(t, listReads("primary", "own_act"), "/api/admin/audit?limit=1"); !strings.Contains(text, `"sale.pause"`) {
				t.Errorf("the audit log after a pause of the sale: %s", text)
			}
		}
		do(t, standby.super, `SELECT pg_wal_replay_resume()`)
		if code, text := sent(t, http.MethodPost, second.url+"/api/admin/resume", "{}"); code != http.StatusOK {
			t.Fatalf("resume: %d %s", code, text)
		}
		d.bought(40, 30*time.Second)
	})

	asked += standby.log.String()
	standby.stop(syscall.SIGKILL)
	for _, i := range []*instance{first, second} {
		i.until(t, listReads("primary", "away"), orders)
		eventually(t, 10*time.Second, "operators are told", func() bool {
			code, text := fetched(t, i.ops+"/readyz")
			return code == http.StatusOK && strings.Contains(text, `"PostgreSQL replica","ok":false`) && strings.Contains(text, "lists are read from the primary")
		})
		if code, text := fetched(t, i.url+"/readyz"); code != http.StatusOK {
			t.Errorf("readyz without the replica: %d %s", code, text)
		}
	}
	if code, text := printed(t, env, "doctor"); code != 0 || !strings.Contains(text, "warning  replica     "+standby.at+"/shop does not answer (connection refused); lists are read from the primary") {
		t.Errorf("doctor without the replica: exit %d\n%s", code, text)
	}
	third := serve(t, env...)
	third.until(t, listReads("primary", "away"), orders)
	d.end()
	verified(t, env)
	onlyLists(t, asked)

	t.Run("refused", func(t *testing.T) {
		other := with(plainPostgres(t))
		refused(t, other, "DATABASE_REPLICA_URL is the address of another database (", "is no copy of the database that DATABASE_URL names; correct DATABASE_REPLICA_URL")
		refused(t, with(strings.Replace(primary.database("postgres:super", ca.file), "/shop?", "/postgres?", 1)), "DATABASE_REPLICA_URL is the address of another database (",
			"is no copy of the database that DATABASE_URL names; correct DATABASE_REPLICA_URL")
	})
	t.Run("the primary itself", func(t *testing.T) {
		self := serve(t, with(primary.database("shop:shop", ca.file))...)
		self.until(t, listReads("primary", "no_standby"), orders)
	})
}

// blocked runs a statement in a transaction that ends when during returns.
func blocked(t *testing.T, address, statement string, during func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
		during()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// onlyLists fails the test when the product has asked the replica for anything but lists and heartbeats.
func onlyLists(t *testing.T, log string) {
	t.Helper()
	statements := regexp.MustCompile(`(?m)execute [^:]*: (.*(?:\n\t.*)*)`).FindAllStringSubmatch(log, -1)
	tables, read := regexp.MustCompile(`(?i)\b(?:from|join|into|update)\s+([a-z_]+)`), map[string]bool{}
	for _, s := range statements {
		for _, m := range tables.FindAllStringSubmatch(s[1], -1) {
			read[strings.ToLower(m[1])] = true
		}
	}
	t.Logf("%d statements of the replica's log, over %v", len(statements), read)
	if len(statements) < 50 || !read["orders"] || !read["audit_log"] || !read["users"] {
		t.Errorf("the replica's log has not what was read: %.2000s", log)
	}
	for _, never := range []string{"sessions", "session_keys", "roles", "tokens", "outbox", "act_keys", "log_cursors", "credentials", "ledger_identity"} {
		if read[never] {
			t.Errorf("the replica was asked for %s", never)
		}
	}
}
