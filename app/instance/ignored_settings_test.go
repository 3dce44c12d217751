package instance

import (
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"flashsale/app/config"
)

// warnings keeps what an instance logs.
type warnings struct {
	mu  sync.Mutex
	all []string
}

func (l *warnings) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, string(p))
	return len(p), nil
}

func (l *warnings) with(words string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.all {
		if strings.Contains(line, words) {
			found = append(found, line)
		}
	}
	return found
}

// Who changed MAX_STOCK or the hours and started again saw nothing happen, and was not told why.
func TestASecondStartSaysWhichSettingsItIgnores(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	start := func(change func(*config.Config)) []string {
		logged := &warnings{}
		d := d
		d.Log = slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelWarn}))
		change(&d.Config)
		a := d.start(t)
		newClient(t, a.URL()).Status().Is(t, http.StatusOK, "")
		return logged.with("ignored, because")
	}
	begins, ends := time.Now().UTC().Add(-time.Hour).Truncate(time.Second), time.Now().UTC().Add(time.Hour).Truncate(time.Second)
	set := func(stock int64, begins, ends time.Time) func(*config.Config) {
		return func(c *config.Config) { c.StockSet, c.MaxStock, c.StartTime, c.EndTime = true, stock, begins, ends }
	}
	if said := start(set(7, begins, ends)); len(said) != 0 {
		t.Errorf("the first start says %q", said)
	}
	if said := start(set(7, begins, ends)); len(said) != 0 {
		t.Errorf("a second start with the same settings says %q", said)
	}
	if said := start(func(*config.Config) {}); len(said) != 0 {
		t.Errorf("a start without settings says %q", said)
	}
	later := ends.Add(time.Hour)
	said := start(set(8, begins, later))
	if len(said) != 1 {
		t.Fatalf("%d warnings: %q", len(said), said)
	}
	for _, words := range []string{
		"MAX_STOCK is 8, the sale's is 7", "FLASH_SALE_END_TIME is " + later.Format(time.RFC3339), "the sale's is " + ends.Format(time.RFC3339),
		"flashsale sale set --slug flash-sale --stock 8 --end " + later.Format(time.RFC3339),
	} {
		if !strings.Contains(said[0], words) {
			t.Errorf("%q is not in %s", words, said[0])
		}
	}
	if strings.Contains(said[0], "START_TIME") {
		t.Errorf("what is the same is named: %s", said[0])
	}
}

func TestOnlyAStockThatWasSetIsCompared(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"": false, "5": true} {
		cfg, err := config.From(func(name string) (string, bool) { return value, name == "MAX_STOCK" })
		if err != nil || cfg.StockSet != want {
			t.Errorf("MAX_STOCK=%q: set is %v (%v)", value, cfg.StockSet, err)
		}
	}
}
