package layout

import (
	"github.com/a-h/templ"

	"flashsale/static"
)

// Assets are the addresses of what every page loads.
type Assets struct {
	Style, Script, HTMX, Icon string
	// Live keeps the figures right, with what Stream reads. Clock writes the time that Live counts.
	Live, Stream, Clock string
	// Press is the script of the form that buys, Insist what it asks by.
	Press, Insist string
	// Acts is the script of operators' forms, for pages that have them.
	Acts string
	// AccountStyle is the further style sheet of the pages about accounts.
	AccountStyle string
	// ReceiptStyle is that of receipts, and Times the script that shows times in the reader's zone.
	ReceiptStyle, Times string
	// DropsStyle is that of the list of drops.
	DropsStyle string
	// Brand is what a seller has put over them.
	Brand Brand
}

// Embedded are the addresses of the files in static.
func Embedded() Assets {
	return Assets{
		Style:        static.URL("app.css"),
		Script:       static.URL("app.js"),
		Press:        static.URL("press.js"),
		Insist:       static.URL("insist.js"),
		Acts:         static.URL("acts.js"),
		HTMX:         static.URL("htmx.js"),
		Live:         static.URL("live.js"),
		Clock:        static.URL("clock.js"),
		Stream:       static.URL("stream.js"),
		Icon:         static.URL("icon.svg"),
		AccountStyle: static.URL("account.css"),
		ReceiptStyle: static.URL("receipt.css"),
		Times:        static.URL("times.js"),
		DropsStyle:   static.URL("drops.css"),
	}
}

// Frame is what surrounds the contents of a page.
type Frame struct {
	Assets  Assets
	Visitor Visitor
	// Title is the page's name; empty for the page of the sale.
	Title string
	// Sheet and Times are a further style sheet and the script that shows times in the reader's zone; empty: the page has none.
	Sheet, Times string
	// Still pages load no scripts, have a heading of their own, and the style of the pages about accounts.
	Still bool
	// Quiet pages load no scripts either, but look as they do with them.
	Quiet bool
	// Front is true for the page of the sale. Its name leads nowhere: that would load the page again and take what was typed.
	Front bool
	// Public is the path of a page that is for search engines too, in each language; empty: the page is not.
	Public string
	// Head describes the page to search engines and other sites, in place of what the frame says of every page; nil: it says that.
	Head templ.Component
	// Reload is an address that the page goes to after three seconds where scripts are off; empty: it stays.
	Reload string
}

func (f Frame) title() string {
	if f.Title == "" {
		return f.Assets.Brand.title()
	}
	return f.Title + " · " + f.Assets.Brand.title()
}

// Visitor is who looks at a page. The zero value is everybody in demo mode.
type Visitor struct {
	// Accounts is true outside demo mode, where shoppers sign in.
	Accounts bool
	// Username is empty while nobody is signed in.
	Username string
	// Desk is true for somebody who has a role, and so a way to the operators' pages.
	Desk bool
}

// Place is a part of the operators' desk.
type Place struct {
	Label, Path string
	// Here is true for the place that the page is in.
	Here bool
}

// Problem is a page or a fragment that says why a request was not answered.
type Problem struct {
	// Happened is what happened, without a full stop, and Now what the reader can do.
	Happened, Now string
	// Developers is the path of what developers can read about it; empty: none.
	Developers string
	Visitor    Visitor
	// Way leads to where the reader can do that; the zero value leads back to the sale.
	Way Link
}

// Link is a path on our origin, or in a brand's foot any address, with what it is called.
type Link struct{ Label, Path string }
