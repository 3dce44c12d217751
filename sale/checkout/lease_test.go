package checkout

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"flashsale/sale"
)

// An operator's look whose answer is lost, with the connection it was to come by, keeps nobody else from looking.
func TestAReadThatHangsDoesNotKeepTheLeaseFromBeingRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, c := newManualSource(sale.Open)
		c.log = newCloseLog()
		refreshCatalog(t, c)
		p.reading.acts(onlyOnce(hangs))
		asked := time.Now()
		looked := make(chan error, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // as an operator's act has
		defer cancel()
		go func() { looked <- c.Refresh(ctx) }()
		synctest.Wait()
		runCatalog(t, c)
		time.Sleep(refreshTime + refreshEvery)
		synctest.Wait()
		if s, _ := c.Snapshot(""); s.Stale {
			t.Errorf("stale for %s, %s after a read that hangs", s.Age, time.Since(asked))
		}
		if err := <-looked; err != nil || time.Since(asked) > 10*time.Second {
			t.Errorf("the read was not made again: %v", err)
		}
	})
}
