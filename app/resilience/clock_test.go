//go:build unix

package resilience

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"flashsale/users"
)

// sinceYearOne is what time.Now adds to the seconds that the system tells: those between the year 1, or rather 1885,
// from which package time counts, and 1970.
const sinceYearOne = 2_682_288_000

// wrongClock copies the product and changes that number in the code of its time.Now, so that its clock is off and
// nothing else is. The other ways do not work here: a system clock for one process alone needs privileges, a preloaded library
// has no effect on a program that asks the system directly, and another package time means compiling everything anew.
func wrongClock(t *testing.T, off time.Duration) string {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("a number in the code is only found on amd64")
	}
	code, err := os.ReadFile(build(t))
	if err != nil {
		t.Fatal(err)
	}
	from, to := function(t, code, "time.Now")
	right := binary.LittleEndian.AppendUint32(nil, sinceYearOne)
	if bytes.Count(code[from:to], right) != 1 {
		t.Fatal("time.Now is not as expected; its clock cannot be changed")
	}
	at := from + bytes.Index(code[from:to], right)
	binary.LittleEndian.PutUint32(code[at:], uint32(sinceYearOne+int64(off/time.Second)))
	program := filepath.Join(t.TempDir(), "flashsale")
	if err := os.WriteFile(program, code, 0o700); err != nil {
		t.Fatal(err)
	}
	return program
}

// function is where the code of a function begins and ends in a program's file.
func function(t *testing.T, program []byte, name string) (from, to int) {
	t.Helper()
	file, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		t.Fatal(err)
	}
	symbols, err := file.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range symbols {
		if s.Name == name {
			text := file.Sections[s.Section]
			from = int(s.Value - text.Addr + text.Offset)
			return from, from + int(s.Size)
		}
	}
	t.Fatalf("the program has no function %s", name)
	return 0, 0
}

// clockWrong: the first instance, which also makes the sale, believes that it is an hour later, or earlier.
func clockWrong(t *testing.T, r *report) {
	seen := map[string]int{}
	for _, off := range []time.Duration{time.Hour, -time.Hour} {
		s, program := plain(t), wrongClock(t, off)
		s.first = func(t *testing.T, env ...string) *process {
			p := spawn(t, program, freePort(t), env...)
			p.await(t)
			return p
		}
		w := newWorld(t, r, s, stock, shopperCount)
		w.assertClockOff(off)
		w.throughTheSale(off)
		w.settled(time.Now(), 30*time.Second)
		w.verified()
		w.assertInPostgres()
		w.assertOutcomes("409 not-started", "409 ended")
		for outcome, n := range r.statuses {
			seen[outcome] += n
		}
		for _, p := range w.instances {
			p.kill() // so that the next world has the processors for itself
		}
	}
	r.statuses = seen
}

// assertClockOff checks by the Date of an answer that the first instance's clock is wrong, and no other one's.
func (w *world) assertClockOff(off time.Duration) {
	w.t.Helper()
	for i, p := range w.instances {
		res, err := w.shoppers.http.Get(p.url + "/livez")
		if err != nil {
			w.t.Fatal(err)
		}
		_ = res.Body.Close()
		shown, err := http.ParseTime(res.Header.Get("Date"))
		if err != nil {
			w.t.Fatal(err)
		}
		want := time.Duration(0)
		if i == 0 {
			want = off
		}
		if wrong := time.Until(shown); (wrong - want).Abs() > 10*time.Minute {
			w.t.Fatalf("the clock of instance %d is off by %v, not by %v", i, wrong, want)
		}
	}
	w.report.hits++
}

