package ledger

import (
	"cmp"
	"slices"
	"testing"

	"flashsale/events"
	"flashsale/sale"

	"github.com/jackc/pgx/v5"
)

func TestOwnersAreListedForThePlaces(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 3)
	s.decide(events.FromLog, s.claim(1, 11, 1), s.claim(1, 12, 1))
	s.must(s.tx(func(tx pgx.Tx) error {
		_, err := s.CancelTx(t.Context(), tx, s.claim(1, 11, 1).ID)
		return err
	}))
	keys, err := s.CurrentKeys(t.Context())
	s.must(err)
	s.must(s.tx(func(tx pgx.Tx) error {
		users, err := s.OwnersTx(t.Context(), tx, keys[0])
		if len(users) != 1 || users[0] != 12 {
			t.Errorf("owners %v", users)
		}
		counts, err2 := s.CountsTx(t.Context(), tx)
		if len(counts) != 1 || counts[0] != (Count{keys[0], 1, 1, 1, 2}) {
			t.Errorf("counts %+v", counts)
		}
		if err == nil {
			err = err2
		}
		return err
	}))
	changed, err := s.OrdersSince(t.Context(), keys[0], 0)
	s.must(err)
	slices.SortFunc(changed, func(a, b sale.OrderRow) int { return cmp.Compare(b.UserID, a.UserID) })
	if len(changed) != 2 || !changed[0].Live || changed[0].UserID != 12 || changed[1].Live || changed[1].UserID != 11 {
		t.Fatalf("all orders: %+v", changed)
	}
	changed, err = s.OrdersSince(t.Context(), keys[0], changed[0].Revision)
	s.must(err)
	if len(changed) != 1 || changed[0].Live || changed[0].UserID != 11 {
		t.Errorf("what changed since: %+v", changed)
	}
}

func TestTheFirstProductIsComplete(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 3)
	n, err := s.ReadChanges(t.Context(), nil, nil)
	s.must(err)
	p := n.Rows[0].Product
	if p.Name == "" || p.Description == "" || len(p.Details) == 0 || len(p.Specification) == 0 || len(p.ImportantInfo) == 0 ||
		p.Images.Main.URL == "" || p.Images.Main.Alt == "" || len(p.Images.Gallery) == 0 || len(p.Images.Thumbnails) == 0 {
		t.Errorf("product %+v", p)
	}
	if p.PriceMinor != 49_900 || p.PriceAfterDiscountMinor() != p.PriceMinor-p.DiscountMinor || p.CurrencyCode != "USD" {
		t.Errorf("price %d after discount %d", p.PriceMinor, p.PriceAfterDiscountMinor())
	}
}
