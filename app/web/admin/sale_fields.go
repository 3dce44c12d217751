package admin

import (
	"strconv"
	"strings"
	"time"

	"flashsale/app/web/request"
	"flashsale/sale"
)

// Fields of the forms about a sale that no other route has. Programs may leave them out and give moments and minor units instead.
const (
	fieldSlug = "slug"
	// fieldStart and fieldEnd are times as the clocks in the zone show them; the other two say which moment is meant where there is
	// not exactly one.
	fieldStart      = "start"
	fieldEnd        = "end"
	fieldStartMeant = "startMeant"
	fieldEndMeant   = "endMeant"
	fieldPrice      = "price"
	fieldDiscount   = "discount"
)

// The longest texts of a product, in characters.
const (
	longestName        = 120
	longestDescription = 600
)

// maxMinor is the highest amount in minor units.
const maxMinor = 1_000_000_000_000

func creationSpec() request.Spec {
	s := amendmentSpec()
	s[fieldSlug] = request.Text
	return s
}

// localTime is a time of a body: a moment, or what the clocks in the zone show. now is the present value; a time that reads like it
// is the same, though the form shows no seconds. It is nil when nothing is to be changed.
func localTime(v request.Values, moment sale.Field, local, meant string, zone *time.Location, now time.Time) (*time.Time, error) {
	written, _ := v[local].(string)
	if written == "" {
		return v.Instant(string(moment))
	}
	l, err := sale.ParseLocalTime(written, zone)
	if err != nil || l.Moments[0].Year() < 2000 || l.Moments[0].Year() > 2999 {
		return nil, request.BadField(local, "must be a time like 2026-01-01T10:00, of the years 2000 to 2999")
	}
	if !now.IsZero() && len(written) == len("2026-01-01T10:00") && sale.WriteLocalTime(now, zone) == written && v[meant] == nil {
		return nil, nil //nolint:nilnil // nothing is to be changed
	}
	if l.Plain() {
		return &l.Moments[0], nil
	}
	for i := range l.Moments {
		if v[meant] == l.Moments[i].Format(time.RFC3339) {
			return &l.Moments[i], nil
		}
	}
	if l.Skipped {
		return nil, request.BadField(local, "does not exist in this zone, because the clocks are set forward over it; say in "+meant+" which moment is meant")
	}
	return nil, request.BadField(local, "comes twice in this zone, because the clocks are set back; say in "+meant+" which moment is meant")
}

// zoneNamed is the zone of a body, or the present one.
func zoneNamed(v request.Values, present string) (name string, zone *time.Location, err error) {
	name, _ = v[string(sale.FieldZone)].(string)
	if name == "" {
		name = present
	}
	if zone, err = sale.Zone(name); err != nil {
		return name, time.UTC, request.BadField(string(sale.FieldZone), "must be the name of a time zone, like Europe/Berlin or UTC")
	}
	return name, zone, nil
}

// minor is an amount of a body: in minor units, or as people write it.
func minor(v request.Values, field sale.Field, written, currency string) (*int64, error) {
	if s, _ := v[written].(string); s != "" {
		n, ok := request.MinorUnits(s, currency)
		if !ok || n > maxMinor {
			return nil, request.BadField(written, "must be an amount like 499.00")
		}
		return &n, nil
	}
	if _, given := v[string(field)]; !given {
		return nil, nil //nolint:nilnil // nothing is to be changed
	}
	n, err := v.Whole(string(field), 0, maxMinor, -1)
	return &n, err
}

// label reads a text of a product, nil when it is not given.
func label(v request.Values, field sale.Field, least, most int) (*string, error) {
	s, given := v[string(field)].(string)
	if !given {
		return nil, nil //nolint:nilnil // nothing is to be changed
	}
	s = strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n"))
	if s == "" && least == 0 {
		return &s, nil
	}
	if !request.PlainText(s, most) {
		return nil, request.BadField(string(field), "must be plain text of at most "+strconv.Itoa(most)+" characters")
	}
	return &s, nil
}

