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
	row := tx.QueryRow(ctx, sqlInsertSale, firstSlug, orNil(d.StartsAt), orNil(d.EndsAt), events.Partitions, newSecret())
	return s.complete(ctx, tx, row, firstSlug, firstProduct(), d.Stock)
}

// CreateTx creates a sale as a draft, which nobody but operators sees. Errors: ErrSlug, *AmendError for times in the wrong order and
// for a discount that is more than the price.
func (s *Store) CreateTx(ctx context.Context, tx pgx.Tx, c sale.Creation) error {
	switch {
	case !c.StartsAt.Before(c.EndsAt):
		return notBefore(false, c.StartsAt, c.EndsAt)
	case c.Product.DiscountMinor < 0 || c.Product.DiscountMinor > c.Product.PriceMinor:
		return &sale.AmendError{Field: sale.FieldDiscount, Reason: "must be between nothing and the price", Kind: sale.ErrPrice}
	}
	row := tx.QueryRow(ctx, sqlInsertDraft, c.Slug, c.StartsAt, c.EndsAt, c.Zone, events.Partitions, newSecret(),
		c.Limit.AccountRate, c.Limit.AccountBurst, c.Limit.NetworkRate, c.Limit.NetworkBurst, c.Texts)
	created, err := s.complete(ctx, tx, row, c.Slug, c.Product, c.Total)
	if err != nil {
		return fmt.Errorf("create sale: %w", err)
	}
	if !created {
		return sale.ErrSlug
	}
	return nil
}

// ProductTx is what a sale sells. Errors: ErrNoSale.
func (s *Store) ProductTx(ctx context.Context, tx pgx.Tx, slug string) (p sale.Product, err error) {
	err = tx.QueryRow(ctx, sqlProduct, slug).Scan(&p.Name, &p.Description, &p.Details, &p.Specification, &p.ImportantInfo, &p.Images,
		&p.PriceMinor, &p.DiscountMinor, &p.CurrencyCode, &p.CurrencySymbol)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, sale.ErrNoSale
	}
	if err != nil {
		return p, fmt.Errorf("read product: %w", err)
	}
	return p, nil
}

func newSecret() []byte {
	secret := make([]byte, 32)
	rand.Read(secret)
	return secret
}

// complete adds to a new row of sales what belongs to it. It is false when there is no row, because the slug was taken.
func (s *Store) complete(ctx context.Context, tx pgx.Tx, row pgx.Row, slug string, p sale.Product, total int64) (bool, error) {
	var k sale.Key
	var state sale.State
	var partition int
	err := row.Scan(&k.Sale, &k.Generation, &state, &partition)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	b := &pgx.Batch{}
	b.Queue(sqlInsertProduct, k.Sale, p.Name, p.Description, p.Details, p.Specification, p.ImportantInfo, p.Images,
		p.PriceMinor, p.DiscountMinor, p.CurrencyCode, p.CurrencySymbol)
	b.Queue(sqlInsertGeneration, k.Sale, k.Generation, total)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return false, err
	}
	if _, err := s.stock.BeginTx(ctx, tx, k, total, 1); err != nil {
		return false, err
	}
	created := events.ChangedSale{Sale: k.Sale, Slug: slug, Generation: k.Generation, State: string(state), Total: total}
	return true, s.outbox.AppendTx(ctx, tx, []events.Message{
		{SaleID: k.Sale, Type: events.TypeGenerationBegun, Subject: slug, Data: created},
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
