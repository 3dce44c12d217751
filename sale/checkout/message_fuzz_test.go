package checkout

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/events/cluster"
	"flashsale/sale"
)

// FuzzMessageOfAnotherProcess: whatever comes over the bus, a process shows figures that a sale can have, wakes requests only
// with a verdict, remembers only attempts that the ledger can count, and shows what the ledger has after its next read.
func FuzzMessageOfAnotherProcess(f *testing.F) {
	s := newSimulatedServers(f, 3)
	p := s.process(f)
	before, err := p.catalog.Snapshot("flash")
	if err != nil {
		f.Fatal(err)
	}
	k := sale.Key{Sale: flashSale, Generation: before.Generation}
	claim := uuid.MustParse("8f14e45f-ceea-867a-9a36-dedd4bea2543")
	sound := events.Decision{
		Verdicts: []events.Verdict{{ClaimID: claim, SaleID: k.Sale, Generation: k.Generation, UserID: 2, Username: "ben", Attempt: 1, Outcome: events.Ordered, Unit: 1, At: time.Unix(1, 0).UTC(), Fresh: true}, {}},
		Stocks:   []events.Stock{{SaleID: k.Sale, Generation: k.Generation, Total: 3, Taken: 1, Version: before.Version + 1}},
		Closed:   []int64{9},
	}
	text, err := json.Marshal(sound)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	for _, change := range [][2]string{
		{`"outcome":"ordered"`, `"outcome":"held"`}, {`"outcome":"ordered"`, `"outcome":"declined"`}, {`"attempt":1`, `"attempt":4294967297`}, {`"unit":1`, `"unit":-1`},
		{`"attempt":1`, `"attempt":1,"nextAttempt":9223372036854775807`}, {`"taken":1`, `"taken":-7`}, {`"taken":1`, `"taken":9`}, {`"total":3`, `"total":-3`},
		{`"version":`, `"version":922337203685477580`}, {`"user":2`, `"user":0`}, {`"at":"1970`, `"at":"9999`}, {`"verdicts":[`, `"verdicts":[{},`}, {`{`, ``}, {`"sale":1`, `"sale":77`},
	} {
		f.Add([]byte(strings.ReplaceAll(string(text), change[0], change[1])))
	}
	enveloped, err := cluster.Write("another", &sound)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(enveloped)
	f.Add([]byte(strings.Replace(string(enveloped), `"v":1`, `"v":2,"later":{"a":[1]}`, 1)))
	f.Add([]byte(strings.Replace(string(enveloped), `"another"`, `7`, 1)))
	f.Add([]byte(`null`))
	f.Add([]byte(`{"stocks":[{"sale":1,"generation":99,"total":1}]}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		w := p.pending.join(claim, k)
		p.receiveText(payload)
		select {
		case <-w.done:
			if v := w.verdict; v.Outcome != events.Ordered && v.Outcome != events.Declined || v.Outcome == events.Ordered && v.Unit < 1 || v.Outcome == events.Declined && v.Reason == "" {
				t.Fatalf("%s woke a request with %+v", payload, v)
			}
		default:
		}
		p.pending.leave(w)
		shown, err := p.catalog.Snapshot("flash")
		if err != nil || shown.Taken < 0 || shown.Taken > shown.Total || shown.ID != before.ID || shown.Generation != before.Generation {
			t.Fatalf("after %s the catalog shows %+v (%v)", payload, shown, err)
		}
		p.attempts.mu.Lock()
		for who, next := range p.attempts.next {
			if next < 1 || next > events.MaxAttempt {
				t.Errorf("after %s the next attempt of shopper %d is %d", payload, who.User, next)
			}
		}
		clear(p.attempts.next)
		p.attempts.mu.Unlock()
		for user := range int64(6) {
			if r, ok := p.catalog.find("flash").receipts.receipt(k, sale.Shopper{ID: user, Username: "x"}); ok && (r.OrderID == uuid.Nil || r.Unit < 1 || r.Attempt < 1) {
				t.Fatalf("after %s shopper %d owns %+v", payload, user, r)
			}
		}
		p.readChanges(t)
		now, err := p.catalog.Snapshot("flash")
		if err != nil || now.Taken != before.Taken || now.Total != before.Total || now.Version != before.Version {
			t.Fatalf("after %s and a read the catalog shows %+v, the ledger has %+v (%v)", payload, now, before, err)
		}
	})
}
