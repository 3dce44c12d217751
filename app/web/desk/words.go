package desk

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"flashsale/events/audit"
	views "flashsale/views/admin"
	"flashsale/views/text"
)

// ActName is an act of the audit log for people.
func ActName(ctx context.Context, action string) string {
	switch action {
	case "sale.create":
		return text.Say(ctx, "Made")
	case "sale.duplicate":
		return text.Say(ctx, "Duplicated")
	case "sale.amend":
		return text.Say(ctx, "Changed")
	case "sale.schedule":
		return text.Say(ctx, "Scheduled")
	case "sale.open":
		return text.Say(ctx, "Opened")
	case "sale.pause":
		return text.Say(ctx, "Paused")
	case "sale.resume":
		return text.Say(ctx, "Resumed")
	case "sale.extend":
		return text.Say(ctx, "Extended")
	case "sale.stock":
		return text.Say(ctx, "Stock changed")
	case "sale.close":
		return text.Say(ctx, "Closed")
	case "sale.reset", "sale.preset":
		return text.Say(ctx, "Begun anew")
	case "sale.archive":
		return text.Say(ctx, "Archived")
	case "sale.bring-back":
		return text.Say(ctx, "Brought back")
	case "order.cancel":
		return text.Say(ctx, "Order cancelled")
	case "picture.add":
		return text.Say(ctx, "Picture added")
	case "picture.remove":
		return text.Say(ctx, "Picture removed")
	case "picture.describe":
		return text.Say(ctx, "Picture described")
	case "picture.arrange":
		return text.Say(ctx, "Pictures put in order")
	case "shopper.bar":
		return text.Say(ctx, "Shopper barred")
	case "shopper.unbar":
		return text.Say(ctx, "Shopper unbarred")
	case audit.Refused:
		return text.Say(ctx, "Refused")
	}
	return otherActName(ctx, action)
}

// otherActName is ActName for the acts that are on no sale.
func otherActName(ctx context.Context, action string) string {
	switch action {
	case "team.invite", "team.invite-first-owner":
		return text.Say(ctx, "Invited to the team")
	case "team.accept":
		return text.Say(ctx, "Invitation accepted")
	case "team.role":
		return text.Say(ctx, "Role changed")
	case "team.reset-second-factor":
		return text.Say(ctx, "Second factor reset")
	case "token.create":
		return text.Say(ctx, "Token made")
	case "token.revoke":
		return text.Say(ctx, "Token revoked")
	case "session-keys.rotate":
		return text.Say(ctx, "Keys of sessions changed")
	case "brand.set":
		return text.Say(ctx, "Brand changed")
	case "brand.reset":
		return text.Say(ctx, "Brand taken away")
	case "users.seed":
		return text.Say(ctx, "Shoppers made")
	case "users.seed-started":
		return text.Say(ctx, "Making shoppers began")
	case "users.archive":
		return text.Say(ctx, "Shoppers archived")
	case "users.archive-started":
		return text.Say(ctx, "Archiving shoppers began")
	case "proof":
		return text.Say(ctx, "Promises checked")
	case "orders.export":
		return text.Say(ctx, "Orders exported")
	case "audit.export":
		return text.Say(ctx, "Audit log exported")
	}
	return action
}

// ActNames are the actions that one can look for, in the order of the list.
func ActNames() []string {
	return []string{
		"sale.create", "sale.duplicate", "sale.amend", "sale.schedule", "sale.open", "sale.pause", "sale.resume", "sale.extend", "sale.stock", "sale.close",
		"sale.reset", "sale.preset", "sale.archive", "sale.bring-back", "order.cancel", "picture.add", "picture.remove", "picture.describe", "picture.arrange",
		"shopper.bar", "shopper.unbar", "team.invite", "team.invite-first-owner", "team.accept", "team.role", "team.reset-second-factor",
		"token.create", "token.revoke", "session-keys.rotate", "brand.set", "brand.reset", "users.seed", "users.archive", "orders.export", "audit.export", "proof",
	}
}

// tried is what a refused act wanted to do. route is that of the route table.
func tried(ctx context.Context, route string) string {
	_, path, found := strings.Cut(route, " ")
	if !found || !strings.HasPrefix(path, "/") {
		return route
	}
	switch path[strings.LastIndexByte(path, '/')+1:] {
	case "pause":
		return text.Say(ctx, "Pause")
	case "resume":
		return text.Say(ctx, "Resume")
	case "stock", "update-stock":
		return text.Say(ctx, "Change the stock")
	case "extend":
		return text.Say(ctx, "Extend")
	case "message":
		return text.Say(ctx, "Message to shoppers")
	case "open":
		return text.Say(ctx, "Open now")
	case "schedule":
		return text.Say(ctx, "Schedule")
	case "close":
		return text.Say(ctx, "Close for good")
	case "reset":
		return text.Say(ctx, "Reset")
	case "archive":
		return text.Say(ctx, "Archive")
	case "bring-back":
		return text.Say(ctx, "Bring back")
	case "edit", ":slug":
		return text.Say(ctx, "Edit")
	case "duplicate":
		return text.Say(ctx, "Duplicate")
	case "cancel":
		return text.Say(ctx, "Cancel")
	case "bar":
		return text.Say(ctx, "Bar")
	case "unbar":
		return text.Say(ctx, "Unbar")
	case "export":
		return text.Say(ctx, "Export")
	}
	return route
}

