package desk

import (
	"context"
	"encoding/json"
	"time"

	"flashsale/app/web/request"
	"flashsale/events/audit"
	"flashsale/views/text"
)

// Currencies names the currency in which a sale is sold now; "" when that is not known.
type Currencies func(slug string) string

// isMoney is true for the fields of an entry that are amounts in minor units.
func isMoney(name string) bool { return name == "priceMinor" || name == "discountMinor" }

// currencies are those of the amounts before and after an act: what its record says, or else the one in which the sale is sold now.
func (d detail) currencies(r *audit.Recorded, now Currencies) (before, after string) {
	was, _ := d["before"].(map[string]any)
	is, _ := d["after"].(map[string]any)
	after = detail(is).text("currency")
	if after == "" {
		after = d.text("moneyIn")
	}
	if after == "" && now != nil {
		slug := d.text("sale")
		if slug == "" {
			slug = r.Subject
		}
		after = now(slug)
	}
	if before = detail(was).text("currency"); before == "" {
		before = after
	}
	return before, after
}

// amountText is valueText for a field that may be an amount in a currency.
func amountText(ctx context.Context, name string, value any, zone *time.Location, currency string) string {
	number, ok := value.(json.Number)
	if !ok || !isMoney(name) {
		return valueText(ctx, name, value, zone)
	}
	n, err := number.Int64()
	switch {
	case err != nil:
		return number.String()
	case currency == "":
		return text.Say(ctx, "%d in minor units", n)
	}
	return request.Price(text.From(ctx), n, currency)
}
