package shop

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/views/layout"
	"flashsale/views/shop"
	"flashsale/views/text"
)

// mostPast bounds the past drops of the list.
const mostPast = 50

// announced are the sales that everybody may see.
func (hs *Handlers) announced() []sale.Snapshot {
	return slices.DeleteFunc(hs.cfg.Catalog.All(), func(s sale.Snapshot) bool { return s.State == sale.Draft })
}

// drops answers with the list of drops.
func (hs *Handlers) drops(c echo.Context, all []sale.Snapshot) error {
	name := hs.nameOf(c, "")
	name.list, name.operator = true, false
	body, err := hs.pages.find(name).body(want{
		brand:   hs.cfg.Brand.from.Present(),
		figures: func() pageFigures { return pageFigures{list: listed(all)} },
		render: func(pageFigures) ([]byte, error) {
			ctx := layout.At(text.With(context.Background(), name.language), "?")
			return render(ctx, shop.DropsPage(hs.listOf(ctx, all, hs.visitorOf(name))))
		},
	})
	if err != nil {
		return err
	}
	return hs.sendPacked(c, body)
}

// listed differs for lists that differ.
func listed(all []sale.Snapshot) string {
	var b strings.Builder
	for i := range all {
		s := &all[i]
		fmt.Fprintf(&b, "%d.%d.%d.%s.%t.%t ", s.ID, s.Epoch, s.Revision, s.Status(), s.Stale, s.Now.Before(s.EndsAt))
	}
	return b.String()
}

// listOf sorts the drops: those that run, those that come, the next one first, and those that are over, the last one first.
func (hs *Handlers) listOf(ctx context.Context, all []sale.Snapshot, visitor layout.Visitor) shop.Drops {
	assets := hs.cfg.Brand.Assets()
	list := shop.Drops{Frame: layout.Frame{
		Assets: assets, Visitor: visitor, Still: true, Sheet: assets.DropsStyle, Times: assets.Times, Public: "/",
	}}
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b sale.Snapshot) int { return cmp.Or(a.StartsAt.Compare(b.StartsAt), cmp.Compare(a.ID, b.ID)) })
	for i := range all {
		drop := hs.dropOf(ctx, &all[i])
		switch all[i].Status() {
		case sale.Active, sale.SoldOut, sale.Stopped:
			list.Live = append(list.Live, drop)
		case sale.Upcoming:
			list.Next = append(list.Next, drop)
		case sale.Ended:
			list.Past = append(list.Past, drop)
		}
	}
	slices.Reverse(list.Past)
	list.Past = list.Past[:min(len(list.Past), mostPast)]
	return list
}

func (hs *Handlers) dropOf(ctx context.Context, s *sale.Snapshot) shop.Drop {
	product, status := productView(text.From(ctx), s.Product), hs.panel(*s, nil)
	return shop.Drop{
		Name: product.Name, Price: product.Price, Picture: product.Picture, Path: shop.Place{Slug: s.Slug}.Path(),
		Status: status.Status, Badge: status.Badge,
		Starts: text.Moment(ctx, s.StartsAt), StartsISO: s.StartsAt.UTC().Format(request.InstantLayout),
	}
}

// next is the drop that comes after a sale, as a shopper who came too late wants to know it. Nil: none is announced.
func (hs *Handlers) next(ctx context.Context, of *sale.Snapshot) *shop.Drop {
	var first *sale.Snapshot
	announced := hs.announced()
	for i := range announced {
		s := &announced[i]
		if s.ID != of.ID && s.Status() == sale.Upcoming && (first == nil || s.StartsAt.Before(first.StartsAt)) {
			first = s
		}
	}
	if first == nil {
		return nil
	}
	drop := hs.dropOf(ctx, first)
	return &drop
}
