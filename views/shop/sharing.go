package shop

import (
	"github.com/a-h/templ"

	"flashsale/views/layout"
)

// Availability is one of schema.org's, of an offer.
type Availability string

// The availabilities of a sale: before it, while it is open, when every unit is sold, while it is paused, and after it.
const (
	PreOrder     Availability = "PreOrder"
	InStock      Availability = "InStock"
	SoldOut      Availability = "SoldOut"
	OutOfStock   Availability = "OutOfStock"
	Discontinued Availability = "Discontinued"
)

// Shared is what others show of the page of a sale.
type Shared struct {
	Title, Description string
	// URL and Image have absolute addresses. They are empty where the shop does not know its own.
	URL   string
	Image layout.Picture
	// Price is a decimal of the currency, as machines write it: "299.00" and "USD".
	Price, Currency string
	Availability    Availability
	// Starts and Ends are the times of the sale, in ISO 8601.
	Starts, Ends string
	// Seller is the name of the brand; empty: it has none.
	Seller string
}

// head is what the page of a sale adds to the frame's head; nil without a sale.
func (h Home) head() templ.Component {
	if h.Shared.Title == "" {
		return nil
	}
	return Sharing(h.Shared)
}

// productData is schema.org's Product.
type productData struct {
	Context     string    `json:"@context"`
	Type        string    `json:"@type"`
	Name        string    `json:"name"`
	Description string    `json:"description,omitempty"`
	Image       string    `json:"image,omitempty"`
	Offers      offerData `json:"offers"`
}

// offerData is schema.org's Offer.
type offerData struct {
	Type         string      `json:"@type"`
	URL          string      `json:"url,omitempty"`
	Price        string      `json:"price"`
	Currency     string      `json:"priceCurrency"`
	Availability string      `json:"availability"`
	Starts       string      `json:"availabilityStarts"`
	Ends         string      `json:"availabilityEnds"`
	Seller       *sellerData `json:"seller,omitempty"`
}

type sellerData struct {
	Type string `json:"@type"`
	Name string `json:"name"`
}

func (s *Shared) document() productData {
	d := productData{
		Context: "https://schema.org", Type: "Product", Name: s.Title, Description: s.Description, Image: s.Image.URL,
		Offers: offerData{
			Type: "Offer", URL: s.URL, Price: s.Price, Currency: s.Currency, Availability: "https://schema.org/" + string(s.Availability),
			Starts: s.Starts, Ends: s.Ends,
		},
	}
	if s.Seller != "" {
		d.Offers.Seller = &sellerData{"Organization", s.Seller}
	}
	return d
}
