package inventory

import (
	"context"
	"errors"
	"slices"
	"time"
)

// restFactor bounds the part of the time that is spent comparing member by member, whose cost grows with the sale.
const restFactor = 10

// idleFactor is the same where nothing is urgent. There are two such cases. The sizes agree: a Redis that came back
// with other holders, as many as there are owners, is noticed within Refresh while the sale is small; when it is large,
// comparing takes a hundredth of the time. Or the sale is selling and has room: nobody needs a place that no claim uses
// yet, and each comparison reads everybody who has bought so far.
const idleFactor = 100

// mendWithin is how soon after an outage the sets are compared again, if comparing takes less than half of that.
const mendWithin = time.Second

// reconciliation is what the Reconciler remembers about one sale from pass to pass. The goroutine that works with it
// has locked busy.
type reconciliation struct {
	*Reconciler
	key  Key
	busy chan struct{}

	compared time.Time     // when the last comparison that went through began
	cost     time.Duration // how long it took
	size     int64         // how many holders there were then
	outages  int64         // the count of outages before it began
	broken   bool          // a pass failed since
	holders  int64         // how many there were in the last pass
	taken    int64         // how many units were sold then
	full     time.Time     // since when all places are taken, and not all of them by owners; zero: they are not

	suspects map[int64]suspect
}

// suspect is a holder who is no owner: the claim is under way, or it will never be decided.
type suspect struct {
	since time.Time
	// end is where the log ended when the holder was first seen as a suspect; when everything before it is decided, so
	// is the holder's claim. It is unknown while the log does not answer.
	end   int64
	known bool
}

func newReconciliation(r *Reconciler, key Key) *reconciliation {
	return &reconciliation{Reconciler: r, key: key, busy: make(chan struct{}, 1)}
}

// pass corrects the places of one sale. The holders were read before the level was read.
func (rec *reconciliation) pass(ctx context.Context, l holdersRead, level Level) (err error) {
	defer func() { rec.broken = rec.broken || err != nil }()
	switch {
	case errors.Is(l.err, ErrMissing), errors.Is(l.err, ErrWrongType):
		return rec.load(ctx)
	case l.err != nil:
		return l.err
	case level.Version < l.holders.Version:
		return rec.rewind(ctx, l.holders, level)
	case l.holders.Limit != level.Total:
		if err := rec.setLimit(ctx, level.Total, level.Version); err != nil {
			return err
		}
	}
	moved := rec.moved(l.holders, level)
	if !rec.due(l.holders, level, moved) {
		return nil
	}
	if rec.needsOwnersOnly(l.holders, level, moved) {
		return rec.checkOwners(ctx)
	}
	return rec.compare(ctx)
}

func (rec *reconciliation) setLimit(ctx context.Context, limit, version int64) error {
	set, err := rec.places.SetLimit(ctx, rec.key, limit, version)
	if set {
		rec.metrics.changes.WithLabelValues("limit").Inc()
	}
	return err
}

// load makes a set that is not there, or not usable, from the ledger.
func (rec *reconciliation) load(ctx context.Context) error {
	began := time.Now()
	owners, limit, version, err := rec.ledger.Owners(ctx, rec.key)
	if err != nil {
		return err
	}
	// gofail: var ownersRead struct{}
	loaded, err := rec.places.Load(ctx, rec.key, limit, version, owners)
	if err != nil {
		return err
	}
	// gofail: var holdersLoaded struct{}
	if loaded {
		rec.metrics.changes.WithLabelValues("loaded").Inc()
		rec.config.Logger.Info("holders loaded from the ledger", "sale", rec.key.Sale,
			"generation", rec.key.Generation, "owners", len(owners), "limit", limit, "took", time.Since(began))
	}
	return nil
}

// rewind follows a ledger that went back, which happens only after a restore or a loss of commits: the stored limit
// refuses every load of a lower version.
func (rec *reconciliation) rewind(ctx context.Context, h Holders, level Level) error {
	rec.metrics.changes.WithLabelValues("rewound").Inc()
	rec.config.Logger.Error("the stock is older than redis knows it; was the database restored?",
		"sale", rec.key.Sale, "generation", rec.key.Generation,
		"version", level.Version, "redis_version", h.Version)
	if err := rec.places.forget(ctx, rec.key); err != nil {
		return err
	}
	rec.broken = true
	return rec.load(ctx)
}

// moved reports whether a shopper took a place or bought since the last pass.
func (rec *reconciliation) moved(h Holders, level Level) bool {
	switch {
	case h.Count < level.Total || h.Count <= level.Taken:
		rec.full = time.Time{}
	case rec.full.IsZero():
		rec.full = time.Now()
	}
	before := [2]int64{rec.holders, rec.taken}
	rec.holders, rec.taken = h.Count, level.Taken
	return before != [2]int64{rec.holders, rec.taken}
}

// due says whether the sets must be compared member by member. Equal sizes nearly always mean equal sets. Holders
// without an order are normal while claims are under way, and the sale moves. At the end of a sale, too, all places are taken
// before the last claims are decided.
func (rec *reconciliation) due(h Holders, level Level, moved bool) bool {
	since, cost := time.Since(rec.compared), rec.expected(h.Count)
	switch {
	case rec.compared.IsZero():
		return true
	case rec.broken, rec.outages != rec.places.outages(rec.key):
		// Where reading a large set stops Redis, the reading itself is the outage; without a rest each comparison
		// causes the next.
		return since >= min(restFactor*cost, max(mendWithin, 2*cost))
	case since < restFactor*cost:
		return false
	case h.Count < level.Taken:
		return true
	case h.Count > level.Taken && moved && h.Count < level.Total:
		return since >= max(rec.config.Settle, idleFactor*cost)
	case h.Count > level.Taken:
		return min(since, time.Since(rec.full)) >= rec.config.Settle
	default:
		return since >= max(rec.config.Refresh, idleFactor*cost)
	}
}

