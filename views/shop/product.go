package shop

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/a-h/templ"
)

// Product is what is on sale. Amounts are ready to be shown ("$499.00"); an empty one is left out.
type Product struct {
	Name, Description       string
	Price, FullPrice, Saved string
	Details                 []string
	Specification           []Fact
	Important               []string
	// Picture is the main one, Thumbnails are the others.
	Picture    Picture
	Thumbnails []Picture
}

// pictures are all, the main one first.
func (p *Product) pictures() []Picture { return append([]Picture{p.Picture}, p.Thumbnails...) }

// link is true for a line that is nothing but an address. Only https is one: other schemes can run scripts, or show what the shop did not.
func link(line string) bool {
	u, err := url.Parse(line)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && !strings.ContainsFunc(line, unicode.IsSpace)
}

// Fact is one line of a specification.
type Fact struct{ Name, Value string }

// Picture is an image and what it shows.
type Picture struct {
	URL, Alt string
	// Sources are the picture in several widths, for the browser to choose from; empty: there is one.
	Sources []Source
}

// Source is a picture in one width, in pixels.
type Source struct {
	URL   string
	Width int
}

// large is the address of the widest source.
func (p *Picture) large() string {
	at, width := p.URL, 0
	for _, s := range p.Sources {
		if s.Width > width {
			at, width = s.URL, s.Width
		}
	}
	return at
}

// sources are the attributes that let a browser choose among them. sizes says how wide the picture is shown, as CSS does.
func (p *Picture) sources(sizes string) templ.Attributes {
	if len(p.Sources) == 0 {
		return nil
	}
	set := make([]string, len(p.Sources))
	for i, s := range p.Sources {
		set[i] = s.URL + " " + strconv.Itoa(s.Width) + "w"
	}
	return templ.Attributes{"srcset": strings.Join(set, ", "), "sizes": sizes}
}
