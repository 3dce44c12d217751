package instance

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// follower reads a stream of live updates.
type follower struct {
	t     *testing.T
	shown chan status
}

// status is the part of a frame that the test reads.
type status struct{ Sold, Version int64 }

func follow(t *testing.T, base string) *follower {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/api/flash-sale/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := newClient(t, base).HTTP.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	f := &follower{t: t, shown: make(chan status, 1000)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			var s status
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && json.Unmarshal([]byte(data), &s) == nil {
				f.shown <- s
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		_ = res.Body.Close()
		<-ended
	})
	return f
}

// until is the first frame that shows so many sold.
func (f *follower) until(sold int64) status {
	f.t.Helper()
	for end := time.After(15 * time.Second); ; {
		select {
		case s := <-f.shown:
			if s.Sold == sold {
				return s
			}
		case <-end:
			f.t.Fatalf("the stream never shows %d sold", sold)
		}
	}
}

// A database that is restored while streams are open is followed at once, although its versions are lower than those that
// were shown before, and so are the sales that come after.
func TestOpenStreamsFollowARestoredLedger(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	a := d.start(t)
	c, f := newClient(t, a.URL()), follow(t, a.URL())
	for _, name := range []string{"john_doe", "jane_smith", "john_doe_1"} {
		if r := c.BuySettled(name); r.Status != http.StatusCreated {
			t.Fatalf("%s: %d %s", name, r.Status, r.Raw)
		}
	}
	before := f.until(3)
	a.passesTheLog(t) // or the log would bring the orders back
	conn, err := pgx.Connect(t.Context(), d.Servers.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	schema := pgx.Identifier{d.Config.Namespace}.Sanitize()
	err = pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
		for _, back := range []string{
			`DELETE FROM ` + schema + `.orders`,
			`UPDATE ` + schema + `.stock SET taken = 0, next_unit = 1, version = version - 3`,
		} {
			if _, err := tx.Exec(t.Context(), back); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if after := f.until(0); after.Version >= before.Version {
		t.Errorf("version %d after %d: nothing was restored", after.Version, before.Version)
	}
	if r := c.BuySettled("jane_smith_1"); r.Status != http.StatusCreated {
		t.Fatalf("after the restore: %d %s", r.Status, r.Raw)
	}
	f.until(1)
}
