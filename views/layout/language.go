package layout

import (
	"context"
	"net/url"

	"flashsale/views/text"
)

type addressKey struct{}

// At is a context in which a page knows its own address, for the links to the same page in another language. The address is a query
// alone where the browser shows the page's own: so no secret of a path is written into a page. Without an address there are no such links.
func At(ctx context.Context, address string) context.Context {
	return context.WithValue(ctx, addressKey{}, address)
}

// version is a page in one of the languages.
type version struct {
	text.Language
	Address string
	// Shown is the language of this page.
	Shown bool
}

// versions are this page in all languages.
func versions(ctx context.Context) []version {
	address, _ := ctx.Value(addressKey{}).(string)
	of, err := url.Parse(address)
	if address == "" || err != nil {
		return nil
	}
	query := of.Query()
	query.Del("notice") // it is said once
	query.Del("swept")
	list := make([]version, 0, len(text.Languages()))
	for _, l := range text.Languages() {
		query.Set("lang", l.Code())
		of.RawQuery = query.Encode()
		list = append(list, version{Language: l, Address: of.String(), Shown: l == text.From(ctx)})
	}
	return list
}

// alternates are a public page in all languages, for search engines, which ask without cookies.
func alternates(path string) []version {
	list := make([]version, 0, len(text.Languages()))
	for _, l := range text.Languages() {
		list = append(list, version{Language: l, Address: path + "?lang=" + l.Code()})
	}
	return list
}
