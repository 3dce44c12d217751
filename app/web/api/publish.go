package api

import (
	"context"
	"time"

	"flashsale/sale"
)

const (
	// frameSpacing is the least time between two frames of a sale. A client gets at most ten a second, and each is
	// rendered once for all clients.
	frameSpacing = 100 * time.Millisecond
	// refreshInterval is how often snapshots are read without a signal. A sale opens and ends by the clock, which gives
	// no signal.
	refreshInterval = time.Second
)

const pageTopic = "page"

func statusTopic(slug string) string { return "status/" + slug }

// PublishChanges publishes the sales to the open streams whenever they change, until ctx ends; then it returns nil.
func (hs *Handlers) PublishChanges(ctx context.Context) error {
	changed, stop := hs.cfg.Catalog.Changed()
	defer stop()
	tick := time.NewTicker(refreshInterval)
	defer tick.Stop()
	spacing := time.NewTicker(frameSpacing)
	defer spacing.Stop()
	seen := map[string]visible{}
	for {
		hs.publish(seen)
		select {
		case <-ctx.Done():
			return nil
		case <-spacing.C:
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-tick.C:
		}
	}
}

// visible is what a reader sees of a snapshot. The times left are not in it: the reader counts them down.
type visible struct {
	id, version, total, taken int64
	status                    sale.Status
	allClaimed, stale         bool
	starts, ends, soldOut     time.Time
}

func visibleOf(s *sale.Snapshot) visible {
	return visible{
		id: s.ID, version: s.Version, total: s.Total, taken: s.Taken, status: s.Status(),
		allClaimed: s.AllClaimed, stale: s.Stale, starts: s.StartsAt, ends: s.EndsAt, soldOut: s.Sellout.At,
	}
}

// publish sends a frame to each topic whose sale differs visibly from the last frame.
func (hs *Handlers) publish(seen map[string]visible) {
	if snap, err := hs.cfg.Catalog.Snapshot(""); err == nil {
		hs.publishTo(seen, statusTopic(""), &snap, statusFrame)
		hs.publishTo(seen, pageTopic, &snap, hs.pageFrame)
	}
	for _, snap := range hs.cfg.Catalog.All() {
		hs.publishTo(seen, statusTopic(snap.Slug), &snap, statusFrame)
	}
}

func (hs *Handlers) publishTo(seen map[string]visible, topic string, snap *sale.Snapshot, frame func(*sale.Snapshot) []byte) {
	now := visibleOf(snap)
	if last, ok := seen[topic]; ok && last == now {
		return
	}
	seen[topic] = now
	hs.cfg.Hub.Publish(topic, frameID(snap), frame(snap))
}