// fieldLabel is a field of an entry for people.
func fieldLabel(ctx context.Context, name string) string {
	switch name {
	case "state", "order":
		return text.Say(ctx, "State")
	case "stock", "Stock":
		return text.Say(ctx, "Stock")
	case "sold":
		return text.Say(ctx, "Sold")
	case "startTime":
		return text.Say(ctx, "Starts")
	case "endTime":
		return text.Say(ctx, "Ends")
	case "generation":
		return text.Say(ctx, "Generation")
	case "message":
		return text.Say(ctx, "Message")
	case "zone":
		return text.Say(ctx, "Time zone")
	case "name", "Name":
		return text.Say(ctx, "Name")
	case "description":
		return text.Say(ctx, "Description")
	case "priceMinor":
		return text.Say(ctx, "Price")
	case "discountMinor":
		return text.Say(ctx, "Discount")
	case "currency":
		return text.Say(ctx, "Currency")
	case "archived":
		return text.Say(ctx, "Archived")
	case "accountPressRate":
		return text.Say(ctx, "By one account, a second")
	case "accountPressBurst":
		return text.Say(ctx, "By one account, at once")
	case "networkPressRate":
		return text.Say(ctx, "From one network, a second")
	case "networkPressBurst":
		return text.Say(ctx, "From one network, at once")
	}
	return writtenLabel(ctx, name)
}

// writtenLabel is fieldLabel for what shoppers read.
func writtenLabel(ctx context.Context, name string) string {
	switch name {
	case "details":
		return text.Say(ctx, "Details")
	case "specification":
		return text.Say(ctx, "Specification")
	case "importantInfo":
		return text.Say(ctx, "Important information and terms")
	case "textUpcoming":
		return text.Say(ctx, "Before the start")
	case "textActive":
		return text.Say(ctx, "While it is open")
	case "textPaused":
		return text.Say(ctx, "While it is paused")
	case "textSoldOut":
		return text.Say(ctx, "Once it is sold out")
	case "textEnded":
		return text.Say(ctx, "Once it has ended")
	}
	return otherLabel(ctx, name)
}

func otherLabel(ctx context.Context, name string) string {
	switch name {
	case "pictures":
		return text.Say(ctx, "Pictures")
	case "ok":
		return text.Say(ctx, "Nothing is broken")
	case "canPurchase":
		return text.Say(ctx, "May buy")
	case "role":
		return text.Say(ctx, "Role")
	case "secondFactor":
		return text.Say(ctx, "Second factor")
	case "unit":
		return text.Say(ctx, "Unit")
	case "field":
		return text.Say(ctx, "Wrong field")
	case "seen":
		return text.Say(ctx, "Revision seen")
	case "present":
		return text.Say(ctx, "Revision now")
	case "more":
		return text.Say(ctx, "More refused")
	case "since":
		return text.Say(ctx, "Since")
	case "expires":
		return text.Say(ctx, "Until")
	case "username":
		return text.Say(ctx, "Shopper")
	case "scopes":
		return text.Say(ctx, "It may")
	case "of":
		return text.Say(ctx, "Like the sale")
	case "created":
		return text.Say(ctx, "Made")
	case "userCount", "Users":
		return text.Say(ctx, "Shoppers")
	}
	return name
}

// valueText is the value of a field for people.
func valueText(ctx context.Context, name string, value any, zone *time.Location) string {
	switch v := value.(type) {
	case nil:
		return "–"
	case bool:
		if v {
			return text.Say(ctx, "yes")
		}
		return text.Say(ctx, "no")
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return text.Say(ctx, "%d", n)
		}
		return v.String()
	case string:
		return wordText(ctx, name, v, zone)
	case []any:
		return listText(ctx, name, v, zone)
	case map[string]any:
		written, err := json.Marshal(v)
		if err != nil {
			return "–"
		}
		return string(written)
	}
	return "–"
}

func wordText(ctx context.Context, name, v string, zone *time.Location) string {
	switch name {
	case "state":
		return views.State(v).Label(ctx)
	case "order":
		if v == "cancelled" {
			return text.Say(ctx, "Cancelled")
		}
		return text.Say(ctx, "Confirmed")
	case "role":
		if v == "" {
			return text.Say(ctx, "none")
		}
		return text.Say(ctx, v)
	case "startTime", "endTime", "since", "expires":
		if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return MomentIn(at, zone).Text
		}
	}
	if v == "" {
		return "–"
	}
	return v
}

// listText is a list in one line. Of a picture it has the text.
func listText(ctx context.Context, name string, list []any, zone *time.Location) string {
	if len(list) == 0 {
		return text.Say(ctx, "none")
	}
	parts := make([]string, len(list))
	for i, one := range list {
		if picture, ok := one.(map[string]any); ok {
			alt, _ := picture["alt"].(string)
			parts[i] = text.Say(ctx, "\"%s\"", alt)
			continue
		}
		parts[i] = valueText(ctx, name, one, zone)
	}
	return strings.Join(parts, ", ")
}
