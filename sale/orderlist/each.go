package orderlist

import (
	"context"

	"github.com/jackc/pgx/v5"

	"flashsale/sale"
)

// EachTx gives the orders of a generation, whose stock the transaction sees at that level, to take: the last one of the list first, at
// most chunk at a time, which are take's until it returns. The transaction must be REPEATABLE READ; then they are those of one moment.
// It does not look at the filter's unit. An error of take ends it, and is returned.
func (s *Store) EachTx(ctx context.Context, tx pgx.Tx, of sale.Level, f sale.OrderFilter, chunk int, take func([]sale.ListedOrder) error) error {
	whole, err := newList(ctx, tx, of, f)
	if err != nil {
		return err
	}
	// Each part is read on its own, because a statement over all of them reads a chunk of each and throws most of them away.
	sources := make([]source, len(whole.parts))
	for i := range whole.parts {
		one := *whole
		one.parts = whole.parts[i : i+1]
		sources[i] = source{list: &one, at: sale.OrderPageRequest{Back: true}}
	}
	for next := make([]sale.ListedOrder, 0, chunk); ; next = next[:0] {
		for len(next) < chunk {
			first, err := firstOf(ctx, sources, chunk)
			if err != nil {
				return err
			}
			if first == nil {
				break
			}
			next = append(next, first.orders[0])
			first.orders = first.orders[1:]
		}
		if len(next) == 0 {
			return nil
		}
		if err := take(next); err != nil {
			return err
		}
	}
}

// source is a part of a list that is read from its end on, and the orders of it that are read and not taken.
type source struct {
	list   *list
	at     sale.OrderPageRequest
	ended  bool
	buffer []sale.ListedOrder
	orders []sale.ListedOrder
}

// firstOf is the source that has the next order of the list, or nil at the end of all.
func firstOf(ctx context.Context, sources []source, chunk int) (first *source, err error) {
	for i := range sources {
		s := &sources[i]
		if len(s.orders) == 0 && !s.ended {
			if err := s.read(ctx, chunk); err != nil {
				return nil, err
			}
		}
		if len(s.orders) > 0 && (first == nil || first.orders[0].Place().Before(s.orders[0].Place())) {
			first = s
		}
	}
	return first, nil
}

func (s *source) read(ctx context.Context, n int) (err error) {
	if s.buffer == nil {
		s.buffer = make([]sale.ListedOrder, 0, n)
	}
	s.orders, err = s.list.from(ctx, s.at, n, s.buffer[:0])
	if s.ended = len(s.orders) < n; !s.ended {
		s.at.Beside = s.orders[n-1].Place()
	}
	return err
}
