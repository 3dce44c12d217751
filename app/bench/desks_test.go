package bench

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// openDesk adds a desk to a fake product: its page, its figures, and their stream, which sends three frames at once.
func (c *fakeProduct) openDesk(mux *http.ServeMux) {
	mux.HandleFunc("GET /admin/sales/drop", func(w http.ResponseWriter, _ *http.Request) {
		if c.noDesk {
			w.WriteHeader(http.StatusNotFound)
		}
	})
	mux.HandleFunc("GET /api/admin/sales/drop/figures", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) })
	mux.HandleFunc("GET /api/admin/sales/drop/figures/stream", func(w http.ResponseWriter, q *http.Request) {
		count := func(n int) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.watching, c.watched = c.watching+n, c.watched+max(n, 0)
		}
		count(1)
		defer count(-1)
		for range 3 {
			fmt.Fprintf(w, "retry: 1000\n\nevent: figures\ndata: {%s}\n\n: still here\n\n", strings.Repeat(" ", 2*maxBody))
		}
		w.(http.Flusher).Flush()
		<-q.Context().Done()
	})
}

// As many units are sold beside the desks as without; the desks are closed in between, and each got its frames.
func TestPurchasesBesideDesks(t *testing.T) {
	t.Parallel()
	c := newFakeProduct()
	cfg := short(t, c)
	cfg.Cycles, cfg.Streams, cfg.Crowd, cfg.Desks = 1, 0, Crowd{100, 50}, 3
	r, err := run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	d := r.Desks
	if d == nil || d.Open != 3 || d.Units != 50 || d.Refused != 0 || d.Ended != 0 || d.Ratio == nil || d.Ratio.Median <= 0 {
		t.Fatalf("%+v, notes %q", d, r.Notes)
	}
	if d.CalmCPU == nil || d.BesideCPU == nil || d.CalmCPU.Median < 999 || d.CalmCPU.Median > 1001 {
		t.Errorf("by the metrics of the product a purchase takes a millisecond of CPU, found %v and %v", d.CalmCPU, d.BesideCPU)
	}
	if c.watched != 3*deskRounds || c.watching != 0 || c.beside != 50 || d.Frames < 3*deskRounds || d.Frames > 3*3*deskRounds {
		t.Errorf("%d desks were opened, %d are open, %d units were sold beside one, %d frames", c.watched, c.watching, c.beside, d.Frames)
	}
	var b strings.Builder
	r.writeRest(&b)
	if !strings.Contains(b.String(), "3 desks open while 50 units sell at 1000 a second") {
		t.Error(b.String())
	}
	for _, g := range r.goals() {
		if strings.Contains(g.What, "desks") && g.Verdict != "other size" {
			t.Errorf("%s is %s", g.What, g.Verdict)
		}
	}
}

func TestPressesThatAreRefusedBesideDesks(t *testing.T) {
	t.Parallel()
	r := full()
	r.Desks = &deskFigures{Open: goalDesks, Units: goalUnits, Refused: 1, Ratio: once(1.1)}
	verdicts := map[string]string{}
	for _, g := range r.goals() {
		verdicts[g.What] = g.Verdict
	}
	if verdicts["presses refused beside ten desks, 10,000 units"] != "missed" || verdicts["p99 of 201s with those desks / without"] != "met" {
		t.Errorf("%v", verdicts)
	}
}

// A product without a desk is measured without it, and the report says so.
func TestAProductWithoutADesk(t *testing.T) {
	t.Parallel()
	c := newFakeProduct()
	c.noDesk = true
	cfg := short(t, c)
	cfg.Cycles, cfg.Streams, cfg.Crowd, cfg.Desks = 1, 0, Crowd{}, 2
	r, err := run(t.Context(), cfg)
	if err != nil || r.Desks != nil || !strings.Contains(strings.Join(r.Notes, "\n"), "beside desks: not measured") {
		t.Errorf("%v %+v %q", err, r.Desks, r.Notes)
	}
}

func TestFramesHaveData(t *testing.T) {
	t.Parallel()
	lines := bufio.NewReader(strings.NewReader("retry: 1\n\n: x\n\ndata: 1\ndata: 2\n\ndata: 3\n"))
	if err := frame(lines); err != nil {
		t.Fatal(err)
	}
	if err := frame(lines); !errors.Is(err, io.EOF) {
		t.Errorf("a frame that is cut is %v", err)
	}
}
