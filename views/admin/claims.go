package admin

import "flashsale/views/layout"

// Claims is the page of the claims that have no verdict yet.
type Claims struct {
	Desk
	// Sale is the one whose claims these are. Without it they are of all sales; AllSales leads to those.
	Sale     layout.Link
	AllSales string
	// Advice says what is to be done. Again is the address of the page.
	Advice, Again string
	// Undecided, Oldest and Lag are of all sales.
	Undecided, Lag int64
	Oldest         string
	Lines          []ClaimLine
	// More is true when claims are left out.
	More bool
}

// ClaimLine is a claim without a verdict.
type ClaimLine struct {
	ID         string
	Sale       layout.Link
	Generation int64
	Shopper    Buyer
	// Pressed has no text when it is not known.
	Pressed Moment
	// Place is where the log has it, Waits how long it has had no verdict; Long is true when that is too long.
	Place, Waits string
	Long         bool
	Processes    []Looking
}

// Looking is a process that knows of a claim, and what it does about it.
type Looking struct{ Process, Doing string }
