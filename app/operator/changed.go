package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"flashsale/events/audit"
	"flashsale/sale"
)

// The audit log says of each act that changes something what was there before it and after it, by the names that the API has for it:
// {"before": {"stock": 100}, "after": {"stock": 150}}. Only what has changed is there, and the revision of the sale; "moneyIn" is the
// currency of amounts where that has not changed.

// state is a thing before or after an act.
type state map[string]any

// stateOf is how a sale stands, with what it sells when that is given.
func stateOf(s *sale.Snapshot, p *sale.Product) state {
	of := state{
		"state": s.State, "startTime": s.StartsAt, "endTime": s.EndsAt, "zone": s.Zone, "stock": s.Total, "sold": s.Taken, "generation": s.Generation,
		"message": s.Message, "archived": s.Archived, "revision": s.Revision, "accountPressRate": s.Limit.AccountRate,
		"accountPressBurst": s.Limit.AccountBurst, "networkPressRate": s.Limit.NetworkRate, "networkPressBurst": s.Limit.NetworkBurst,
	}
	for _, status := range sale.Statuses() {
		of[sale.TextField(status)] = s.Texts.Of(status)
	}
	if p != nil {
		maps.Copy(of, state{
			"name": p.Name, "description": p.Description, "priceMinor": p.PriceMinor, "discountMinor": p.DiscountMinor, "currency": p.CurrencyCode,
			"details": linesOf(p.Details), "specification": linesOf(strings.Split(sale.WriteFacts(p.Specification), "\n")), "importantInfo": linesOf(p.ImportantInfo),
		})
	}
	return of
}

// linesOf are the lines of a list that are not empty, never nil.
func linesOf(list []string) []string {
	return slices.DeleteFunc(append([]string{}, list...), func(line string) bool { return line == "" })
}

// pictureState is which pictures a product has, in their order.
func pictureState(images []sale.Image) state {
	type picture struct {
		ID  string `json:"id"`
		Alt string `json:"alt"`
	}
	all := make([]picture, len(images))
	for i := range images {
		all[i] = picture{images[i].ID, images[i].Alt}
	}
	return state{"pictures": all}
}

// saying adds to an entry what differs between before and after. An entry that says of another part what was before and after keeps
// that. before is nil for what an act has made.
func saying(e audit.Entry, before, after state) (audit.Entry, error) {
	detail := map[string]any{}
	if e.Detail != nil {
		written, err := json.Marshal(e.Detail)
		if err == nil {
			err = json.Unmarshal(written, &detail)
		}
		if err != nil {
			return e, fmt.Errorf("say what %s was before and after: %w", e.Action, err)
		}
	}
	was, is := part(detail, "before"), part(detail, "after")
	for name, value := range after {
		had, there := before[name]
		if there && reflect.DeepEqual(had, value) {
			continue
		}
		is[name] = value
		if there {
			was[name] = had
		}
	}
	if before != nil {
		detail["before"] = was
	}
	if _, there := is["currency"]; !there && (is["priceMinor"] != nil || is["discountMinor"] != nil) {
		detail["moneyIn"] = after["currency"] // the sale may be sold in another one later
	}
	detail["after"] = is
	e.Detail = detail
	return e, nil
}

func part(detail map[string]any, name string) map[string]any {
	if there, ok := detail[name].(map[string]any); ok {
		return there
	}
	return map[string]any{}
}

// soldTx is what a sale sells when the act may change that, and else nil.
func (o *Acts) soldTx(ctx context.Context, tx pgx.Tx, slug string, detail any) (*sale.Product, error) {
	if to, ok := detail.(sale.Amendment); !ok || !to.Sells() {
		return nil, nil //nolint:nilnil // it is not asked about
	}
	p, err := o.sales.ProductTx(ctx, tx, slug)
	return &p, err
}
