package text

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/text/language"
)

// Language is one in which the product speaks. The zero value is English.
type Language struct{ at int }

// The languages of the product, the first of them where none is asked for. The last one is for tests, see OfferPseudo.
const (
	english = iota
	german
	pseudo
)

// row is what is known of a language.
type row struct {
	tag language.Tag
	// name is what it calls itself.
	name string
	// leftward languages are written from right to left.
	leftward bool
	// months are its names of the months, and moment and day a moment and a day in words: day, name of the month, year and the time.
	months      [12]string
	moment, day string
}

//nolint:gochecknoglobals // made once, and never changed
var known = sync.OnceValue(func() []row {
	names := englishMonths()
	return []row{
		english: {tag: language.English, name: "English", months: names, moment: "%d %s %d, %s UTC", day: "%d %s %d"},
		german:  {tag: language.German, name: "Deutsch", months: germanMonths(), moment: "%d. %s %d, %s UTC", day: "%d. %s %d"},
		pseudo: {tag: language.MustParse("ar-XB"), name: accented("Pseudo"), leftward: true, months: accentedMonths(names),
			moment: "%d %s %d, %s ÛŢĆ", day: "%d %s %d"},
	}
})

// offered is true while the pseudo language can be chosen.
//
//nolint:gochecknoglobals // a switch for tests of a whole process
var offered atomic.Bool

// OfferPseudo lets everybody in this process choose the pseudo language, "ar-XB", until the function that it returns is called. It is
// for tests alone: the pseudo language is English with accents, a third longer and from right to left, so it shows what on a page
// is not in the catalogue, and what breaks where a language is long, or runs the other way.
func OfferPseudo() (end func()) {
	offered.Store(true)
	return func() { offered.Store(false) }
}

// Pseudo is the pseudo language. It is for tests alone.
func Pseudo() Language { return Language{pseudo} }

// Languages are those of the product, English first.
func Languages() []Language {
	list := make([]Language, 0, pseudo+1)
	for at := range pseudo {
		list = append(list, Language{at})
	}
	if offered.Load() {
		list = append(list, Pseudo())
	}
	return list
}

// Code is the language in the attribute lang and in addresses: "en".
func (l Language) Code() string { return known()[l.at].tag.String() }

// Name is what the language calls itself.
func (l Language) Name() string { return known()[l.at].name }

// Tag is the language for golang.org/x/text.
func (l Language) Tag() language.Tag { return known()[l.at].tag }

// Direction is that of the attribute dir: "ltr", or "rtl" for a language that is written from right to left.
func (l Language) Direction() string {
	if known()[l.at].leftward {
		return "rtl"
	}
	return "ltr"
}

type contextKey struct{}

// With is a context in which pages speak l.
func With(ctx context.Context, l Language) context.Context {
	return context.WithValue(ctx, contextKey{}, l)
}

// Later is With for a language that is found out when the first text is said, so that an answer that says none costs nothing. choose
// is called once at most.
func Later(ctx context.Context, choose func() Language) context.Context {
	return context.WithValue(ctx, contextKey{}, sync.OnceValue(choose))
}

// From is the language of a context, English when none was put there.
func From(ctx context.Context) Language {
	switch chosen := ctx.Value(contextKey{}).(type) {
	case Language:
		return chosen
	case func() Language:
		return chosen()
	}
	return Language{}
}

// Choose is the first of the wished languages that the product speaks, English when there is none. A wish is a tag ("de-AT") or a
// list of them with weights, as in the field Accept-Language.
func Choose(wishes ...string) Language {
	for _, wish := range wishes {
		if l, ok := Named(wish); ok {
			return l
		}
		if len(wish) > longest {
			continue
		}
		if l, ok := matched(wish); ok {
			return l
		}
	}
	return Language{}
}

// match is what a list of wishes comes to.
type match struct {
	language Language
	ok       bool
}

// mostMatches bounds the lists whose result is kept: browsers send a few hundred different ones.
const mostMatches = 1000

//nolint:gochecknoglobals // a memory of what a pure function has found
var matches = struct {
	sync.RWMutex
	of map[string]match
}{of: map[string]match{}}

// matched is the language of the product that fits a list of wishes best; false when none does.
func matched(wish string) (Language, bool) {
	if wish == "" {
		return Language{}, false
	}
	matches.RLock()
	m, known := matches.of[wish]
	matches.RUnlock()
	if known {
		return m.language, m.ok
	}
	if tags, _, err := language.ParseAcceptLanguage(wish); err == nil && len(tags) > 0 {
		_, at, sure := matcher().Match(tags...)
		m = match{Language{at}, sure > language.No}
	}
	matches.Lock()
	defer matches.Unlock()
	if len(matches.of) >= mostMatches {
		clear(matches.of)
	}
	matches.of[strings.Clone(wish)] = m
	return m.language, m.ok
}

// longest bounds a list of wishes in bytes: a browser sends a few dozen.
const longest = 512

// Named is the language of that very code, if it is offered.
func Named(code string) (Language, bool) {
	for _, l := range Languages() {
		if l.Code() == code {
			return l, true
		}
	}
	return Language{}, false
}

//nolint:gochecknoglobals // made once, and never changed
var matcher = sync.OnceValue(func() language.Matcher {
	var tags []language.Tag
	for _, l := range known()[:pseudo] {
		tags = append(tags, l.tag)
	}
	return language.NewMatcher(tags)
})
