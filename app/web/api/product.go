package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/sale"
)

// productDocument is what is on sale, with the original's names. Money is a decimal string of the currency's
// unit and, beside it, an integer of its minor unit.
type productDocument struct {
	ID              int64           `json:"id"`
	Name            string          `json:"product_name"`
	Description     string          `json:"description"`
	Details         []string        `json:"details"`
	Specification   []sale.Fact     `json:"specification"`
	ImportantInfo   []string        `json:"important_info"`
	Images          productImages   `json:"images"`
	Price           string          `json:"price"`
	PriceMinor      int64           `json:"price_minor"`
	CurrencyCode    string          `json:"currency_code"`
	CurrencySymbol  string          `json:"currency_symbol"`
	Discount        string          `json:"discount"`
	DiscountMinor   int64           `json:"discount_minor"`
	PriceAfter      string          `json:"price_after_discount"`
	PriceAfterMinor int64           `json:"price_after_discount_minor"`
	CurrentStock    int64           `json:"current_stock"`
	MaxStock        int64           `json:"max_stock"`
	StartTime       request.Instant `json:"start_time"`
	EndTime         request.Instant `json:"end_time"`
}

// productImages are addresses, as the original's clients expect them; Alt says what each shows.
type productImages struct {
	Main       string            `json:"main"`
	Thumbnails []string          `json:"thumbnails"`
	Gallery    []string          `json:"gallery"`
	Alt        map[string]string `json:"alt"`
}

// Product shows what is on sale.
func (hs *Handlers) Product(c echo.Context) error {
	slug, err := request.Slug(c)
	if err != nil {
		return err
	}
	snap, err := hs.cfg.Catalog.Snapshot(slug)
	if err != nil {
		return err
	}
	if hs.hidden(c, &snap) {
		return sale.ErrNoSale
	}
	hs.version.Set(c.Response().Header(), snap.Version)
	return request.WriteJSON(c, http.StatusOK, productOf(&snap))
}

func productOf(snap *sale.Snapshot) productDocument {
	p := snap.Product
	money := func(minor int64) string { return request.Amount(minor, p.CurrencyCode) }
	return productDocument{
		ID: snap.ID, Name: p.Name, Description: p.Description,
		Details: p.Details, Specification: p.Specification, ImportantInfo: p.ImportantInfo,
		Images: imagesOf(p.Images),
		Price:  money(p.PriceMinor), PriceMinor: p.PriceMinor,
		CurrencyCode: p.CurrencyCode, CurrencySymbol: p.CurrencySymbol,
		Discount: money(p.DiscountMinor), DiscountMinor: p.DiscountMinor,
		PriceAfter: money(p.PriceAfterDiscountMinor()), PriceAfterMinor: p.PriceAfterDiscountMinor(),
		CurrentStock: snap.Left(), MaxStock: snap.Total,
		StartTime: request.Instant(snap.StartsAt), EndTime: request.Instant(snap.EndsAt),
	}
}

func imagesOf(in sale.Images) productImages {
	out := productImages{Main: in.Main.URL, Alt: map[string]string{}}
	if in.Main.URL != "" {
		out.Alt[in.Main.URL] = in.Main.Alt
	}
	addresses := func(list []sale.Image) []string {
		urls := make([]string, 0, len(list))
		for _, i := range list {
			urls = append(urls, i.URL)
			out.Alt[i.URL] = i.Alt
		}
		return urls
	}
	out.Thumbnails, out.Gallery = addresses(in.Thumbnails), addresses(in.Gallery)
	return out
}
