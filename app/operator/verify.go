package operator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/events/consumer"
	"flashsale/inventory"
	"flashsale/sale"
	"flashsale/sale/ledger"
)

// Check is one invariant as Verify found it.
type Check struct {
	// ID is the invariant's, such as "I1".
	ID    string `json:"id"`
	Title string `json:"title"`
	// State is OK, Broken or Unknown.
	State string `json:"state"`
	// Detail says why, or what was found, in English. Said is the same in parts, from which pages say it in the language of their reader.
	Detail string    `json:"detail,omitempty"`
	Said   Sentences `json:"said,omitempty"`
}

// because is the check with why, or with what was found.
func (c Check) because(state string, said ...Sentence) Check {
	c.State, c.Said = state, said
	c.Detail = c.Said.String()
	return c
}

// Sentence is a sentence in English with what is put into it: numbers, texts that are the same in every language, and sentences.
type Sentence struct {
	Key  string `json:"key"`
	Args []any  `json:"args,omitempty"`
}

// stated is a Sentence. A test of app/web finds those that are not translated.
func stated(key string, args ...any) Sentence { return Sentence{key, args} }

func (s Sentence) String() string {
	if len(s.Args) == 0 {
		return s.Key // no format, as in a page
	}
	return fmt.Sprintf(s.Key, s.Args...)
}

// Sentences are one after the other.
type Sentences []Sentence

func (all Sentences) String() string {
	parts := make([]string, len(all))
	for i, s := range all {
		parts[i] = s.String()
	}
	return strings.Join(parts, "; ")
}

// What Verify finds of an invariant: it holds, it is broken, or it cannot be checked from here.
const (
	OK      = "ok"
	Broken  = "broken"
	Unknown = "unknown"
)

// Verify checks the invariants that make a sale exact, against Postgres, Redis and the log. It says of each whether it holds,
// is broken, or cannot be checked from here. It says broken only of data that it read at one moment, or of a difference that
// every comparison found; ok only of data that it read completely. It may run while the sale does.
func (o *Acts) Verify(ctx context.Context) ([]Check, error) {
	m, err := o.readMoment(ctx)
	if err != nil {
		return nil, err
	}
	return o.checks(ctx, &m), nil
}

// checks are those of a moment, with those that cannot be read at one.
func (o *Acts) checks(ctx context.Context, m *moment) []Check {
	return []Check{
		unitsCheck(m.counts, m.levels),
		shoppersCheck(m.counts),
		Check{ID: "I3", Title: "every receipt ever answered exists"}.because(Unknown, stated("only shoppers know their receipts; `flashsale stress` checks it")),
		o.holdersCheck(ctx),
		o.logCheck(ctx),
		Check{ID: "I6", Title: "nobody is told sold out while units are left"}.because(Unknown, stated("only shoppers know their answers; the fault tests check it")),
		historyCheck(m.changed, m.undigested, m.historyErr),
		pressesCheck(m.presses),
	}
}

// moment is what Postgres says of stock, orders, presses and ended generations, all as it was at one moment. Redis and the log
// cannot be read at that moment too: I4 and I5 are compared in other ways, which holdersCheck and consumer.Ledger.Verify explain.
type moment struct {
	counts  []ledger.Count
	levels  []inventory.Level
	presses []ledger.Presses

	changed    []ledger.DigestMismatch
	undigested []sale.Key
	// historyErr says why not all ended generations were compared; nil when they were.
	historyErr error
}

