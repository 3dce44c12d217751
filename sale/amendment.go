package sale

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Amendment is what an operator changes of a sale. A field that is nil is not changed.
type Amendment struct {
	StartsAt *time.Time `json:"startTime,omitempty"`
	EndsAt   *time.Time `json:"endTime,omitempty"`
	Total    *int64     `json:"stock,omitempty"`
	// Message is what shoppers read on the sale's page, as ReadMessage returns it; empty: nothing.
	Message *string `json:"message,omitempty"`
	// The four numbers of the PressLimit.
	AccountRate  *int64 `json:"accountPressRate,omitempty"`
	AccountBurst *int64 `json:"accountPressBurst,omitempty"`
	NetworkRate  *int64 `json:"networkPressRate,omitempty"`
	NetworkBurst *int64 `json:"networkPressBurst,omitempty"`
	// Zone is how people write the times of the sale, by the name that the IANA has for it.
	Zone *string `json:"zone,omitempty"`
	// What is sold, and for how much.
	Name          *string `json:"name,omitempty"`
	Description   *string `json:"description,omitempty"`
	PriceMinor    *int64  `json:"priceMinor,omitempty"`
	DiscountMinor *int64  `json:"discountMinor,omitempty"`
	CurrencyCode  *string `json:"currency,omitempty"`
	// The lists of the product, as ReadLines and ReadFacts return them.
	Details       *[]string `json:"details,omitempty"`
	Specification *[]Fact   `json:"specification,omitempty"`
	ImportantInfo *[]string `json:"importantInfo,omitempty"`
	// Texts are those of the statuses that are named, as ReadMessage returns them; an empty one takes the text away. Nil: none changes.
	Texts *map[Status]string `json:"texts,omitempty"`
}

// Sells is true when the Amendment changes what is sold, or for how much.
func (a Amendment) Sells() bool {
	return a.Name != nil || a.Description != nil || a.PriceMinor != nil || a.DiscountMinor != nil || a.CurrencyCode != nil ||
		a.Details != nil || a.Specification != nil || a.ImportantInfo != nil
}

// Limit is the PressLimit with what the Amendment changes of it.
func (a Amendment) Limit(l PressLimit) PressLimit {
	for from, to := range map[*int64]*int64{
		a.AccountRate: &l.AccountRate, a.AccountBurst: &l.AccountBurst, a.NetworkRate: &l.NetworkRate, a.NetworkBurst: &l.NetworkBurst,
	} {
		if from != nil {
			*to = *from
		}
	}
	return l
}

// MaxMessage is the length of a message to shoppers, in characters.
const MaxMessage = 200

// ReadMessage is the text that an operator wrote for shoppers, without blanks at its ends. The error says what a message must be.
func ReadMessage(written string) (string, error) {
	message := strings.TrimSpace(written)
	if !utf8.ValidString(message) || strings.ContainsFunc(message, unicode.IsControl) {
		return "", errors.New("must be one line of plain text")
	}
	if n := utf8.RuneCountInString(message); n > MaxMessage {
		return "", fmt.Errorf("must have at most %d characters, and has %d", MaxMessage, n)
	}
	return message, nil
}

// Field is a part of an Amendment.
type Field string

// The fields of an Amendment, by the names that the API has for them.
const (
	FieldStart Field = "startTime"
	FieldEnd   Field = "endTime"
	FieldStock Field = "stock"

	FieldMessage Field = "message"

	FieldAccountRate  Field = "accountPressRate"
	FieldAccountBurst Field = "accountPressBurst"
	FieldNetworkRate  Field = "networkPressRate"
	FieldNetworkBurst Field = "networkPressBurst"

	FieldZone        Field = "zone"
	FieldName        Field = "name"
	FieldDescription Field = "description"
	FieldPrice       Field = "priceMinor"
	FieldDiscount    Field = "discountMinor"
	FieldCurrency    Field = "currency"

	FieldDetails       Field = "details"
	FieldSpecification Field = "specification"
	FieldImportant     Field = "importantInfo"

	FieldTextUpcoming Field = "textUpcoming"
	FieldTextActive   Field = "textActive"
	FieldTextPaused   Field = "textPaused"
	FieldTextSoldOut  Field = "textSoldOut"
	FieldTextEnded    Field = "textEnded"
)

var (
	// ErrTimes means that with this change the start is not before the end.
	ErrTimes = errors.New("the start must be before the end")
	// ErrPrice means that the discount is more than the price.
	ErrPrice = errors.New("the discount must be between nothing and the price")
	// ErrFixed means that these times can no longer be changed, because the generation has orders or the new end is not in the future.
	ErrFixed = errors.New("the times can no longer be changed in this way")
)

// AmendError is an Amendment that is refused because of one of its fields. It wraps ErrTimes, ErrFixed,
// ErrState, ErrPrice or ErrBelowSold.
type AmendError struct {
	Field Field
	// Reason is a sentence without its subject; the subject is the field.
	Reason string
	// Kind is the error that it wraps.
	Kind error
}

func (e *AmendError) Error() string { return string(e.Field) + " " + e.Reason }
func (e *AmendError) Unwrap() error { return e.Kind }
