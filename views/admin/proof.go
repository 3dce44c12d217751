package admin

import (
	"context"

	"flashsale/views/layout"
	"flashsale/views/text"
)

// Promise is an invariant in words, and how it stands.
type Promise struct {
	ID, Title string
	// State is ok, broken, waiting or unknown. Detail says why, or what was found.
	State, Detail string
	// Live is true for what memory says, which can speak against a promise and never proves it.
	Live bool
	// Way leads to more about it; without a path there is none.
	Way layout.Link
}

// label is the state for people.
func (p Promise) label(ctx context.Context) string {
	if p.Live && p.State == "ok" {
		return text.Say(ctx, "Nothing against it")
	}
	switch p.State {
	case "ok":
		return text.Say(ctx, "Holds")
	case "broken":
		return text.Say(ctx, "Broken")
	case "waiting":
		return text.Say(ctx, "Under way")
	}
	return text.Say(ctx, "Not seen from here")
}

func (p Promise) tone() string {
	switch p.State {
	case "ok":
		return "good"
	case "broken":
		return "bad"
	case "waiting":
		return "note"
	}
	return ""
}

// Proof is the page of what is known now, and of the reports.
type Proof struct {
	Desk
	// Key makes that a check runs once. Action runs it.
	Key, Action string
	Live        []Promise
	// LivePath is where Live is asked for again.
	LivePath string
	Reports  []ReportLine
}

// ReportLine is a report in the list.
type ReportLine struct {
	At   Moment
	Path string
	By   string
	Took string
	OK   bool
	// Held, Broken and Open count the checks that hold, that are broken, and that cannot be seen.
	Held, Broken, Open int
}

// Report is a kept report.
type Report struct {
	Desk
	Line                          ReportLine
	ID, Process, Version          string
	Download                      string
	Checks                        []Promise
	Sales                         []ProvedSale
	EndedGenerations, EndedOrders int64
}

// ProvedSale is a sale as a check found it.
type ProvedSale struct {
	Slug                    string
	Generation              int64
	Total, Taken            int64
	Orders, Shoppers, Units int64
}
