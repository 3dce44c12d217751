package storefront

import (
	"image"

	"golang.org/x/image/draw"
)

// scaled is a picture in a size that is not larger. It is halved as often as possible first: a kernel over a large picture needs more
// memory than the picture itself, and two halves of a size are the mean of their pixels either way.
func scaled(from image.Image, w, h int) *image.RGBA {
	for b := from.Bounds(); b.Dx() >= 2*w && b.Dy() >= 2*h; b = from.Bounds() {
		half := image.NewRGBA(image.Rect(0, 0, b.Dx()/2, b.Dy()/2))
		draw.ApproxBiLinear.Scale(half, half.Rect, from, b, draw.Src, nil)
		from = half
	}
	b := from.Bounds()
	if ready, ok := from.(*image.RGBA); ok && b == image.Rect(0, 0, w, h) {
		return ready
	}
	to := image.NewRGBA(image.Rect(0, 0, w, h))
	if b.Dx() == w && b.Dy() == h {
		draw.Draw(to, to.Rect, from, b.Min, draw.Src)
		return to
	}
	draw.CatmullRom.Scale(to, to.Rect, from, b, draw.Src, nil)
	return to
}

// fit is the largest size of the same shape within width and height that is not larger than it was.
func fit(w, h, width, height int) (int, int) {
	if w <= width && h <= height {
		return w, h
	}
	if w*height > h*width {
		return width, max(1, h*width/w)
	}
	return max(1, w*height/h), height
}