// expected is how long a comparison takes now, by what the last one took: the sale has grown since.
func (rec *reconciliation) expected(holders int64) time.Duration {
	if rec.size <= 0 || holders <= rec.size {
		return rec.cost
	}
	return time.Duration(float64(rec.cost) * float64(holders) / float64(rec.size))
}

// needsOwnersOnly is true when only an owner without a place is worth looking for: the sizes agree, so that there is another holder
// for each such owner and finding the one is finding both; or the sale sells and has room, so that nobody waits for a place
// that no claim uses. Reading all holders stops a server that does not read them in steps, like the embedded one.
func (rec *reconciliation) needsOwnersOnly(h Holders, level Level, moved bool) bool {
	known := !rec.compared.IsZero() && !rec.broken && rec.outages == rec.places.outages(rec.key)
	return known && (h.Count == level.Taken || h.Count > level.Taken && moved && h.Count < level.Total)
}

// checkOwners asks Redis for the place of each owner. It compares everything when one has none.
func (rec *reconciliation) checkOwners(ctx context.Context) error {
	began := time.Now()
	owners, _, _, err := rec.ledger.Owners(ctx, rec.key)
	if err != nil {
		return err
	}
	missing, err := rec.places.absent(ctx, rec.key, owners)
	if err != nil {
		return err
	}
	if missing {
		return rec.compare(ctx)
	}
	rec.compared, rec.cost, rec.size = began, time.Since(began), int64(len(owners))
	return nil
}

// compare adds owners who have no place, and removes holders whose claim will never be decided. The order of the reads
// matters: holders, the log's end, its cursor, then owners. So a holder seen here whose claim was decided before the
// cursor was read is seen as an owner, or is none.
func (rec *reconciliation) compare(ctx context.Context) error {
	began, outages := time.Now(), rec.places.outages(rec.key)
	holders, foreign, err := rec.places.members(ctx, rec.key)
	if err != nil {
		return err
	}
	if err := rec.removeForeign(ctx, foreign); err != nil {
		return err
	}
	progress := rec.progress(ctx)
	owners, limit, version, err := rec.ledger.Owners(ctx, rec.key)
	if err != nil {
		return err
	}
	// gofail: var holdersCompared struct{}
	missing, extra := difference(slices.Sorted(slices.Values(owners)), holders)
	if err := rec.addOwners(ctx, missing); err != nil {
		return err
	}
	if err := rec.setLimit(ctx, limit, version); err != nil {
		return err
	}
	if err := rec.removeHolders(ctx, extra, progress, began); err != nil {
		return err
	}
	rec.compared, rec.cost, rec.size = began, time.Since(began), int64(len(holders))
	rec.outages, rec.broken = outages, false
	return nil
}

// progress is how far the log reaches and how far it is decided.
type progress struct {
	end, cursor int64
	known       bool
}

// progress of a log that does not answer is unknown; then nobody is removed.
func (rec *reconciliation) progress(ctx context.Context) progress {
	end, err := rec.claims.End(ctx, rec.key.Sale)
	if err != nil {
		return progress{}
	}
	cursor, err := rec.claims.Cursor(ctx, rec.key.Sale)
	return progress{end: end, cursor: cursor, known: err == nil}
}

func (rec *reconciliation) removeForeign(ctx context.Context, foreign []string) error {
	removed, err := rec.places.removeForeign(ctx, rec.key, foreign)
	if removed > 0 {
		rec.metrics.changes.WithLabelValues("foreign").Add(float64(removed))
	}
	return err
}

func (rec *reconciliation) addOwners(ctx context.Context, missing []int64) error {
	added, err := rec.places.add(ctx, rec.key, missing)
	if added > 0 {
		rec.metrics.changes.WithLabelValues("added").Add(float64(added))
		rec.config.Logger.Info("owners got their places back", "sale", rec.key.Sale,
			"generation", rec.key.Generation, "added", added)
	}
	return err
}

// removeHolders removes the holders who are no owners in two reads far enough apart, although the log has been decided
// past where it ended at the first one; the others are remembered.
func (rec *reconciliation) removeHolders(ctx context.Context, extra []int64, now progress, at time.Time) error {
	suspects := make(map[int64]suspect, len(extra))
	var lost []int64
	for _, user := range extra {
		s, before := rec.suspects[user]
		if !before || !s.known {
			suspects[user] = suspect{since: at, end: now.end, known: now.known}
			continue
		}
		suspects[user] = s
		if now.known && now.cursor >= s.end && at.Sub(s.since) >= rec.config.Settle {
			lost = append(lost, user)
		}
	}
	rec.suspects = suspects
	if len(lost) == 0 {
		return nil
	}
	if err := rec.places.Release(ctx, rec.key, lost); err != nil {
		return err
	}
	for _, user := range lost {
		delete(suspects, user)
	}
	rec.metrics.changes.WithLabelValues("removed").Add(float64(len(lost)))
	rec.config.Logger.Info("places whose claims will never be decided are free again", "sale", rec.key.Sale,
		"generation", rec.key.Generation, "removed", len(lost))
	return nil
}
