package storefront

import (
	"bytes"
	"image"

	"github.com/bep/imagemeta"
	"golang.org/x/image/draw"
	"golang.org/x/image/math/f64"
)

// orientation is how a camera was held, as EXIF numbers it: 1 is upright, 5 to 8 lie on their side. 0 is a file that does not say.
type orientation int

// orientationOf reads it from a file. A file whose metadata cannot be read is upright.
func orientationOf(raw []byte, of imagemeta.ImageFormat) (found orientation) {
	if of == imagemeta.ImageFormatAuto {
		return 0
	}
	_, _ = imagemeta.Decode(imagemeta.Options{
		R: bytes.NewReader(raw), ImageFormat: of, Sources: imagemeta.EXIF, LimitNumTags: maxTags,
		ShouldHandleTag: func(tag imagemeta.TagInfo) bool { return tag.Namespace == "IFD0" && tag.Tag == "Orientation" },
		HandleTag: func(tag imagemeta.TagInfo) error {
			if n, ok := tag.Value.(uint16); ok && n >= 1 && n <= 8 {
				found = orientation(n)
			}
			return imagemeta.ErrStopWalking
		},
	})
	return found
}

// sideways is true when width and height of the upright picture are changed over.
func (o orientation) sideways() bool { return o >= 5 }

// upright turns a picture as it is to be seen.
func (o orientation) upright(from *image.RGBA) *image.RGBA {
	if o <= 1 {
		return from
	}
	w, h := from.Rect.Dx(), from.Rect.Dy()
	x, y := float64(w), float64(h)
	to := image.Rect(0, 0, w, h)
	if o.sideways() {
		to = image.Rect(0, 0, h, w)
	}
	// Where a point (x, y) goes: x' = ax + by + c, y' = dx + ey + f.
	matrix := [...]f64.Aff3{
		2: {-1, 0, x, 0, 1, 0}, 3: {-1, 0, x, 0, -1, y}, 4: {1, 0, 0, 0, -1, y},
		5: {0, 1, 0, 1, 0, 0}, 6: {0, -1, y, 1, 0, 0}, 7: {0, -1, y, -1, 0, x}, 8: {0, 1, 0, -1, 0, x},
	}[o]
	turned := image.NewRGBA(to)
	draw.NearestNeighbor.Transform(turned, matrix, from, from.Rect, draw.Src, nil)
	return turned
}
