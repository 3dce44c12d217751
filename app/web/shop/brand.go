package shop

import (
	"cmp"
	"context"
	"net/http"
	"sync"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/sale/storefront"
	"flashsale/static"
	"flashsale/views/layout"
	"flashsale/views/text"
)

// brands is storefront.Shown: the brand of the deployment, from memory.
type brands interface {
	Present() *storefront.Brand
	// Look reads the brand when somebody asks for a part of one that is not here. It may be called as often as anybody likes.
	Look(ctx context.Context) error
}

// noBrand is for a deployment that has none.
type noBrand struct{ none *storefront.Brand }

func (b noBrand) Present() *storefront.Brand { return b.none }
func (noBrand) Look(context.Context) error   { return nil }

// brandPrefix is the path below which the parts of brands are.
const brandPrefix = "/brand/"

// keptBrands is how many brands a process serves the parts of: the present one and those of pages that are being loaded.
const keptBrands = 4

// Brand makes of a brand what pages show, and serves its parts. An address has the hash of what is there, so that browsers keep it for
// ever and a page never mixes two brands.
type Brand struct {
	from brands
	// publicURL begins the address of a picture for other sites; demo keeps the product's title.
	publicURL string
	demo      bool

	mu   sync.Mutex
	list []branded // the newest first
}

// branded is a brand ready to be shown.
type branded struct {
	brand  *storefront.Brand
	assets layout.Assets
	parts  map[string]*static.File
}

// NewBrand shows what from has; nil: there is never a brand.
func NewBrand(from brands, publicURL string, demo bool) *Brand {
	if from == nil {
		from = noBrand{&storefront.Brand{}}
	}
	return &Brand{from: from, publicURL: publicURL, demo: demo}
}

// Assets are what pages load now.
func (b *Brand) Assets() layout.Assets { return b.present().assets }

// text is the brand's sentence for a state of the sale, or empty.
func (b *Brand) text(state sale.Status) string { return b.from.Present().Text(state) }

// present is the brand of now. It is made ready once.
func (b *Brand) present() branded {
	now := b.from.Present()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.list) == 0 || b.list[0].brand != now {
		b.list = append([]branded{b.ready(now)}, b.list[:min(len(b.list), keptBrands-1)]...)
	}
	return b.list[0]
}

// part is a part of the present brand, or of one before.
func (b *Brand) part(path string) *static.File {
	b.present()
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.list {
		if f := b.list[i].parts[path]; f != nil {
			return f
		}
	}
	return nil
}

// Serve answers with a part of a brand. One that is not known may be of a brand that another process shows already.
func (b *Brand) Serve(c echo.Context) error {
	r := c.Request()
	f := b.part(r.URL.Path)
	if f == nil {
		if err := b.from.Look(r.Context()); err != nil {
			return err
		}
		f = b.part(r.URL.Path)
	}
	if f == nil {
		return request.ErrNotFound
	}
	f.Serve(c.Response(), r)
	return nil
}

func (b *Brand) ready(of *storefront.Brand) branded {
	made := branded{brand: of, assets: layout.Embedded(), parts: map[string]*static.File{}}
	if !of.Exists() {
		return made
	}
	v := layout.Brand{Name: of.Name, Light: of.Light().Surface.String(), Dark: of.Dark().Surface.String(), Links: footLinks(of.Links)}
	if !b.demo {
		v.Title = of.Name
	}
	if sheet := of.Stylesheet(static.URL); len(sheet) > 0 {
		v.Style = made.add("", static.NewFile("style.css", sheet))
	}
	if of.Font != nil {
		v.Font = static.URL(of.Font.File)
	}
	for _, p := range of.Pictures() {
		name := p.Name + extension(p.Kind)
		shown := layout.Picture{URL: made.add("/"+name, static.NewFile(name, p.Body)), Width: p.Width, Height: p.Height}
		switch p.Name {
		case "icon":
			v.Icon = shown.URL
		case "logo":
			v.Logo = inHeader(shown)
		case "share":
			if shown.URL = b.publicURL + shown.URL; b.publicURL != "" {
				v.Share = shown
			}
		}
	}
	made.assets.Brand = v
	return made
}

// add gives a part its address: "/brand/<hash>.css", "/brand/<hash>/logo.png".
func (m *branded) add(name string, f *static.File) string {
	path := brandPrefix + f.Hash() + cmp.Or(name, ".css")
	m.parts[path] = f
	return path
}

func extension(kind string) string {
	if kind == "image/jpeg" {
		return ".jpg"
	}
	return ".png"
}

// inHeader is the size of a logo in the header: at most 240 by 40, so that the pixels that are kept are sharp on every screen.
func inHeader(p layout.Picture) layout.Picture {
	const width, height = 240, 40
	if p.Height > height {
		p.Width, p.Height = max(1, p.Width*height/p.Height), height
	}
	if p.Width > width {
		p.Width, p.Height = width, max(1, p.Height*width/p.Width)
	}
	return p
}

// footLinks have the English names of a brand's links, which pages say in their language.
func footLinks(list []storefront.Link) []layout.Link {
	names := map[string]string{
		"terms": text.Key("Terms"), "privacy": text.Key("Privacy"), "returns": text.Key("Returns"), "contact": text.Key("Contact"),
	}
	var shown []layout.Link
	for _, link := range list {
		shown = append(shown, layout.Link{Label: cmp.Or(names[link.Name], link.Name), Path: link.Address})
	}
	return shown
}

// Routes are those of a brand's parts.
func (b *Brand) Routes() []request.Route {
	return []request.Route{{Method: http.MethodGet, Path: brandPrefix + "*", Handler: b.Serve, Forwarded: true, Who: request.Anybody}}
}
