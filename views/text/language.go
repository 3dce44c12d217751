package text

import (
	"context"
	"sync"

	"golang.org/x/text/language"
)

// Language is one in which the product speaks. The zero value is English.
type Language struct{ at int }

// The languages of the product, the first of them where none is asked for.
const (
	english = iota
	german
)

// known says of each language its tag, and its name in itself.
func known() []struct {
	tag  language.Tag
	name string
} {
	return []struct {
		tag  language.Tag
		name string
	}{english: {language.English, "English"}, german: {language.German, "Deutsch"}}
}

// Languages are those of the product, English first.
func Languages() []Language {
	list := make([]Language, len(known()))
	for i := range list {
		list[i] = Language{i}
	}
	return list
}

// Code is the language in the attribute lang and in addresses: "en".
func (l Language) Code() string { return known()[l.at].tag.String() }

// Name is what the language calls itself.
func (l Language) Name() string { return known()[l.at].name }

// Tag is the language for golang.org/x/text.
func (l Language) Tag() language.Tag { return known()[l.at].tag }

type contextKey struct{}

// With is a context in which pages speak l.
func With(ctx context.Context, l Language) context.Context {
	return context.WithValue(ctx, contextKey{}, l)
}

// From is the language of a context, English when none was put there.
func From(ctx context.Context) Language {
	l, _ := ctx.Value(contextKey{}).(Language)
	return l
}

// Choose is the first of the wished languages that the product speaks, English when there is none. A wish is a tag ("de-AT") or a
// list of them with weights, as in the field Accept-Language.
func Choose(wishes ...string) Language {
	for _, wish := range wishes {
		tags, _, err := language.ParseAcceptLanguage(wish)
		if err != nil {
			continue
		}
		if _, at, sure := matcher().Match(tags...); len(tags) > 0 && sure > language.No {
			return Language{at}
		}
	}
	return Language{}
}

//nolint:gochecknoglobals // made once, and never changed
var matcher = sync.OnceValue(func() language.Matcher {
	var tags []language.Tag
	for _, l := range known() {
		tags = append(tags, l.tag)
	}
	return language.NewMatcher(tags)
})