// productPart reads what an amendment changes of the product. present is the currency that the sale has.
func productPart(v request.Values, present string, to *sale.Amendment) (err error) {
	if to.Name, err = label(v, sale.FieldName, 1, longestName); err != nil {
		return err
	}
	if to.Description, err = label(v, sale.FieldDescription, 0, longestDescription); err != nil {
		return err
	}
	if code, given := v[string(sale.FieldCurrency)].(string); given {
		if code = strings.ToUpper(code); !currencyCode(code) {
			return request.BadField(string(sale.FieldCurrency), "must be three letters, like EUR")
		}
		to.CurrencyCode, present = &code, code
	}
	if to.PriceMinor, err = minor(v, sale.FieldPrice, fieldPrice, present); err != nil {
		return err
	}
	to.DiscountMinor, err = minor(v, sale.FieldDiscount, fieldDiscount, present)
	return err
}

func currencyCode(code string) bool {
	return len(code) == 3 && strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// creation reads a sale that is to be made.
func creation(v request.Values, zone string) (to sale.Creation, err error) {
	if to.Slug, _ = v[fieldSlug].(string); !sale.SlugWellFormed(to.Slug) || reserved(to.Slug) {
		return to, request.BadField(fieldSlug, "must be of 1 to 63 small letters, digits and hyphens, begin with no hyphen, and not be \"new\"")
	}
	var at *time.Location
	if to.Zone, at, err = zoneNamed(v, zone); err != nil {
		return to, err
	}
	for _, one := range []struct {
		field        sale.Field
		local, meant string
		into         *time.Time
	}{{sale.FieldStart, fieldStart, fieldStartMeant, &to.StartsAt}, {sale.FieldEnd, fieldEnd, fieldEndMeant, &to.EndsAt}} {
		t, err := localTime(v, one.field, one.local, one.meant, at, time.Time{})
		if err != nil {
			return to, err
		}
		if t != nil {
			*one.into = *t
		}
	}
	return to, nil
}

// reserved are slugs that would hide a page of the desk.
func reserved(slug string) bool { return slug == "new" }

// wholeCreation reads a sale that is like no other: nothing may be missing.
func wholeCreation(v request.Values) (sale.Creation, error) {
	to, err := creation(v, "UTC")
	if err != nil {
		return to, err
	}
	for field, at := range map[string]time.Time{string(sale.FieldStart): to.StartsAt, string(sale.FieldEnd): to.EndsAt} {
		if at.IsZero() {
			return to, request.BadField(field, "is required: a time like 2026-01-01T10:00:00Z")
		}
	}
	if to.Total, err = v.Whole(string(sale.FieldStock), 0, maxStock, -1); err != nil {
		return to, err
	}
	var p sale.Amendment
	if err := productPart(v, "USD", &p); err != nil {
		return to, err
	}
	if p.Name == nil || p.PriceMinor == nil {
		missing := string(sale.FieldName)
		if p.Name != nil {
			missing = string(sale.FieldPrice)
		}
		return to, request.BadField(missing, "is required")
	}
	if err := limits(v, &p); err != nil {
		return to, err
	}
	if err := writtenPart(v, &p); err != nil {
		return to, err
	}
	to.Limit = p.Limit(sale.UsualPressLimit())
	to.Product = sale.Product{
		Name: *p.Name, Description: orEmpty(p.Description), PriceMinor: *p.PriceMinor, CurrencyCode: "USD",
		Details: []string{}, Specification: []sale.Fact{}, ImportantInfo: []string{}, Images: sale.Images{Thumbnails: []sale.Image{}, Gallery: []sale.Image{}},
	}
	writtenCreation(&p, &to)
	if p.DiscountMinor != nil {
		to.Product.DiscountMinor = *p.DiscountMinor
	}
	if p.CurrencyCode != nil {
		to.Product.CurrencyCode = *p.CurrencyCode
	}
	to.Product.CurrencySymbol = sale.CurrencySymbol(to.Product.CurrencyCode)
	return to, nil
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
