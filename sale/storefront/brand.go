package storefront

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"flashsale/sale"
)

const (
	maxName = 60
	maxText = 200
	maxLink = 500
)

// Brand is how the shop looks. The zero value is the shop without a brand. A brand that others may have is not changed any more.
type Brand struct {
	// Version counts the changes of the brand in a deployment; zero before it is saved.
	Version int64
	// Name stands in the header and in titles; empty only without a brand.
	Name string
	// Accent, Surface, Ink and AccentText (on the accent) are those of light pages. Nil: the shop's own, or what fits the others.
	Accent, Surface, Ink, AccentText *Colour
	// Font is nil for the fonts of the reader's system.
	Font *Font
	// Links stand at the foot of pages, in this order.
	Links []Link
	// Logo stands in the header, Icon in the browser's tab, Share where somebody tells others of a page. Each may be nil.
	Logo, Icon, Share *Picture
	texts             map[sale.Status]string
}

// Link leads to an https address or to a path. Its Name is terms, privacy, returns or contact.
type Link struct{ Name, Address string }

// Exists is false for the shop without a brand.
func (b *Brand) Exists() bool { return b.Name != "" }

// Text is the brand's sentence for a state of the sale, empty when it has none. It is plain text.
func (b *Brand) Text(state sale.Status) string { return b.texts[state] }

// colourField is where the brand has the colour that a field of a file names.
type colourField struct {
	field string
	c     **Colour
}

func (b *Brand) colours() []colourField {
	return []colourField{{"accent", &b.Accent}, {"surface", &b.Surface}, {"ink", &b.Ink}, {"accentText", &b.AccentText}}
}

// fromFields makes a brand of the fields of a file, but for the pictures. The error names the field.
func fromFields(in map[string]string) (*Brand, error) {
	b := &Brand{Name: in["name"], texts: map[sale.Status]string{}}
	if b.Name == "" {
		return nil, errors.New("name is missing; a brand has at least a name")
	}
	if err := plain("name", b.Name, maxName); err != nil {
		return nil, err
	}
	for _, one := range b.colours() {
		text, there := in[one.field]
		if !there {
			continue
		}
		c, err := parseColour(text)
		if err != nil {
			return nil, fmt.Errorf("%s %w", one.field, err)
		}
		*one.c = &c
	}
	if err := b.checkColours(); err != nil {
		return nil, err
	}
	if err := b.words(in); err != nil {
		return nil, err
	}
	return b, nil
}

// words reads the font, the links and the texts.
func (b *Brand) words(in map[string]string) (err error) {
	if name, there := in["font"]; there {
		if b.Font, err = fontNamed(name); err != nil {
			return err
		}
	}
	for _, name := range known["links"] {
		field := "links." + name
		address, there := in[field]
		if !there {
			continue
		}
		if err := checkLink(field, address); err != nil {
			return err
		}
		b.Links = append(b.Links, Link{name, address})
	}
	for _, name := range known["texts"] {
		field := "texts." + name
		text, there := in[field]
		if !there {
			continue
		}
		if err := plain(field, text, maxText); err != nil {
			return err
		}
		b.texts[sale.Status(name)] = text
	}
	return nil
}

// plain refuses what does not stay in its line, or what turns the words around it.
func plain(field, text string, most int) error {
	switch n := utf8.RuneCountInString(text); {
	case strings.TrimSpace(text) != text || text == "":
		return fmt.Errorf("%s must be words, without spaces at its ends", field)
	case n > most:
		return fmt.Errorf("%s has %d characters; it must have at most %d", field, n, most)
	case strings.ContainsFunc(text, sale.Hidden):
		return fmt.Errorf("%s has a line break or a character that cannot be seen", field)
	}
	return nil
}

// checkLink allows https addresses and paths: nothing that a browser would run, and nothing that looks like a path and is a host.
func checkLink(field, address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil, len(address) > maxLink, strings.ContainsAny(address, "\\ <>\"'`"), strings.ContainsFunc(address, sale.Hidden):
	case u.Scheme == "https" && u.Hostname() != "" && u.User == nil,
		u.Scheme == "" && u.Host == "" && strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//"):
		return nil
	}
	return fmt.Errorf("%s is %.60q; it must be an address that begins with https:// or a path that begins with /, of at most %d characters", field, address, maxLink)
}
