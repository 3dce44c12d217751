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
}

// PriceAfterDiscountMinor is what the shopper pays.
func (p Product) PriceAfterDiscountMinor() int64 { return p.PriceMinor - p.DiscountMinor }

// firstProduct is sold by the sale that is created when there is none.
func firstProduct() Product {
	front := Image{URL: "/static/product/front.svg", Alt: "The headphones from the front"}
	side := Image{URL: "/static/product/side.svg", Alt: "The headphones from the side, cushions visible"}
	folded := Image{URL: "/static/product/case.svg", Alt: "The headphones folded into their case"}
	return Product{
		Name:        "Aurora One wireless headphones",
		Description: "Over-ear headphones with active noise cancelling and forty hours of playing time, in a limited first edition.",
		Details: []string{
			"Adaptive noise cancelling that follows your surroundings",
			"Forty hours of playing time; ten minutes of charging last for five hours",
			"Two devices at once, with a switch between them that does not interrupt a call",
			"Cushions and battery can be replaced without tools",
		},
		Specification: []Fact{
			{"Type", "Over-ear, closed"},
			{"Driver", "40 mm"},
			{"Frequency response", "10 Hz to 40 kHz"},
			{"Wireless", "Bluetooth 5.4"},
			{"Playing time", "40 hours with noise cancelling"},
			{"Charging", "USB-C"},
			{"Weight", "248 g"},
			{"In the box", "Headphones, case, USB-C cable, 3.5 mm cable"},
		},
		ImportantInfo: []string{
			"One unit per person while the flash sale lasts.",
			"An order is confirmed once you see its purchase ID; keep it as your receipt.",
			"The price includes taxes. Delivery takes three to five working days.",
			"Returns are free within thirty days.",
		},
		Images: Images{
			Main:       front,
			Thumbnails: []Image{front, side, folded},
			Gallery:    []Image{front, side, folded},
		},
		PriceMinor:     49_900,
		DiscountMinor:  20_000,
		CurrencyCode:   "USD",
		CurrencySymbol: "$",
	}
}
