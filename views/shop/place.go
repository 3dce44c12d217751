package shop

import "net/url"

// Place says of which sale a page is, and so where its figures come from and where its form leads. The zero value is the page of the
// current sale, whichever that is.
type Place struct {
	// Slug is the sale's. Empty: the current one.
	Slug string
	// Language is the code of the page's language, in which its stream is asked for; empty: that of the request.
	Language string
	// Preview is the address of the page as operators look at it, with a query; empty: the page is that of shoppers.
	Preview string
}

// Path is the address of the sale's page.
func (p Place) Path() string {
	if p.Slug == "" {
		return "/"
	}
	return "/sales/" + url.PathEscape(p.Slug)
}

// Buy is the page with the focus on the button. It buys nothing by itself.
func (p Place) Buy() string { return p.Path() + "?buy=1" }

func (p Place) tab(name Tab) string {
	if p.Preview != "" {
		return p.Preview + "&tab=" + string(name)
	}
	if name == TabUsers {
		return Place{}.Path() + "?tab=" + string(name)
	}
	return p.Path() + "?tab=" + string(name)
}

// purchase is where the form is sent.
func (p Place) purchase() string {
	if p.Slug == "" {
		return "/api/flash-sale/purchase"
	}
	return "/api/sales/" + url.PathEscape(p.Slug) + "/purchase"
}

// Remind is where the form for a mail before the start leads.
func (p Place) Remind() string { return p.Path() + "/reminder" }

func (p Place) stream() string { return p.below("live") }

func (p Place) ask() string { return p.below("status") }

// below is an address of the figures.
func (p Place) below(name string) string {
	path := "/" + name
	if p.Slug != "" {
		path = p.Path() + path
	}
	if p.Language == "" {
		return path
	}
	return path + "?lang=" + p.Language
}
