package shop

import (
	"time"
	"unicode/utf8"

	"flashsale/views/layout"
)

// Tab names one of the page's four tabs; it is the value of the query parameter "tab".
type Tab string

// The tabs in the order in which they are shown. TabUsers exists only in demo mode.
const (
	TabMain           Tab = "main"
	TabSpecifications Tab = "specifications"
	TabImportant      Tab = "important"
	TabUsers          Tab = "users"
)

// Home is the whole first page.
type Home struct {
	Assets layout.Assets
	// Place is the sale's, and Title the page's name; empty: the shop's.
	Place Place
	Title string
	// Front is true for the page at the shop's own address.
	Front bool
	// Next is the drop that follows, shown when this one is over or sold out; nil: there is none.
	Next    *Drop
	Tab     Tab
	Demo    bool
	Product Product
	// Shared is what others show of the page.
	Shared Shared
	Status Status
	// Remind is the form for a mail before the start, for somebody who is signed in.
	Remind Remind
	// BeatMilli is for how many milliseconds the stream of figures is quiet at most.
	BeatMilli int64
	// Visitor is who looks at the page. Outside demo mode that decides who buys.
	Visitor layout.Visitor
	// SignIn leads to the sign-in and from there back to the button. Repeat is true on the page that it leads back to.
	SignIn string
	Repeat bool
	// Username fills the form.
	Username string
	// Purchase, Check and Notice are what the last press came to; nil and "" leave their places empty.
	Purchase *Outcome
	Check    *Outcome
	Notice   string
	// Acted is what an operator's form came to that changed nothing; nil when there was none.
	Acted *Outcome
	// Users is nil when the list is to be fetched once its tab opens.
	Users   *UserList
	Presets []Preset
	Acts    Acts
}

// Preview is a sale's page as operators look at it.
type Preview struct {
	Home   Home
	States []PreviewState
	// Back leads to the sale on the desk.
	Back layout.Link
}

// PreviewState is a state in which the page can be looked at.
type PreviewState struct {
	Name, Label, Path string
	Here              bool
}

// reload is where the page looks again whether a claim has a verdict, where scripts are off.
func (h Home) reload() string {
	if h.Purchase == nil || h.Purchase.Claim == "" {
		return ""
	}
	return h.Purchase.AskAgain
}

// wrong is true when the page says what is wrong with that field.
func (h Home) wrong(field string) bool {
	for _, said := range []*Outcome{h.Purchase, h.Check, h.Acted} {
		if said != nil && said.Field == field {
			return true
		}
	}
	return false
}

// Acts is what the operators' forms say beside their own fields.
type Acts struct {
	// Key begins the Idempotency-Key of each form, so that a form that is sent twice acts once. It is another one on every page. A page
	// that is the same for everybody has none, and its script makes one.
	Key string
	// Revision is the entity tag of the sale that the page shows, for If-Match. It is empty without a sale.
	Revision string
}

// Status is the sale as it stands; the fragment made of it is what open pages receive when it changes.
type Status struct {
	// Status is upcoming, active, sold-out, ended, paused, or none when there is no sale.
	Status string
	// Text is the sentence of the status, Badge its short form. They, When and Tip are texts by their English forms.
	Text, Badge string
	// Left, Total and Sold are units.
	Left, Total, Sold int64
	// Version grows with every change of the sale, Revision with every act of an operator, Generation with every reset.
	Version, Revision, Generation int64
	// When says what Until is: "Starts", "Ends" or "Ended"; empty when there is no time to tell.
	When string
	// Until is a moment, UntilISO for machines, UntilMilli and NowMilli in Unix milliseconds by the ledger's
	// clock. Counting says that the time left is to be counted down.
	Until                time.Time
	UntilISO             string
	UntilMilli, NowMilli int64 // NowMilli is 0 in a page that is kept
	Counting             bool
	// Countdown is the time left as a page without scripts shows it; empty: the page's script writes it.
	Countdown string
	// Took is how long the units lasted, once there are none and it is known.
	Took time.Duration
	// Reminder is the address of the start in a calendar, until the sale starts.
	Reminder string
	// Icon is the address of the picture in the browser's tab; empty: the page's own.
	Icon string
	// Note is what somebody wrote for shoppers: why the sale stands as it does, and what comes next. Else Tip is what we say ourselves.
	Note, Tip string
}

// longNote is true for a note that may not fit into its room on a phone. Then it can be scrolled, and keys must reach it.
func (s Status) longNote() bool {
	const sure = 66
	return utf8.RuneCountInString(s.Note) > sure
}

// Tone is the colour of an outcome.
type Tone string

// Good is a unit bought, Note is no error, Bad is a refusal or a failure.
const (
	Good Tone = "good"
	Note Tone = "note"
	Bad  Tone = "bad"
)

// Outcome is what a press of a button came to.
type Outcome struct {
	Tone        Tone
	Title, Text string
	// Receipt is shown when there is one.
	Receipt *Receipt
	// Owner is the name, as it was asked for, that a check found to have bought in that generation.
	Owner      string
	Generation int64
	// Shopper is whom it is about, when there is no receipt that says so.
	Shopper string
	// Field is the name of the field that it is about; empty: none.
	Field string
	// Claim is the address of a claim that has no verdict yet, for the script; AskAgain is the page that shows it without scripts.
	Claim, AskAgain string
}

// Receipt is the proof of a purchase.
type Receipt struct {
	Username, OrderID string
	Unit              int64
	// At is the moment in words, AtISO for machines.
	At, AtISO string
	// URL is the path of the receipt's own page; empty when the reader is not known to be its owner.
	URL string
}

// Preset is a stock level that one button sets.
type Preset struct {
	// Name is the last part of its path and its hook: "small".
	Name string
	// Label is what the button says: "Small (5)".
	Label string
}

// UserList is one page of the shoppers.
type UserList struct {
	Users       []User
	Page, Pages int
	Total       int64
	// Absent says which pages there are when Page is not one of them.
	Absent string
	// Problem stands in for the list when it could not be read.
	Problem string
}

// User is a line of the list.
type User struct {
	Name, Email string
	MayPurchase bool
	// OrderID is empty when nothing was bought.
	OrderID string
}
