package admin

import (
	"context"

	"flashsale/views/layout"
	"flashsale/views/text"
)

// Neighbours are the addresses of the other pages of a list; empty: there is none.
type Neighbours struct{ First, Prev, Next, Last string }

// ShopperState is whether an account may buy, and if not, why.
type ShopperState string

// The states of an account.
const (
	MayBuy    ShopperState = "may-buy"
	Barred    ShopperState = "barred"
	PutAway   ShopperState = "archived"
	Forgotten ShopperState = "erased"
)

// Label is the state for people.
func (s ShopperState) Label(ctx context.Context) string {
	switch s {
	case MayBuy:
		return text.Say(ctx, "May buy")
	case Barred:
		return text.Say(ctx, "Barred")
	case PutAway:
		return text.Say(ctx, "Archived")
	case Forgotten:
		return text.Say(ctx, "Erased")
	}
	return string(s)
}

// meaning says what the state is.
func (s ShopperState) meaning(ctx context.Context) string {
	switch s {
	case MayBuy:
		return text.Say(ctx, "This account may buy.")
	case Barred:
		return text.Say(ctx, "This account may not buy until somebody unbars it. What it has bought stays bought.")
	case PutAway:
		return text.Say(ctx, "This account is put away: nobody can sign in to it or buy with it. Its orders stay.")
	case Forgotten:
		return text.Say(ctx, "The name and the address of this account are erased for good. Its orders stay, without a name.")
	}
	return ""
}

func (s ShopperState) tone() string {
	switch s {
	case MayBuy:
		return "good"
	case Barred:
		return "bad"
	case PutAway, Forgotten:
	}
	return ""
}

// Shoppers is a page of the list of accounts.
type Shoppers struct {
	Desk
	// Search is what was typed.
	Search Input
	Lines  []ShopperLine
	Pages  Neighbours
}

// ShopperLine is an account in the list.
type ShopperLine struct {
	Path, Username, Email string
	State                 ShopperState
	Since                 Moment
}

// Shopper is what is known of one account.
type Shopper struct {
	Desk
	Username, Email string
	Verified        bool
	// Role is that of a member of the team, empty for everybody else.
	Role   string
	Number string
	State  ShopperState
	Since  Moment
	Orders []ShopperOrder
	// MoreOrders is where the others are; empty: these are all. MoreActs is the same of the acts.
	MoreOrders, MoreActs string
	Sessions             []ShopperSession
	Met                  []MetLimit
	// MetUnknown is true while nobody knows which limits were met.
	MetUnknown bool
	Acts       []AuditLine
	// Bar and Unbar are the step before the act that is possible now; both are empty when none is.
	Bar, Unbar string
}

// ShopperOrder is an order of one account.
type ShopperOrder struct {
	Number, Path, Product string
	Sale, SalePath        string
	Unit, Generation      int64
	At, Cancelled         Moment
}

// ShopperSession is a session that has not ended.
type ShopperSession struct {
	Network, Agent            string
	Created, Renewed, Expires Moment
}

// MetLimit is a limit that attempts at an account have met.
type MetLimit struct {
	What, Whose string
	At          Moment
}

// ShopperStep is the page before an act on an account: what it will do.
type ShopperStep struct {
	Desk
	Username, Back string
	Heading        string
	Effects        []string
	// Off says why it is not possible now.
	Off         string
	Action, Key string
	Reason      Input
	Submit      string
	Grave       bool
}

// AuditPage is a page of the audit log.
type AuditPage struct {
	Desk
	Filters []Input
	Acts    Choice
	Refused bool
	Lines   []AuditLine
	Pages   Neighbours
	// Filtered is true when not all acts are meant.
	Filtered bool
	// Wrong is true when a filter cannot be read: nothing was looked for.
	Wrong bool
	// Kept are the filters for the form that exports. Without Export nobody may.
	Export bool
	Kept   []Hidden
}

// AuditLine is an act of the past, or a refused one.
type AuditLine struct {
	ID   int64
	Path string
	At   Moment
	// Who acted, and By what, from where.
	Who, By string
	What    string
	On      []Subject
	// Changes have what was before and after.
	Changes []Change
	// Facts are what else is known.
	Facts  []Fact
	Reason string
	// Outcome is "Done", or why it was refused.
	Outcome string
	Refused bool
}

// Subject is what an act was on. Without a path it leads nowhere.
type Subject struct{ Kind, Name, Path string }

// Entry is one act with everything that the log says of it.
type Entry struct {
	Desk
	AuditLine
	// Record is the entry as the log has it, for those who look closely.
	Record string
	Back   layout.Link
}
