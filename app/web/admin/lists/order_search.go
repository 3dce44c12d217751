package lists

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/operator"
	"flashsale/app/web/desk"
	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/users"
	"flashsale/views/text"
)

// Fields of the form of the page of orders. A program's query has the same.
const (
	fieldSale       = "sale"
	fieldText       = "q"
	fieldState      = "state"
	fieldFrom       = "from"
	fieldUntil      = "to"
	fieldGeneration = "generation"
	fieldLimit      = "limit"
)

// orderSearch is which orders a page is asked for. Its sale is the one that is chosen, or the one that an operator is likely to mean.
type orderSearch struct {
	typed url.Values
	all   []sale.Snapshot
	sale  sale.Snapshot
	query operator.OrderQuery
	// wrong has what is wrong with a field, for people, and status the answer for that; 0: nothing is wrong.
	wrong  map[string]string
	status int
}

// refuse says that a field is wrong.
func (s *orderSearch) refuse(status int, field, why string) {
	s.wrong[field] = why
	if s.status == 0 {
		s.status = status
	}
}

// orderSearch reads the query of the page. An error is one that has no field.
func (hs *Handlers) orderSearch(c echo.Context) (*orderSearch, error) {
	ctx := desk.Speaking(c.Request())
	typed, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return nil, request.BadField("query", "must be correctly encoded name=value pairs, separated by &")
	}
	s := &orderSearch{typed: typed, all: hs.cfg.Catalog.All(), wrong: map[string]string{}}
	for _, field := range []string{fieldSale, fieldText, fieldState, fieldFrom, fieldUntil, fieldGeneration, fieldLimit, cursorField} {
		if len(typed[field]) > 1 {
			s.refuse(http.StatusUnprocessableEntity, field, text.Say(ctx, "This is given twice."))
		}
	}
	s.chooseSale(ctx)
	s.readFilter(ctx)
	s.readTimes(ctx)
	if s.query.Page, err = orderPlaceOf(c); err != nil {
		s.refuse(request.ProblemOf(err).Status, cursorField, text.Say(ctx, "The address names no page of this list. Begin with the first one."))
	}
	return s, nil
}

func (s *orderSearch) chooseSale(ctx context.Context) {
	slug := s.typed.Get(fieldSale)
	for i := range s.all {
		if s.all[i].Slug == slug {
			s.sale = s.all[i]
		}
	}
	if s.sale.ID == 0 {
		s.sale = likeliest(s.all)
		if slug != "" {
			s.refuse(http.StatusNotFound, fieldSale, text.Say(ctx, "There is no sale of that name."))
		}
	}
	s.query.Slug = s.sale.Slug
}

// likeliest is the sale that an operator means who names none: the one that runs, else the one that began last, else the newest.
func likeliest(all []sale.Snapshot) (best sale.Snapshot) {
	rank := func(s *sale.Snapshot) int {
		switch {
		case s.State == sale.Open, s.State == sale.Paused, s.State == sale.Closing:
			return 3
		case s.State == sale.Closed && !s.Archived:
			return 2
		case !s.Archived:
			return 1
		}
		return 0
	}
	for i := range all {
		s := &all[i]
		if best.ID == 0 || rank(s) > rank(&best) || rank(s) == rank(&best) && s.StartsAt.After(best.StartsAt) {
			best = *s
		}
	}
	return best
}

func (s *orderSearch) readFilter(ctx context.Context) {
	switch state := sale.OrderState(s.typed.Get(fieldState)); state {
	case "", sale.OrderConfirmed, sale.OrderCancelled:
		s.query.Filter.State = state
	default:
		s.refuse(http.StatusUnprocessableEntity, fieldState, text.Say(ctx, "This is none of the states of an order."))
	}
	if typed := strings.TrimSpace(s.typed.Get(fieldGeneration)); typed != "" {
		n, err := strconv.ParseInt(typed, 10, 64)
		switch {
		case err != nil || n < 1:
			s.refuse(http.StatusUnprocessableEntity, fieldGeneration, text.Say(ctx, "This is a whole number from 1 to %d.", s.sale.Generation))
		case n > s.sale.Generation:
			s.refuse(http.StatusNotFound, fieldGeneration, noGeneration(ctx, &s.sale))
		}
		s.query.Generation = n
	}
	if s.query.Text = strings.TrimSpace(s.typed.Get(fieldText)); s.query.Text != "" && !searchable(s.query.Text) {
		s.refuse(http.StatusUnprocessableEntity, fieldText, text.Say(ctx, "This can be no order number, unit, name or address."))
	}
}

