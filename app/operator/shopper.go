package operator

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/events/audit"
	"flashsale/sale"
	"flashsale/users"
	"flashsale/users/login"
	"flashsale/users/login/limits"
)

// mostOrders is how many orders of one shopper are shown.
const mostOrders = 200

// ShopperDetail is what is known of an account.
type ShopperDetail struct {
	users.Listed
	Role login.Role
	// Orders are those of all sales, the newest first, cancelled ones too. MoreOrders is true when there are more.
	Orders     []sale.Order
	MoreOrders bool
	// Sessions are those that have not ended, the newest first.
	Sessions []login.Session
	// Met are the limits that attempts at the account have met within the last thirty days, MetUnknown is true when nobody knows that now.
	Met        []limits.Met
	MetUnknown bool
	// Acts are what operators did to the account, the newest first. MoreActs is true when there are more.
	Acts     []audit.Recorded
	MoreActs bool
}

// Shoppers is a page of accounts, archived and erased ones too.
func (d *Desk) Shoppers(ctx context.Context, q users.Search) (users.Found, error) {
	return shown(ctx, d, func(f users.Found) bool { return len(f.Accounts) > 0 }, func(ctx context.Context, on Shown) (users.Found, error) {
		return on.Users.Find(ctx, q)
	})
}

// Shopper is what is known of the account with that username or address, in normal form. users.ErrNoAccount when there is none.
func (d *Desk) Shopper(ctx context.Context, name string) (ShopperDetail, error) {
	var s ShopperDetail
	who, err := d.cfg.Users.Reachable(ctx, name)
	if err == nil && who.ID == 0 {
		err = users.ErrNoAccount
	}
	if err != nil {
		return s, err
	}
	s.Listed = users.Listed{Account: who.Account, Archived: who.Archived}
	if s.Archived {
		if s.Erased, err = d.cfg.Users.Erased(ctx, who.ID); err != nil {
			return s, err
		}
	}
	if s.Role, err = d.cfg.Team.RoleOf(ctx, who.ID); err != nil {
		return s, err
	}
	if s.Sessions, err = d.cfg.Sessions.List(ctx, who.ID); err != nil {
		return s, err
	}
	past, err := d.past(ctx, who.ID, who.Username)
	if err != nil {
		return s, err
	}
	s.Orders, s.Acts, s.MoreActs = past.orders, past.acts.Entries, past.acts.Older
	if s.MoreOrders = len(s.Orders) > mostOrders; s.MoreOrders {
		s.Orders = s.Orders[:mostOrders]
	}
	// Without Redis everything else is still true.
	s.Met, err = d.cfg.Limits.Met(ctx, who.ID)
	s.MetUnknown = err != nil
	return s, nil
}

// past is what an account has done, and what operators did to it.
type past struct {
	orders []sale.Order
	acts   audit.Page
}

// past reads the history of an account. What the account is now, its role and its sessions, is the primary's.
func (d *Desk) past(ctx context.Context, account int64, username string) (past, error) {
	there := func(p past) bool { return len(p.orders)+len(p.acts.Entries) > 0 }
	return shown(ctx, d, there, func(ctx context.Context, on Shown) (p past, err error) {
		if p.orders, err = on.OrdersOf(ctx, account, mostOrders+1); err != nil {
			return p, err
		}
		p.acts, err = on.Audit.List(ctx, audit.Filter{Subject: username}, audit.PageRequest{Limit: mostActs})
		return p, err
	})
}

// Barring is whether an account may purchase, before and after an act.
type Barring struct {
	Username string    `json:"username"`
	Before   bool      `json:"before"`
	After    bool      `json:"after"`
	At       time.Time `json:"at"`
}

// Bar says whether an account may purchase, for a reason that the audit log keeps. Its orders stay as they are. This process knows
// before the act is answered, and the others are told at once. An account that is so already is answered the same way, and nothing is
// recorded. name is in normal form; users.ErrNoAccount when there is none.
func (o *Acts) Bar(ctx context.Context, a Act, name string, may bool, reason string) (Barring, error) {
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	who, err := o.users.Reachable(ctx, name)
	if err == nil && who.ID == 0 {
		err = users.ErrNoAccount
	}
	if err != nil {
		return Barring{}, err
	}
	done, first, err := perform(ctx, o, a, func(ctx context.Context, tx pgx.Tx) (Barring, audit.Entry, error) {
		before, err := o.users.SetMayPurchaseTx(ctx, tx, who.ID, may)
		b := Barring{Username: who.Username, Before: before, After: may, At: time.Now().UTC()}
		if err != nil || before == may {
			return b, audit.Entry{}, err
		}
		action := "shopper.bar"
		if may {
			action = "shopper.unbar"
		}
		return b, audit.Entry{Action: action, Subject: who.Username, Detail: map[string]any{
			"reason": reason, "account": who.ID, "before": map[string]bool{"canPurchase": before}, "after": map[string]bool{"canPurchase": may},
		}}, nil
	})
	if first && done.Before != done.After {
		o.warn("who may purchase is known after the next refresh", o.refreshNames(ctx))
		if o.tell != nil {
			o.tell()
		}
	}
	return done, err
}
