package sale

import (
	"regexp"
	"time"
)

// Creation is a sale that is to be made. It begins as a draft.
type Creation struct {
	// Slug names the sale in addresses, for ever.
	Slug             string
	StartsAt, EndsAt time.Time
	// Zone is how people write the times, by the name that the IANA has for it.
	Zone    string
	Total   int64
	Limit   PressLimit
	Product Product
	Texts   Texts
}

// slugForm is that of the table sales.
var slugForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// SlugWellFormed is true for small letters, digits and hyphens, 63 at most, which do not begin with a hyphen.
func SlugWellFormed(slug string) bool { return slugForm.MatchString(slug) }

// CurrencySymbol is what stands before an amount of that currency where the seller has not said otherwise.
func CurrencySymbol(code string) string {
	switch code {
	case "USD":
		return "$"
	case "EUR":
		return "€"
	case "GBP":
		return "£"
	case "JPY":
		return "¥"
	}
	return code + " "
}
