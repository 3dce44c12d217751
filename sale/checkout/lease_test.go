package checkout

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"flashsale/sale"
)

// The answer to an operator's refresh is lost with its connection. That stops no other refresh.
func TestAReadThatHangsDoesNotKeepTheLeaseFromBeingRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, c := newManualSource(sale.Open)
		c.log = newCloseLog()
		refreshCatalog(t, c)
		p.reading.acts(onlyOnce(hangs))
		asked := time.Now()
		refreshed := make(chan error, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // as an operator's act has
		defer cancel()
		go func() { refreshed <- c.Refresh(ctx) }()
		synctest.Wait()
		runCatalog(t, c)
		time.Sleep(refreshTime + refreshEvery)
		synctest.Wait()
		if s, _ := c.Snapshot(""); s.Stale {
			t.Errorf("stale for %s, %s after a read that hangs", s.Age, time.Since(asked))
		}
		if err := <-refreshed; err != nil || time.Since(asked) > 10*time.Second {
			t.Errorf("the read was not made again: %v", err)
		}
	})
}
