package sale

// Product is what a sale sells. Amounts are integers of the currency's minor unit (cents).
type Product struct {
	Name           string
	Description    string
	Details        []string
	Specification  []Fact
	ImportantInfo  []string
	Images         Images
	PriceMinor     int64
	DiscountMinor  int64
	CurrencyCode   string
	CurrencySymbol string
}

// Fact is one line of a specification.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Images are a product's pictures, on the platform's own origin.
type Images struct {
	Main       Image   `json:"main"`
	Thumbnails []Image `json:"thumbnails"`
	Gallery    []Image `json:"gallery"`
}

// Image is a picture and what it shows, for those who cannot see it.
type Image struct {
	URL string `json:"url"`
	Alt string `json:"alt"`
	// ID is that of an uploaded picture; other pictures have none.
	ID string `json:"id,omitempty"`
	// Width and Height are those of the picture at URL, 0 when they are not known.
	Width  int `json:"width,omitempty"`
	Height int `json:"height,omitempty"`
	// Sources are the sizes of the picture, the smallest first. Empty: there is only that at URL.
	Sources []Source `json:"sources,omitempty"`
}

// Source is a picture in one of its sizes.
type Source struct {
	URL    string `json:"url"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
}

// PriceAfterDiscountMinor is what the shopper pays.
func (p Product) PriceAfterDiscountMinor() int64 { return p.PriceMinor - p.DiscountMinor }
