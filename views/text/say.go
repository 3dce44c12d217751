package text

import (
	"context"
	"maps"
	"slices"
	"sync"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/message/catalog"
)

// Say is a text in the language of ctx. key is its English form, a format of package fmt when there are arguments.
func Say(ctx context.Context, key string, args ...any) string { return From(ctx).Say(key, args...) }

// Say is a text in this language.
func (l Language) Say(key string, args ...any) string { return printers()[l.at].Sprintf(key, args...) }

// areas are the translations of a language: a string, or a plural.Selectf, for each English form.
func areas(l int) []map[string]any {
	switch l {
	case english:
		return []map[string]any{englishPlurals()}
	case german:
		return []map[string]any{germanDesk(), germanDeskWords(), germanDeskActs(), germanDeskSteps(), germanDeskForms()}
	}
	return nil
}

// printers has one for each language.
//
//nolint:gochecknoglobals // made once, and never changed
var printers = sync.OnceValue(func() []*message.Printer {
	b := catalog.NewBuilder(catalog.Fallback(language.English))
	var made []*message.Printer
	for at, l := range known() {
		for _, area := range areas(at) {
			for _, key := range slices.Sorted(maps.Keys(area)) {
				if err := b.Set(l.tag, key, messages(area[key])...); err != nil {
					panic("views/text: " + key + ": " + err.Error())
				}
			}
		}
	}
	for _, l := range known() {
		made = append(made, message.NewPrinter(l.tag, message.Catalog(b)))
	}
	return made
})

func messages(of any) []catalog.Message {
	switch m := of.(type) {
	case string:
		return []catalog.Message{catalog.String(m)}
	case catalog.Message:
		return []catalog.Message{m}
	}
	panic("views/text: a translation is a string or a catalog.Message")
}
