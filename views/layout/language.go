package layout

import (
	"context"
	"net/url"

	"flashsale/views/text"
)

type addressKey struct{}

// At is a context in which a page knows its own path and query, for the links to the same page in another language. Without it
// there are no such links.
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
	of := address(ctx)
	if of == nil {
		return nil
	}
	list := make([]version, 0, len(text.Languages()))
	for _, l := range text.Languages() {
		list = append(list, version{Language: l, Address: spoken(*of, of.Query(), l), Shown: l == text.From(ctx)})
	}
	return list
}

// alternates are the public page in all languages, for search engines, which ask without cookies and without what somebody typed.
func alternates(ctx context.Context) []version {
	of := address(ctx)
	if of == nil {
		return nil
	}
	list := make([]version, 0, len(text.Languages()))
	for _, l := range text.Languages() {
		list = append(list, version{Language: l, Address: spoken(*of, url.Values{}, l)})
	}
	return list
}

func address(ctx context.Context) *url.URL {
	raw, _ := ctx.Value(addressKey{}).(string)
	of, err := url.Parse(raw)
	if raw == "" || err != nil {
		return nil
	}
	return of
}

func spoken(of url.URL, query url.Values, l text.Language) string {
	query.Set("lang", l.Code())
	query.Del("notice") // it is said once
	query.Del("swept")
	of.RawQuery = query.Encode()
	return of.RequestURI()
}
