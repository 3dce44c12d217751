package app

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// background owns the long-running parts of the process. Each runs until its group is stopped; one that ends
// before is started again after a pause, so that a fault of the moment never silences it for good.
type background struct {
	log    *slog.Logger
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

const restartPause = time.Second

func newBackground(log *slog.Logger) *background {
	ctx, cancel := context.WithCancel(context.Background())
	return &background{log: log, ctx: ctx, cancel: cancel}
}

// run starts one part under its name.
func (b *background) run(name string, part func(context.Context) error) {
	b.wg.Go(func() {
		for {
			err := part(b.ctx)
			if b.ctx.Err() != nil {
				return
			}
			if err == nil {
				err = errors.New("it returned")
			}
			b.log.Error("a background part ended and is started again", "part", name, "error", err)
			select {
			case <-b.ctx.Done():
				return
			case <-time.After(restartPause):
			}
		}
	})
}

// stop ends every part and waits for them, at most until ctx ends. It reports whether all had ended.
func (b *background) stop(ctx context.Context) bool {
	b.cancel()
	done := make(chan struct{})
	go func() {
		b.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}
