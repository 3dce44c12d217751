package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/events/audit"
	"flashsale/inventory"
	"flashsale/sale"
)

// ErrExports means that as many exports run in this process as may.
var ErrExports = errors.New("operator: too many exports at once")

const (
	// exportChunk is how many rows are read at once. They are all of an export that is in memory.
	exportChunk = 4_000
	// exportPause is how long a client may take for one chunk. Its snapshot keeps Postgres from removing what was changed since.
	exportPause = time.Minute
)

// Moment is when an export was read: everything in it was so at one moment.
type Moment struct {
	At time.Time
	// Sale is the slug of the sale that it is of, Generation the one of it, or AllGenerations; nothing for what is of no sale.
	Sale       string
	Generation int64
	// Total and Sold are of the stock of the generations in the export. Sold is how many of its orders are live, if no filter leaves some out.
	Total, Sold int64
}

// Export is a stream of rows. Begin is called once, before the first row; Take with a few thousand rows at a time, which are Take's
// until it returns. An error of either ends the export, and is returned.
type Export[R any] struct {
	Begin func(Moment) error
	Take  func([]R) error
}

// AllGenerations, as the generation of a query, means every one of the sale.
const AllGenerations = -1

// ExportOrders gives the orders that the query means, all of them and not only a page, the first one first, with the names of now: of the one moment at which all of
// it is read. The audit log says who took what, before the first row. The connection is one that nothing else uses, and it is free
// again when ctx ends. ErrExports: too many run at once.
func (d *Desk) ExportOrders(ctx context.Context, a Act, q OrderQuery, to Export[DeskOrder]) error {
	s, err := d.cfg.Catalog.Snapshot(q.Slug)
	if err != nil {
		return err
	}
	detail := map[string]any{"sale": s.Slug}
	for name, value := range map[string]any{"generation": q.Generation, "state": string(q.Filter.State), "unit": q.Filter.Unit, "search": recordedText(q.Text), "from": q.Filter.From, "until": q.Filter.Until} {
		switch value {
		case int64(0), "", time.Time{}:
		default:
			detail[name] = value
		}
	}
	return d.export(ctx, a, audit.Entry{Action: "orders.export", Subject: s.Slug, Detail: detail}, func(tx pgx.Tx) error {
		if q.Generation == 0 {
			q.Generation = s.Generation
		}
		levels, err := d.levelsTx(ctx, tx, s.ID, q.Generation)
		if err != nil {
			return err
		}
		search, err := d.searchTx(ctx, tx, q)
		if err != nil {
			return err
		}
		moment := Moment{Sale: s.Slug, Generation: q.Generation}
		for _, l := range levels {
			moment.Total, moment.Sold = moment.Total+l.Total, moment.Sold+l.Taken
		}
		if err := d.begin(ctx, tx, moment, to.Begin); err != nil {
			return err
		}
		take := d.taking(ctx, tx, map[int64]string{s.ID: s.Slug}, to.Take)
		for _, l := range levels {
			if q.Text == "" && q.Filter.Unit == 0 {
				err = d.cfg.Orders.EachTx(ctx, tx, l, q.Filter, exportChunk, take)
			} else {
				err = search.each(ctx, l, take)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// levelsTx is the stock of a generation, or of all generations of a sale. sale.ErrNoSale: there is no such generation.
func (d *Desk) levelsTx(ctx context.Context, tx pgx.Tx, saleID, generation int64) ([]sale.Level, error) {
	generations := []int64{generation}
	if generation == AllGenerations {
		var err error
		if generations, err = d.cfg.Orders.GenerationsTx(ctx, tx, saleID); err != nil {
			return nil, err
		}
	}
	levels := make([]sale.Level, 0, len(generations))
	for _, g := range generations {
		level, err := d.cfg.Stock.LevelTx(ctx, tx, inventory.Key{Sale: saleID, Generation: g})
		if errors.Is(err, inventory.ErrUnknown) {
			err = sale.ErrNoSale
		}
		if err != nil {
			return nil, err
		}
		levels = append(levels, sale.Level(level))
	}
	return levels, nil
}

// taking adds to orders who they are from, in the same snapshot, and gives them to take.
func (d *Desk) taking(ctx context.Context, tx pgx.Tx, slugs map[int64]string, take func([]DeskOrder) error) func([]sale.ListedOrder) error {
	var list []DeskOrder // each chunk's in turn
	return func(orders []sale.ListedOrder) error {
		people, err := d.cfg.Users.PeopleTx(ctx, tx, shoppersOf(orders))
		if err != nil {
			return err
		}
		list = deskOrders(list[:0], orders, slugs, people)
		return take(list)
	}
}

// ExportAudit is ExportOrders for the audit log.
func (d *Desk) ExportAudit(ctx context.Context, a Act, f audit.Filter, to Export[audit.Recorded]) error {
	return d.export(ctx, a, audit.Entry{Action: "audit.export", Subject: "audit log", Detail: f}, func(tx pgx.Tx) error {
		if err := d.begin(ctx, tx, Moment{}, to.Begin); err != nil {
			return err
		}
		return d.cfg.Audit.EachTx(ctx, tx, f, exportChunk, to.Take)
	})
}

// export records the export and runs read in a snapshot.
func (d *Desk) export(ctx context.Context, a Act, record audit.Entry, read func(tx pgx.Tx) error) error {
	select {
	case d.exports <- struct{}{}:
		defer func() { <-d.exports }()
	default:
		return ErrExports
	}
	if err := d.cfg.Audit.Act(ctx, func(tx pgx.Tx) error { return d.cfg.Audit.RecordTx(ctx, tx, a.signed(record)) }); err != nil {
		return busy(err)
	}
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, d.cfg.Exports, snapshot, func(tx pgx.Tx) error {
		if err := d.cfg.Audit.LingerTx(ctx, tx, exportPause); err != nil {
			return err
		}
		return read(tx)
	})
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

// begin says when the snapshot is of. The transaction's first statement took it, microseconds after the transaction began.
func (d *Desk) begin(ctx context.Context, tx pgx.Tx, m Moment, tell func(Moment) error) error {
	at, err := d.cfg.Orders.NowTx(ctx, tx)
	if err != nil {
		return err
	}
	m.At = at
	return tell(m)
}