// throughTheSale sends purchase requests to every instance before, during and after a sale of some seconds. By Postgres' clock
// nobody may buy before the start or after the end, and nobody may be refused because of the times in between.
func (w *world) throughTheSale(off time.Duration) {
	w.t.Helper()
	ctx := context.Background()
	// Each instance reads the new times within a second. Until then no request is sent.
	const lead, lasts = 10 * time.Second, 8 * time.Second
	var starts, ends, now time.Time
	err := w.pool.QueryRow(ctx, `UPDATE sales SET state = 'scheduled', version = version + 1,
		starts_at = clock_timestamp() + make_interval(secs => $1), ends_at = clock_timestamp() + make_interval(secs => $2)
		RETURNING starts_at, ends_at, clock_timestamp()`, lead.Seconds(), (lead+lasts).Seconds()).Scan(&starts, &ends, &now)
	if err != nil {
		w.t.Fatal(err)
	}
	ahead := time.Until(now) // the server's clock, if it is another machine's
	w.eventually(lead, "every instance knows when it starts", func() bool {
		return w.everywhere(func(p *process) bool { return w.status(p).Status == "upcoming" })
	})
	before := w.shoppers.answered.Load()
	until := ends.Add(-ahead).Add(3 * time.Second)
	each := make([]boundary, len(w.instances))
	var pressing sync.WaitGroup
	for i, p := range w.instances {
		each[i] = boundary{starts: starts.Add(-ahead), ends: ends.Add(-ahead)}
		pressing.Go(func() {
			for n := i; time.Now().Before(until); n += len(w.instances) {
				pressed := time.Now()
				a := w.shoppers.press(ctx, p.url, users.AbleName(1+n%w.shopperCount))
				each[i].note(a, pressed, time.Now())
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	pressing.Wait()
	w.report.pressed += w.shoppers.answered.Load() - before
	for i, b := range each {
		what := fmt.Sprintf("clock %+.0f h, instance %d: ", off.Hours(), i)
		for _, wrong := range b.wrong {
			w.t.Error(what + wrong)
		}
		if b.upcoming == 0 || b.bought.IsZero() || b.ended.IsZero() {
			w.t.Errorf("%s%d refused before the start, first bought %v, first ended %v; the row proves nothing", what, b.upcoming, b.bought, b.ended)
			continue
		}
		w.report.within(w.t, what+"opened", b.bought.Sub(b.starts), time.Second)
		w.report.within(w.t, what+"ended", b.ended.Sub(b.ends), time.Second)
	}
	if n := w.number("SELECT count(*) FROM orders o JOIN sales s ON s.id = o.sale_id WHERE o.decided_at < s.starts_at"); n > 0 {
		w.t.Errorf("%d orders from before the start", n)
	}
	if n := w.number("SELECT count(*) FROM orders o JOIN sales s ON s.id = o.sale_id WHERE o.pressed_at IS NULL OR o.pressed_at < s.starts_at OR o.pressed_at >= s.ends_at"); n > 0 {
		w.t.Errorf("%d orders whose press is not within the times", n)
	}
	// A claim counts until the close is committed, which is soon after the end.
	late := w.number("SELECT (coalesce(extract(epoch FROM max(o.decided_at - s.ends_at)), 0) * 1000)::bigint FROM orders o JOIN sales s ON s.id = o.sale_id")
	w.report.within(w.t, fmt.Sprintf("clock %+.0f h: last order after the end", off.Hours()), time.Duration(max(0, late))*time.Millisecond, time.Second)
}

// boundary is what the shoppers of one instance saw of the sale's times. An answer is wrong only if it was true at no moment
// between the request and the answer.
type boundary struct {
	starts, ends  time.Time
	upcoming      int
	bought, ended time.Time // when the first was told so
	wrong         []string
}

func (b *boundary) note(a answer, pressed, answered time.Time) {
	switch a.outcome() {
	case "201":
		if b.bought.IsZero() {
			b.bought = answered
		}
		if answered.Before(b.starts) {
			b.say("bought %v before the start", b.starts.Sub(answered))
		}
		if pressed.After(b.ends.Add(10 * time.Second)) {
			b.say("bought %v after the end", pressed.Sub(b.ends))
		}
	case "409 not-started":
		b.upcoming++
		if pressed.After(b.starts.Add(10 * time.Second)) {
			b.say("not started yet, %v after the start", pressed.Sub(b.starts))
		}
	case "409 ended":
		if b.ended.IsZero() {
			b.ended = answered
		}
		if answered.Before(b.ends) {
			b.say("ended %v before the end", b.ends.Sub(answered))
		}
	}
}

func (b *boundary) say(format string, args ...any) {
	b.wrong = append(b.wrong, fmt.Sprintf(format, args...))
}

// status is what an instance shows of the sale.
func (w *world) status(p *process) (shown struct {
	Status   string
	MaxStock int
}) {
	a := w.shoppers.send(context.Background(), http.MethodGet, p.url+"/api/flash-sale/status", "")
	_ = json.Unmarshal([]byte(a.Raw), &shown)
	return shown
}
