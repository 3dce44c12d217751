package api

import (
	"context"
	"time"

	"flashsale/sale"
	"flashsale/views/text"
)

const (
	// frameSpacing is the least time between two frames of a sale. A client gets at most ten a second, and each is
	// rendered once for all clients.
	frameSpacing = 100 * time.Millisecond
	// refreshInterval is how often snapshots are read without a signal. A sale opens and ends by the clock, which gives
	// no signal.
	refreshInterval = time.Second
)

func statusTopic(slug string) string { return "status/" + slug }

// pageTopic is of the frames of a sale's page, which are in its language. The empty slug is the current sale's.
func pageTopic(slug string, in text.Language) string { return "page/" + in.Code() + "/" + slug }

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
		hs.publishSale(seen, "", &snap)
	}
	for _, snap := range hs.cfg.Catalog.All() {
		hs.publishSale(seen, snap.Slug, &snap)
	}
}

// publishSale sends the frames of a sale. Those of its page cost more, and are rendered in the languages that somebody follows.
func (hs *Handlers) publishSale(seen map[string]visible, slug string, snap *sale.Snapshot) {
	hs.publishTo(seen, statusTopic(slug), snap, statusFrame)
	for _, in := range text.Languages() {
		topic := pageTopic(slug, in)
		if hs.cfg.Hub.ForgetUnfollowed(topic) {
			delete(seen, topic) // whoever comes begins with a frame of that moment, and the next one is for them
			continue
		}
		hs.publishTo(seen, topic, snap, hs.pageFrame(in))
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
