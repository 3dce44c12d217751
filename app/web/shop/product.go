package shop

import (
	"cmp"
	"path"
	"strconv"
	"strings"

	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/static"
	"flashsale/views/layout"
	"flashsale/views/shop"
	"flashsale/views/text"
)

func productView(l text.Language, product *sale.Product) shop.Product {
	price := func(minor int64) string { return request.Price(l, minor, product.CurrencyCode) }
	v := shop.Product{
		Name:        product.Name,
		Description: product.Description,
		Details:     product.Details,
		Important:   product.ImportantInfo,
		Price:       price(product.PriceAfterDiscountMinor()),
		Picture:     pictureView(product, product.Images.Main),
	}
	if product.DiscountMinor > 0 {
		v.FullPrice, v.Saved = price(product.PriceMinor), price(product.DiscountMinor)
	}
	for _, fact := range product.Specification {
		v.Specification = append(v.Specification, shop.Fact{Name: fact.Name, Value: fact.Value})
	}
	for _, picture := range product.Images.Gallery {
		if picture.URL != product.Images.Main.URL {
			v.Thumbnails = append(v.Thumbnails, pictureView(product, picture))
		}
	}
	return v
}

// pictureView gives a picture its hashed address, which browsers may cache for ever. One without a text shows the product.
func pictureView(product *sale.Product, picture sale.Image) shop.Picture {
	v := shop.Picture{URL: static.Resolve(picture.URL), Alt: cmp.Or(picture.Alt, product.Name)}
	for _, s := range picture.Sources {
		v.Sources = append(v.Sources, shop.Source{URL: s.URL, Width: s.Width})
	}
	return v
}

// sharedPicture is a picture in its largest size, as other sites show it.
func sharedPicture(origin string, picture sale.Image) layout.Picture {
	if n := len(picture.Sources); n > 0 {
		s := picture.Sources[n-1]
		return layout.Picture{URL: origin + s.URL, Width: s.Width, Height: s.Height}
	}
	return layout.Picture{URL: origin + static.Resolve(picture.URL)}
}

// sharedDescription is how many characters of a description others are told.
const sharedDescription = 200

// sharing is what others show of the page at a path, which is that of the sale.
func (hs *Handlers) sharing(s *sale.Snapshot, at string) shop.Shared {
	product := s.Product
	brand := hs.cfg.Brand.Assets().Brand
	shared := shop.Shared{
		Title: product.Name, Description: clipped(product.Description, sharedDescription),
		Price: request.Amount(product.PriceAfterDiscountMinor(), product.CurrencyCode), Currency: product.CurrencyCode,
		Availability: availability(s.Status()), Seller: brand.Name,
		Starts: s.StartsAt.UTC().Format(request.InstantLayout), Ends: s.EndsAt.UTC().Format(request.InstantLayout),
		Image: brand.Share,
	}
	if hs.cfg.PublicURL != "" {
		shared.URL = hs.cfg.PublicURL + at
		if main := product.Images.Main; main.URL != "" && path.Ext(main.URL) != ".svg" { // no other site shows an SVG
			shared.Image = sharedPicture(hs.cfg.PublicURL, main)
		}
	}
	return shared
}

func availability(status sale.Status) shop.Availability {
	switch status {
	case sale.Upcoming:
		return shop.PreOrder
	case sale.Active:
		return shop.InStock
	case sale.SoldOut:
		return shop.SoldOut
	case sale.Stopped:
		return shop.OutOfStock
	case sale.Ended:
	}
	return shop.Discontinued
}

// clipped is a text of at most n characters.
func clipped(s string, n int) string {
	if runes := []rune(s); len(runes) > n {
		return strings.TrimSpace(string(runes[:n-1])) + "…"
	}
	return s
}

// presetLabel is what a preset's button says: "Small (5)", "Extreme (10K)".
func presetLabel(l text.Language, preset sale.Preset) string {
	size := strconv.FormatInt(preset.Stock, 10)
	if preset.Stock >= 10_000 && preset.Stock%1000 == 0 {
		size = strconv.FormatInt(preset.Stock/1000, 10) + "K"
	}
	return presetName(l, preset) + " (" + size + ")"
}

func presetName(l text.Language, preset sale.Preset) string {
	switch preset.Name {
	case "small":
		return l.Say("Small")
	case "medium":
		return l.Say("Medium")
	case "large":
		return l.Say("Large")
	case "extreme":
		return l.Say("Extreme")
	}
	return preset.Name
}
