package operator

import (
	"context"

	"github.com/jackc/pgx/v5"

	"flashsale/events/audit"
	"flashsale/sale/storefront"
)

// branding is what the audit log says of a change of the brand. Document is what the seller's file says.
type branding struct {
	storefront.Changed
	Document string   `json:"document,omitempty"`
	Pictures []string `json:"pictures,omitempty"`
}

// Brand is the brand of the deployment, as Postgres has it.
func (o *Acts) Brand(ctx context.Context) (*storefront.Brand, error) { return o.brand.Brand(ctx) }

// SetBrand gives the shop another look. Every process shows it within about a second.
func (o *Acts) SetBrand(ctx context.Context, a Act, b *storefront.Brand) (storefront.Changed, error) {
	return o.changeBrand(ctx, a, "brand.set", b)
}

// ResetBrand takes the brand away: the shop looks like one that never had any.
func (o *Acts) ResetBrand(ctx context.Context, a Act) (storefront.Changed, error) {
	return o.changeBrand(ctx, a, "brand.reset", &storefront.Brand{})
}

func (o *Acts) changeBrand(ctx context.Context, a Act, action string, b *storefront.Brand) (storefront.Changed, error) {
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	change, _, err := perform(ctx, o, a, func(ctx context.Context, tx pgx.Tx) (storefront.Changed, audit.Entry, error) {
		change, err := o.brand.SetTx(ctx, tx, b)
		if err != nil {
			return change, audit.Entry{}, err
		}
		said := branding{Changed: change}
		if b.Exists() {
			said.Document = b.String()
		}
		for _, p := range b.Pictures() {
			said.Pictures = append(said.Pictures, p.String())
		}
		return change, audit.Entry{Action: action, Subject: "brand", Detail: said}, nil
	})
	return change, err
}
