package desk

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"flashsale/app/web/request"
	"flashsale/events/audit"
	"flashsale/sale"
	views "flashsale/views/admin"
	"flashsale/views/text"
)

// ShopperPath is the address of an account's page.
func ShopperPath(name string) string { return Shoppers + "/" + url.PathEscape(name) }

// MomentIn is a time as the clocks of a zone show it. The form is the same in every language.
func MomentIn(t time.Time, zone *time.Location) views.Moment {
	if t.IsZero() {
		return views.Moment{}
	}
	return views.Moment{Text: t.In(zone).Format("2006-01-02 15:04:05 MST"), ISO: t.UTC().Format(request.InstantLayout)}
}

// AuditLine is an entry of the audit log in words, with its times as the clocks of a zone show them, and its amounts as the shop shows
// them.
func AuditLine(ctx context.Context, r *audit.Recorded, zone *time.Location, now Currencies) views.AuditLine {
	d := detailOf(r.Detail)
	had, has := d.currencies(r, now)
	l := views.AuditLine{
		ID: r.ID, Path: Audit + "/" + strconv.FormatInt(r.ID, 10), At: MomentIn(r.At, zone), Who: r.Actor, By: ByWhat(ctx, r), What: ActName(ctx, r.Action),
		On: subjects(ctx, r, d), Outcome: text.Say(ctx, "Done"), Reason: d.text("reason"), Changes: d.changes(ctx, zone, had, has), Facts: d.facts(ctx, r.Action, zone, has),
	}
	if r.Action == audit.Refused {
		l.Refused, l.What, l.Outcome = true, tried(ctx, r.Subject), why(ctx, d.text("why"))
	}
	return l
}

// OneLine is what an act changed, and why, in one line.
func OneLine(ctx context.Context, l *views.AuditLine) string {
	var parts []string
	for _, c := range l.Changes {
		parts = append(parts, c.Label+" "+c.Seen+" → "+c.Present)
	}
	for _, f := range l.Facts {
		parts = append(parts, f.Label+" "+f.Value)
	}
	if l.Reason != "" {
		parts = append(parts, text.Say(ctx, "Reason")+" "+l.Reason)
	}
	return strings.Join(parts, ", ")
}

// ByWhat is by what somebody acted, and from where.
func ByWhat(ctx context.Context, r *audit.Recorded) string {
	means := r.Means
	switch token, isToken := strings.CutPrefix(r.Means, "token "); {
	case isToken:
		means = text.Say(ctx, "by the token %s", token)
	case means == "session":
		means = text.Say(ctx, "by page")
	case means == "command":
		means = text.Say(ctx, "by a command")
	case means == "demo mode":
		means = text.Say(ctx, "in demo mode")
	}
	if r.Network == "" {
		return means
	}
	return strings.TrimSpace(means + " " + text.Say(ctx, "from %s", r.Network))
}

// subjects are what an act was on.
func subjects(ctx context.Context, r *audit.Recorded, d detail) (all []views.Subject) {
	add := func(kind, name, path string) { all = append(all, views.Subject{Kind: kind, Name: name, Path: path}) }
	kind, _, _ := strings.Cut(r.Action, ".")
	shopper, slug, order := d.text("shopper"), d.text("sale"), d.text("order")
	switch kind {
	case "sale", "picture":
		slug = r.Subject
	case "order":
		order, shopper = r.Subject, d.text("username")
	case "shopper":
		shopper = r.Subject
	case "team":
		if shopper = r.Subject; shopper == "team" {
			shopper = ""
		}
	case "act":
	case "proof":
		add(text.Say(ctx, "Report"), shortID(r.Subject), Proof+"/"+url.PathEscape(r.Subject))
	default:
		if r.Subject != "" && r.Subject != slug {
			add(text.Say(ctx, "On"), r.Subject, "")
		}
	}
	if id, err := uuid.Parse(order); err == nil {
		add(text.Say(ctx, "Order"), sale.OrderNumber(id), Orders+"/"+id.String())
	}
	if shopper != "" {
		add(text.Say(ctx, "Shopper"), shopper, ShopperPath(shopper))
	}
	if slug != "" {
		add(text.Say(ctx, "Sale"), slug, Sales+"/"+url.PathEscape(slug))
	}
	return all
}

// shortID is the begin of an id, by which people tell a few of them apart.
func shortID(id string) string { return id[:min(8, len(id))] }

// why is the reason of a refusal in words.
func why(ctx context.Context, kind string) string {
	for _, k := range request.Kinds() {
		if k.Name == kind {
			return text.Say(ctx, k.Page.Happened)
		}
	}
	return kind
}

// detail is what an entry says beside who did what.
type detail map[string]any

func detailOf(raw json.RawMessage) detail {
	d, in := detail{}, json.NewDecoder(bytes.NewReader(raw))
	in.UseNumber()
	if in.Decode(&d) != nil {
		return detail{}
	}
	return d
}

func (d detail) text(name string) string {
	s, _ := d[name].(string)
	return s
}

// changes are what was before and after, with their currencies. Of what was made there is nothing before.
func (d detail) changes(ctx context.Context, zone *time.Location, had, has string) (all []views.Change) {
	after, ok := d["after"].(map[string]any)
	if !ok {
		// Of a brand the log has the name.
		if was, is := d["before"], d["after"]; is != nil && was != is {
			all = append(all, views.Change{Label: text.Say(ctx, "Name"), Seen: valueText(ctx, "name", was, zone), Present: valueText(ctx, "name", is, zone)})
		}
		return all
	}
	before, _ := d["before"].(map[string]any)
	for _, name := range ordered(after) {
		if name == "revision" {
			continue
		}
		c := views.Change{Label: fieldLabel(ctx, name), Seen: "–", Present: amountText(ctx, name, after[name], zone, has)}
		if was, there := before[name]; there {
			c.Seen = amountText(ctx, name, was, zone, had)
		}
		if c.Seen != c.Present { // what was made has empty fields too
			all = append(all, c)
		}
	}
	return all
}

// facts are what the entry says beside the change, its reason, and what it was on.
func (d detail) facts(ctx context.Context, action string, zone *time.Location, has string) (all []views.Fact) {
	if action == "proof" { // the report has the rest
		d = detail{"ok": d["ok"]}
	}
	after, _ := d["after"].(map[string]any)
	for _, name := range ordered(d) {
		switch name {
		case "before", "after", "reason", "why", "sale", "order", "shopper", "account", "id", "document", "cancelledAt", "stockAmount", "alt", "sizes", "bytes", "texts", "moneyIn":
			continue
		case "username":
			if strings.HasPrefix(action, "order.") {
				continue
			}
		}
		if _, there := after[name]; there && name != "generation" {
			continue
		}
		if value := amountText(ctx, name, d[name], zone, has); value != "–" {
			all = append(all, views.Fact{Label: fieldLabel(ctx, name), Value: value})
		}
	}
	return all
}

// ordered are the names of fields: those that people look for first, then the others.
func ordered(fields map[string]any) []string {
	first := []string{"order", "state", "stock", "sold", "startTime", "endTime", "generation", "canPurchase", "role", "name"}
	rank := func(name string) int {
		if at := slices.Index(first, name); at >= 0 {
			return at
		}
		return len(first)
	}
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	return names
}
