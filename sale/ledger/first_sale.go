package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
)

// Defaults describe the sale that is created when there is none.
type Defaults struct {
	Stock int64
	// StartsAt is zero for now, EndsAt is zero for a year after the start.
	StartsAt, EndsAt time.Time
}

const firstSlug = "flash-sale"

// Any is true when there is a sale.
func (s *Store) Any(ctx context.Context) (exists bool, err error) {
	if err := s.pool.QueryRow(ctx, sqlAnySale).Scan(&exists); err != nil {
		return false, fmt.Errorf("look for a sale: %w", err)
	}
	return exists, nil
}

// EnsureSale creates the first sale, with its product, when there is no sale. Several processes may call it at the same time:
// one creates the sale, the others wait until it is committed.
func (s *Store) EnsureSale(ctx context.Context, d Defaults) (created bool, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var exists bool
		if err := tx.QueryRow(ctx, sqlAnySale).Scan(&exists); err != nil || exists {
			return err
		}
		created, err = s.createFirst(ctx, tx, d)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("create the first sale: %w", err)
	}
	return created, nil
}

func (s *Store) createFirst(ctx context.Context, tx pgx.Tx, d Defaults) (bool, error) {
	secret := make([]byte, 32)
	rand.Read(secret)
	var k sale.Key
	var state sale.State
	var partition int
	err := tx.QueryRow(ctx, sqlInsertSale, firstSlug, orNil(d.StartsAt), orNil(d.EndsAt), events.Partitions, secret).
		Scan(&k.Sale, &k.Generation, &state, &partition)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	p := firstProduct()
	b := &pgx.Batch{}
	b.Queue(sqlInsertProduct, k.Sale, p.Name, p.Description, p.Details, p.Specification, p.ImportantInfo, p.Images,
		p.PriceMinor, p.DiscountMinor, p.CurrencyCode, p.CurrencySymbol)
	b.Queue(sqlInsertGeneration, k.Sale, k.Generation, d.Stock)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return false, err
	}
	if _, err := s.stock.BeginTx(ctx, tx, k, d.Stock, 1); err != nil {
		return false, err
	}
	created := events.ChangedSale{Sale: k.Sale, Slug: firstSlug, Generation: k.Generation, State: string(state), Total: d.Stock}
	return true, s.outbox.AppendTx(ctx, tx, []events.Message{
		{SaleID: k.Sale, Type: events.TypeGenerationBegun, Subject: firstSlug, Data: created},
	})
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// firstProduct is the product of the sale that EnsureSale creates.
func firstProduct() sale.Product {
	front := sale.Image{URL: "/static/product/front.svg", Alt: "The headphones from the front"}
	side := sale.Image{URL: "/static/product/side.svg", Alt: "The headphones from the side, cushions visible"}
	folded := sale.Image{URL: "/static/product/case.svg", Alt: "The headphones folded into their case"}
	return sale.Product{
		Name:        "Aurora One wireless headphones",
		Description: "Over-ear headphones with active noise cancelling and forty hours of playing time, in a limited first edition.",
		Details: []string{
			"Adaptive noise cancelling that follows your surroundings",
			"Forty hours of playing time; ten minutes of charging last for five hours",
			"Two devices at once, with a switch between them that does not interrupt a call",
			"Cushions and battery can be replaced without tools",
		},
		Specification: []sale.Fact{
			{Name: "Type", Value: "Over-ear, closed"},
			{Name: "Driver", Value: "40 mm"},
			{Name: "Frequency response", Value: "10 Hz to 40 kHz"},
			{Name: "Wireless", Value: "Bluetooth 5.4"},
			{Name: "Playing time", Value: "40 hours with noise cancelling"},
			{Name: "Charging", Value: "USB-C"},
			{Name: "Weight", Value: "248 g"},
			{Name: "In the box", Value: "Headphones, case, USB-C cable, 3.5 mm cable"},
		},
		ImportantInfo: []string{
			"One unit per person while the flash sale lasts.",
			"An order is confirmed once you see its purchase ID; keep it as your receipt.",
			"The price includes taxes. Delivery takes three to five working days.",
			"Returns are free within thirty days.",
		},
		Images: sale.Images{
			Main:       front,
			Thumbnails: []sale.Image{front, side, folded},
			Gallery:    []sale.Image{front, side, folded},
		},
		PriceMinor:     49_900,
		DiscountMinor:  20_000,
		CurrencyCode:   "USD",
		CurrencySymbol: "$",
	}
}
