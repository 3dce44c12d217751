package shop

import (
	"cmp"
	"strconv"
	"strings"

	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/static"
	"flashsale/views/shop"
)

func productView(product *sale.Product) shop.Product {
	v := shop.Product{
		Name:        product.Name,
		Description: product.Description,
		Details:     product.Details,
		Important:   product.ImportantInfo,
		Price:       amount(product, product.PriceAfterDiscountMinor()),
		Picture:     pictureView(product, product.Images.Main),
	}
	if product.DiscountMinor > 0 {
		v.FullPrice, v.Saved = amount(product, product.PriceMinor), amount(product, product.DiscountMinor)
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

// amount writes minor units as "$499.00".
func amount(product *sale.Product, minor int64) string {
	return product.CurrencySymbol + request.Amount(minor, product.CurrencyCode)
}

// presetLabel is what a preset's button says: "Small (5)", "Extreme (10K)".
func presetLabel(preset sale.Preset) string {
	size := strconv.FormatInt(preset.Stock, 10)
	if preset.Stock >= 10_000 && preset.Stock%1000 == 0 {
		size = strconv.FormatInt(preset.Stock/1000, 10) + "K"
	}
	return strings.ToUpper(preset.Name[:1]) + preset.Name[1:] + " (" + size + ")"
}
