package layout

// Brand is the look that a seller has given the shop. The zero value is the shop without a brand.
type Brand struct {
	// Name stands in the header; empty: the product's own.
	Name string
	// Title ends the titles of pages; empty: the product's own.
	Title string
	// Style is the address of the brand's style sheet, and Font that of the font in it; empty for none.
	Style, Font string
	// Light and Dark are the colours of the browser's own frame, empty for those of the shop.
	Light, Dark string
	// Icon is the address of a square picture, empty for the shop's.
	Icon string
	// Logo stands in the header, beside or instead of the icon.
	Logo Picture
	// Share is shown where somebody tells others of a page. Its address is absolute.
	Share Picture
	// Links stand at the foot of every page.
	Links []Link
}

// Picture is a picture with its size in the page; without an address there is none.
type Picture struct {
	URL           string
	Width, Height int
}

const product = "Flash Sale System"

func (b Brand) name() string {
	if b.Name != "" {
		return b.Name
	}
	return product
}

func (b Brand) title() string {
	if b.Title != "" {
		return b.Title
	}
	return product
}

func (b Brand) light() string {
	if b.Light != "" {
		return b.Light
	}
	return "#f6f4f0"
}

func (b Brand) dark() string {
	if b.Dark != "" {
		return b.Dark
	}
	return "#131211"
}

// icon is the square picture of the shop.
func (a Assets) icon() string {
	if a.Brand.Icon != "" {
		return a.Brand.Icon
	}
	return a.Icon
}
