//go:build linux

package secured

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashsale/users"
)

// drop is a sale under way: shoppers come at an even pace and press until they have a receipt or there is nothing left. Every
// answer is counted and every receipt kept.
type drop struct {
	t       *testing.T
	urls    []string
	stock   int
	pressed atomic.Int64 // shoppers who have come
	done    sync.WaitGroup
	cancel  context.CancelFunc

	mu       sync.Mutex
	answers  map[string]int
	receipts map[string]string // by name
	slowest  time.Duration
	last     time.Time // of the last new receipt
	gaveUp   []string
}

// begin gives the sale its stock and its shoppers, half as many again as there are units.
func begin(t *testing.T, stock int, urls ...string) *drop {
	t.Helper()
	d := &drop{t: t, urls: urls, stock: stock, answers: map[string]int{}, receipts: map[string]string{}}
	for _, act := range [][2]string{{"/api/users/seed", fmt.Sprintf(`{"userCount":%d}`, 3*stock+20)}, {"/api/flash-sale/update-stock", fmt.Sprintf(`{"stockAmount":%d}`, stock)}} {
		if code, text := sent(t, http.MethodPost, urls[0]+act[0], act[1]); code != http.StatusOK {
			t.Fatalf("%s: %d %s", act[0], code, text)
		}
	}
	for _, url := range urls {
		eventually(t, 5*time.Second, "every instance shows the stock", func() bool {
			_, text := fetched(t, url+"/api/flash-sale/status")
			return strings.Contains(text, fmt.Sprintf(`"maxStock":%d`, stock))
		})
	}
	return d
}

// press lets that many shoppers a second come.
func (d *drop) press(perSecond int) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	d.cancel = cancel
	d.t.Cleanup(func() { cancel(); d.done.Wait() })
	d.done.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(perSecond))
		defer tick.Stop()
		for n := 1; n <= d.stock*3/2; n++ {
			d.pressed.Store(int64(n))
			d.done.Go(func() { d.shopper(ctx, users.AbleName(n), n) })
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
}

// shopper presses until the answer is final.
func (d *drop) shopper(ctx context.Context, name string, turn int) {
	for ctx.Err() == nil {
		if d.once(ctx, name, d.urls[turn%len(d.urls)]) {
			return
		}
		turn++
		select {
		case <-ctx.Done():
		case <-time.After(300 * time.Millisecond):
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gaveUp = append(d.gaveUp, name)
}

func (d *drop) once(ctx context.Context, name, url string) (final bool) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/api/flash-sale/purchase", bytes.NewReader([]byte(`{"username":"`+name+`"}`)))
	if err != nil {
		return true
	}
	req.Header.Set("Content-Type", "application/json")
	began := time.Now()
	answer, err := askedBy.Do(req)
	took := time.Since(began)
	said, body := "no answer", struct {
		PurchaseID string `json:"purchaseId"`
		Type       string `json:"type"`
	}{}
	if err == nil {
		raw, readErr := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err = errors.Join(readErr, json.Unmarshal(raw, &body)); err == nil {
			said = fmt.Sprint(answer.StatusCode)
			if body.Type != "" {
				said += " " + path.Base(body.Type)
			}
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if ctx.Err() != nil {
		return true
	}
	d.answers[said]++
	d.slowest = max(d.slowest, took)
	if body.PurchaseID == "" {
		return strings.HasSuffix(said, " sold-out")
	}
	if before, had := d.receipts[name]; had && before != body.PurchaseID {
		d.t.Errorf("%s had receipt %s and has %s", name, before, body.PurchaseID)
	} else if !had {
		d.last = time.Now()
	}
	d.receipts[name] = body.PurchaseID
	return true
}

// bought waits until that many receipts were given.
func (d *drop) bought(n int, patience time.Duration) {
	d.t.Helper()
	eventually(d.t, patience, fmt.Sprintf("%d receipts", n), func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return len(d.receipts) >= n
	})
}

// end waits for the last shopper, and compares what was given with what is there.
func (d *drop) end() {
	d.t.Helper()
	d.done.Wait()
	d.cancel()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.gaveUp) > 0 {
		d.t.Errorf("%d shoppers were never told the end, such as %s", len(d.gaveUp), d.gaveUp[0])
	}
	if len(d.receipts) != d.stock {
		d.t.Errorf("%d receipts for %d units", len(d.receipts), d.stock)
	}
	d.compare(d.receipts)
	for _, url := range d.urls {
		eventually(d.t, 5*time.Second, "every instance shows that all is sold", func() bool {
			_, text := fetched(d.t, url+"/api/flash-sale/status")
			return strings.Contains(text, fmt.Sprintf(`"sold":%d`, d.stock))
		})
	}
	d.t.Logf("answers: %s", counted(d.answers))
}

// compare fails the test for every receipt that the shopper does not find any more.
func (d *drop) compare(receipts map[string]string) (lost int) {
	d.t.Helper()
	for name, receipt := range receipts {
		if code, text := fetched(d.t, d.urls[0]+"/api/flash-sale/purchase/"+name); code != http.StatusOK || !strings.Contains(text, `"`+receipt+`"`) {
			lost++
			d.t.Errorf("%s was given receipt %s and finds %d %s", name, receipt, code, text)
		}
	}
	return lost
}

// figures are what a failure, or a change of the servers, cost: from its beginning on.
func (d *drop) figures(title string, began time.Time, before int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.t.Logf("%s: %d units, %d sold before; answers %s; slowest answer %s; all sold after %s; receipts lost: none",
		title, d.stock, before, counted(d.answers), milliseconds(d.slowest), milliseconds(d.last.Sub(began)))
}

// sold is how many receipts were given.
func (d *drop) sold() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.receipts)
}

func counted(counts map[string]int) string {
	names := slices.Sorted(maps.Keys(counts))
	for i, name := range names {
		names[i] = fmt.Sprintf("%s: %d", name, counts[name])
	}
	return strings.Join(names, ", ")
}
