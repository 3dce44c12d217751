package admin

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/sale"
)

// saleDocument is a sale as operators see it.
type saleDocument struct {
	ID   int64  `json:"id"`
	Slug string `json:"slug"`
	figures
	Version int64 `json:"version"`
	// Texts are what shoppers read in each state, where the sale has a sentence of its own.
	Texts     *sale.Texts     `json:"texts,omitempty"`
	Timestamp request.Instant `json:"serverTime"`
}

func saleOf(s *sale.Snapshot) saleDocument {
	return saleDocument{ID: s.ID, Slug: s.Slug, figures: figuresOf(s), Version: s.Version, Texts: s.Texts, Timestamp: request.Instant(s.Now)}
}

type salesDocument struct {
	Sales []saleDocument `json:"sales"`
}

// Sales lists every sale, drafts too.
func (hs *Handlers) Sales(c echo.Context) error {
	all := hs.cfg.Catalog.All()
	d := salesDocument{Sales: make([]saleDocument, 0, len(all))}
	for i := range all {
		d.Sales = append(d.Sales, saleOf(&all[i]))
	}
	return request.WriteJSON(c, http.StatusOK, d)
}

// Sale shows a sale and, as its ETag, the revision that a PATCH has to name.
func (hs *Handlers) Sale(c echo.Context) error {
	slug, err := request.Slug(c)
	if err != nil {
		return err
	}
	snap, err := hs.cfg.Catalog.Snapshot(slug)
	if err != nil {
		return err
	}
	hs.version.Set(c.Response().Header(), snap.Version)
	request.SetRevision(c.Response().Header(), snap.Revision)
	return request.WriteJSON(c, http.StatusOK, saleOf(&snap))
}

type amendDocument struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
	saleDocument
	Before figures `json:"before"`
	After  figures `json:"after"`
}

func amendmentSpec() request.Spec {
	s := request.Spec{string(sale.FieldStart): request.Text, string(sale.FieldEnd): request.Text, string(sale.FieldStock): request.Number, string(sale.FieldMessage): request.Text}
	for _, field := range []sale.Field{sale.FieldAccountRate, sale.FieldAccountBurst, sale.FieldNetworkRate, sale.FieldNetworkBurst} {
		s[string(field)] = request.Number
	}
	for _, field := range []string{
		string(sale.FieldZone), string(sale.FieldName), string(sale.FieldDescription), string(sale.FieldCurrency),
		fieldStart, fieldEnd, fieldStartMeant, fieldEndMeant, fieldPrice, fieldDiscount,
	} {
		s[field] = request.Text
	}
	s[string(sale.FieldPrice)], s[string(sale.FieldDiscount)] = request.Number, request.Number
	textSpec(s)
	return s
}

// Amend changes the times, the stock, the message to shoppers and the limit of presses of a sale, if the sale is at a revision that If-Match names.
func (hs *Handlers) Amend(c echo.Context) error {
	slug, a, v, err := hs.saleAct(c, amendmentSpec())
	if err != nil {
		return err
	}
	if a.Match.Sent == "" {
		return request.ErrRevisionRequired
	}
	present, err := hs.cfg.Catalog.Snapshot(slug)
	if err != nil {
		return err
	}
	to, err := amendment(v, &present)
	if err != nil {
		return err
	}
	change, err := hs.cfg.Operations.Amend(c.Request().Context(), a, slug, to)
	if err != nil {
		return err
	}
	message := spoken(c).Say("The sale was changed")
	return hs.acted(c, &change, "amend", amendDocument{
		Success: true, Message: message, saleDocument: saleOf(&change.After),
		Before: figuresOf(&change.Before), After: figuresOf(&change.After),
	})
}

// times reads what an amendment changes of the times, and of the zone that they are written in.
func times(v request.Values, present *sale.Snapshot, to *sale.Amendment) (err error) {
	name, zone, err := zoneNamed(v, present.Zone)
	if err != nil && (v[string(sale.FieldZone)] != nil || v[fieldStart] != nil || v[fieldEnd] != nil) {
		return err
	}
	if v[string(sale.FieldZone)] != nil && name != present.Zone {
		to.Zone = &name
	}
	if to.StartsAt, err = localTime(v, sale.FieldStart, fieldStart, fieldStartMeant, zone, present.StartsAt); err != nil {
		return err
	}
	to.EndsAt, err = localTime(v, sale.FieldEnd, fieldEnd, fieldEndMeant, zone, present.EndsAt)
	return err
}

// amendment reads the fields that are given. A body without any of them is refused.
func amendment(v request.Values, present *sale.Snapshot) (to sale.Amendment, err error) {
	if len(v) == 0 {
		return to, request.BadField("body", "must have at least one of startTime, endTime, zone, stock, message, name, description, priceMinor, discountMinor, currency, details, specification, importantInfo, textUpcoming, textActive, textPaused, textSoldOut, textEnded, accountPressRate, accountPressBurst, networkPressRate and networkPressBurst")
	}
	if err := times(v, present, &to); err != nil {
		return to, err
	}
	currency := "USD"
	if present.Product != nil {
		currency = present.Product.CurrencyCode
	}
	if err := productPart(v, currency, &to); err != nil {
		return to, err
	}
	if err := writtenPart(v, &to); err != nil {
		return to, err
	}
	if _, given := v[string(sale.FieldStock)]; given {
		n, err := v.Whole(string(sale.FieldStock), 0, maxStock, -1)
		if err != nil {
			return to, err
		}
		to.Total = &n
	}
	if written, given := v[string(sale.FieldMessage)].(string); given {
		message, err := sale.ReadMessage(written)
		if err != nil {
			return to, request.BadField(string(sale.FieldMessage), err.Error())
		}
		to.Message = &message
	}
	return to, limits(v, &to)
}
