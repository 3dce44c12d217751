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

// Key marks a text that is said later, and returns it as it is.
func Key(key string) string { return key }

// Say is a text in this language.
func (l Language) Say(key string, args ...any) string {
	if l.at == pseudo {
		return pseudoSay(key, args)
	}
	s := speakers()[l.at]
	if len(args) > 0 {
		return s.printer.Sprintf(key, args...)
	}
	if said, ok := s.plain[key]; ok {
		return said
	}
	return key
}

// Translated reports whether this language has a text of its own for key. English has every text.
func (l Language) Translated(key string) bool {
	return l.at == english || slices.ContainsFunc(areas(l.at), func(area map[string]any) bool { return area[key] != nil })
}

// Keys are the English forms of all texts that this language translates, in alphabetical order.
func (l Language) Keys() []string {
	all := map[string]bool{}
	for _, area := range areas(l.at) {
		for key := range area {
			all[key] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// areas are the translations of a language: a string, or a plural.Selectf, for each English form.
func areas(l int) []map[string]any {
	switch l {
	case english:
		return []map[string]any{englishPlurals()}
	case german:
		return []map[string]any{
			germanLayout(), germanAccount(), germanMail(), germanDrops(), germanPictures(), germanProblems(), germanProduct(), germanReminder(), germanShop(), germanStage(),
			germanDesk(), germanDeskWords(), germanDeskActs(), germanDeskSteps(), germanDeskForms(),
			germanOrders(), germanOrderHistory(), germanPeople(), germanAudit(),
			germanSaleForm(), germanProof(), germanVerify(), germanClaims(),
		}
	}
	return nil
}

// speaker says the texts of one language.
type speaker struct {
	// plain has the texts that depend on no number. Without arguments they are said as they are.
	plain   map[string]string
	printer *message.Printer
}

//nolint:gochecknoglobals // made once, and never changed
var speakers = sync.OnceValue(func() []speaker {
	b := catalog.NewBuilder(catalog.Fallback(language.English))
	made := make([]speaker, pseudo)
	for at := range made {
		made[at].plain = map[string]string{}
		for _, area := range areas(at) {
			made[at].learn(b, known()[at].tag, area)
		}
	}
	for at := range made {
		made[at].printer = message.NewPrinter(known()[at].tag, message.Catalog(b))
	}
	return made
})

func (s *speaker) learn(b *catalog.Builder, tag language.Tag, area map[string]any) {
	for key, said := range area {
		var err error
		switch said := said.(type) {
		case string:
			s.plain[key] = said
			err = b.SetString(tag, key, said)
		case catalog.Message:
			err = b.Set(tag, key, said)
		default:
			panic("views/text: a translation is a string or a catalog.Message: " + key)
		}
		if err != nil {
			panic("views/text: " + key + ": " + err.Error())
		}
	}
}