func noGeneration(ctx context.Context, s *sale.Snapshot) string {
	return text.Say(ctx, "The sale has no such generation. The present one is %d.", s.Generation)
}

// searchable is true for what may be found.
func searchable(typed string) bool {
	_, err := users.NormalName(typed)
	return err == nil || numbered(typed)
}

// numbered is true for what reads like an order's number or id.
func numbered(typed string) bool {
	if _, err := uuid.Parse(typed); err == nil {
		return true
	}
	_, _, ok := sale.OrderIDs(typed)
	return ok
}

// readTimes takes times as the clocks of the sale's zone show them, and times with a zone of their own. An hour that the clocks show
// twice, or never, is taken as wide as it can be meant: the list has too many orders rather than too few.
func (s *orderSearch) readTimes(ctx context.Context) {
	read := func(field string, last bool) (at time.Time) {
		typed := strings.TrimSpace(s.typed.Get(field))
		if typed == "" {
			return at
		}
		if t, err := time.Parse(time.RFC3339Nano, typed); err == nil {
			at = t.UTC()
		} else if l, err := sale.ParseLocalTime(typed, clockOf(s.sale.Zone)); err == nil {
			at = l.Moments[0]
			for _, m := range l.Moments {
				if m.After(at) == last {
					at = m
				}
			}
		}
		if at.Year() < 1971 || at.Year() > 9998 {
			s.refuse(http.StatusUnprocessableEntity, field, text.Say(ctx, "This is a time like 2026-01-01T10:00."))
		}
		return at
	}
	f := &s.query.Filter
	f.From, f.Until = read(fieldFrom, false), read(fieldUntil, true)
	if s.wrong[fieldFrom] == "" && s.wrong[fieldUntil] == "" && !f.From.IsZero() && !f.Until.IsZero() && !f.From.Before(f.Until) {
		s.refuse(http.StatusUnprocessableEntity, fieldUntil, text.Say(ctx, "This is not after the beginning."))
	}
}

// found is a page of orders, and how the text was understood.
type found struct {
	operator.OrderList
	// unit is the one whose orders these are; 0: they were found otherwise.
	unit int64
}

// isElsewhere is true for an order of another sale or generation than was chosen.
func (f *found) isElsewhere(o *operator.DeskOrder, chosen *sale.Snapshot) bool {
	return o.SaleID != chosen.ID || o.Generation != f.Generation
}

// elsewhere is true when all that was found is elsewhere.
func (f *found) elsewhere(chosen *sale.Snapshot) bool {
	for i := range f.Orders {
		if !f.isElsewhere(&f.Orders[i], chosen) {
			return false
		}
	}
	return len(f.Orders) > 0
}

// find looks for the text in every way in which it can be meant, the likeliest first, until something is found.
func (hs *Handlers) find(ctx context.Context, s *orderSearch) (f found, err error) {
	if s.query.Text == "" {
		f.OrderList, err = hs.cfg.Desk.Orders(ctx, s.query)
		return f, err
	}
	byText := s.query
	byText.AnySale = true
	tries := []operator.OrderQuery{byText}
	if unit, err := strconv.ParseInt(s.query.Text, 10, 64); err == nil && unit > 0 {
		byUnit := s.query
		byUnit.Text, byUnit.Filter.Unit = "", unit
		if tries = append(tries, byUnit); !numbered(s.query.Text) {
			tries[0], tries[1] = byUnit, byText
		}
	}
	for i := range tries {
		f.unit = tries[i].Filter.Unit
		if f.OrderList, err = hs.cfg.Desk.Orders(ctx, tries[i]); err != nil || len(f.Orders) > 0 {
			return f, err
		}
	}
	return f, nil
}
