package sale

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// An operator's look whose answer is lost, with the connection it was to come by, keeps nobody else from looking.
func TestALookThatHangsDoesNotKeepTheLeaseFromBeingRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, b := onPapers(Open)
		b.log = newTape()
		refreshBoard(t, b)
		p.lost = 2
		asked := time.Now()
		looked := make(chan error, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // as an operator's act has
		defer cancel()
		go func() { looked <- b.Refresh(ctx) }()
		synctest.Wait()
		runBoard(t, b)
		time.Sleep(lookTime + lookEvery)
		synctest.Wait()
		if s, _ := b.Snapshot(""); s.Stale {
			t.Errorf("stale for %s, %s after a look that hangs", s.Age, time.Since(asked))
		}
		if err := <-looked; err != nil || time.Since(asked) > 10*time.Second {
			t.Errorf("the look was not made again: %v", err)
		}
	})
}