// readMoment reads all of it in one snapshot. Ended generations come last, because their orders may be many: when they cannot be
// read in time, the rest is known.
func (o *Acts) readMoment(ctx context.Context) (m moment, err error) {
	tx, err := o.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return m, fmt.Errorf("compare orders and stock: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // it only reads
	if m.counts, err = o.sales.CountsTx(ctx, tx); err != nil {
		return m, err
	}
	if m.levels, err = o.stock.AllLevelsTx(ctx, tx); err != nil {
		return m, fmt.Errorf("compare orders and stock: %w", err)
	}
	if m.presses, err = o.sales.PressesTx(ctx, tx); err != nil {
		return m, err
	}
	m.changed, m.undigested, m.historyErr = o.sales.DigestCheckTx(ctx, tx)
	return m, nil
}

func check(id, title string, broken Sentences) Check {
	c := Check{ID: id, Title: title, State: OK}
	if len(broken) > 0 {
		return c.because(Broken, broken...)
	}
	return c
}

func unitsCheck(counts []ledger.Count, levels []inventory.Level) Check {
	live := map[sale.Key]ledger.Count{}
	for _, c := range counts {
		live[c.Key] = c
	}
	var broken Sentences
	for _, l := range levels {
		c := live[sale.Key{Sale: l.Sale, Generation: l.Generation}]
		delete(live, sale.Key{Sale: l.Sale, Generation: l.Generation})
		if l.Taken != c.Live || l.Taken > l.Total || c.Units != c.Live || c.MaxUnit >= l.NextUnit && c.Live > 0 {
			broken = append(broken, stated("sale %d generation %d: %d of %d units taken, %d live orders on %d units, highest unit %d of %d issued",
				l.Sale, l.Generation, l.Taken, l.Total, c.Live, c.Units, c.MaxUnit, l.NextUnit-1))
		}
	}
	for k, c := range live {
		if c.Live > 0 {
			broken = append(broken, stated("sale %d generation %d: %d live orders without a stock row", k.Sale, k.Generation, c.Live))
		}
	}
	return check("I1", "units taken = live orders <= total, each order its own unit", broken)
}

func shoppersCheck(counts []ledger.Count) Check {
	var broken Sentences
	for _, c := range counts {
		if c.Shoppers != c.Live {
			broken = append(broken, stated("sale %d generation %d: %d live orders of %d shoppers", c.Sale, c.Generation, c.Live, c.Shoppers))
		}
	}
	return check("I2", "no shopper has two live orders in one sale", broken)
}

// logCheck: nothing that the ledger says it has read from the log is without a verdict.
func (o *Acts) logCheck(ctx context.Context) Check {
	return logVerdict(o.ledger.Verify(ctx, o.unaccounted))
}

// logVerdict is ok only for a log that was read to the cursor in every partition. One claim without a verdict makes it broken,
// also when a part of the log was not read.
func logVerdict(findings []consumer.Finding) Check {
	var broken, unread Sentences
	foreign := make(map[events.Foreign]int64)
	for _, f := range findings {
		for why, n := range f.Foreign {
			foreign[why] += n
		}
		switch {
		case f.Broken():
			broken = append(broken, partition(&f))
		case f.Unread != nil:
			unread = append(unread, partition(&f))
		}
	}
	c := check("I5", "every claim in the log before the cursor has a verdict", broken)
	if c.State == OK && len(unread) > 0 {
		return c.because(Unknown, stated("not all of the log was read: %s", unread))
	}
	if c.State == OK {
		return c.because(OK, leftOut(foreign)...)
	}
	return c
}

// partition says what was found in a partition of the log.
func partition(f *consumer.Finding) Sentence {
	s := stated("partition %d: cursor %d, log %d to %d, read to %d, %d claims, %d without a verdict",
		f.Partition, f.Cursor, f.Start, f.End, f.Read, f.Claims, len(f.Missing))
	if f.Unread != nil {
		return stated("%s, and not all of it was read: %s", s, f.Unread.Error())
	}
	return s
}

// leftOut says which records of the log the ledger has passed over, if there are any.
func leftOut(foreign map[events.Foreign]int64) Sentences {
	other := foreign[events.ForeignLedger]
	var rest int64
	for why, n := range foreign {
		if why != events.ForeignLedger {
			rest += n
		}
	}
	var left Sentences
	if other > 0 {
		left = append(left, stated("left out: %d claims of another ledger, of an earlier life", other))
	}
	if rest > 0 {
		left = append(left, stated("left out: %d records that no process of this deployment wrote for this ledger", rest))
	}
	return left
}

// unaccounted names the claims that are neither ordered nor declined, and counts those that are foreign.
func (o *Acts) unaccounted(ctx context.Context, claims []events.Claim) (consumer.Unaccounted, error) {
	found := consumer.Unaccounted{Foreign: make(map[events.Foreign]int64)}
	why, err := o.sales.Foreign(ctx, claims)
	if err != nil {
		return found, err
	}
	ids := make([]uuid.UUID, 0, len(claims))
	for i, c := range claims {
		if why[i] == "" {
			ids = append(ids, c.ID)
			continue
		}
		found.Foreign[why[i]]++
	}
	verdicts, err := o.checkout.Verdicts(ctx, ids)
	if err != nil {
		return found, err
	}
	decided := make(map[uuid.UUID]bool, len(verdicts))
	for _, v := range verdicts {
		decided[v.ClaimID] = true
	}
	found.Missing = slices.DeleteFunc(ids, func(id uuid.UUID) bool { return decided[id] })
	return found, nil
}

// historyCheck: the orders of older generations are what they were when their generation ended.
func historyCheck(wrong []ledger.DigestMismatch, pending []sale.Key, err error) Check {
	var broken Sentences
	for _, m := range wrong {
		broken = append(broken, stated("sale %d generation %d: digest %s, stored %s", m.Sale, m.Generation, m.Found, m.Stored))
	}
	c := check("I7", "orders of older generations are unchanged", broken)
	switch {
	case len(wrong) > 0: // broken, whatever else could not be read
	case err != nil:
		return c.because(Unknown, stated("the orders of earlier generations could not all be read: %s", err.Error()))
	case len(pending) > 0:
		return c.because(Unknown, stated("%d ended generations have no digest yet to compare with, the first is generation %d of sale %d",
			len(pending), pending[0].Generation, pending[0].Sale))
	}
	return c
}

// pressesCheck: a press outside the times of its generation has no order. Orders of the version before have no time of their
// press, and generations that it ended no times, so of those nothing is said.
func pressesCheck(presses []ledger.Presses) Check {
	var broken, unknown Sentences
	for _, p := range presses {
		switch {
		case p.StartsAt == nil || p.EndsAt == nil:
			unknown = append(unknown, stated("sale %d generation %d: its times are not known, %d orders", p.Sale, p.Generation, p.Orders))
			continue
		case p.Outside > 0:
			broken = append(broken, stated("sale %d generation %d: %d of %d orders were pressed before %s or not before %s", p.Sale, p.Generation, p.Outside, p.Orders,
				p.StartsAt.UTC().Format(time.RFC3339Nano), p.EndsAt.UTC().Format(time.RFC3339Nano)))
		}
		if p.Known < p.Orders {
			unknown = append(unknown, stated("sale %d generation %d: %d of %d orders have no time of their press", p.Sale, p.Generation, p.Orders-p.Known, p.Orders))
		}
	}
	c := check("I8", "every order was pressed within its sale's times", broken)
	if c.State == OK && len(unknown) > 0 {
		return c.because(Unknown, unknown...)
	}
	return c
}
