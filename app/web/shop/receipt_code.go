package shop

import (
	"fmt"
	"image"
	"image/color"
	"strings"

	"github.com/boombuler/barcode/qr"

	"flashsale/views/shop"
)

// codeOf is a text as a QR code. It is drawn in the page itself, so no picture with a secret has an address of its own.
func codeOf(text string) (shop.Code, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return shop.Code{}, fmt.Errorf("draw a QR code: %w", err)
	}
	size := code.Bounds().Dx()
	var path strings.Builder
	for y := range size {
		for x := 0; x < size; x++ {
			from := x
			for x < size && dark(code, x, y) {
				x++
			}
			if x > from {
				_, _ = fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from, y, x-from, x-from)
			}
		}
	}
	return shop.Code{Size: size, Path: path.String()}, nil
}

func dark(code image.Image, x, y int) bool {
	return color.GrayModel.Convert(code.At(x, y)) == color.Gray{}
}
