package storefront

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"strconv"
	"strings"

	"flashsale/sale"
)

const (
	// MaxUpload is the largest file of a product's picture, in bytes.
	MaxUpload = 16 << 20
	// leastSide is the shortest that the longer side of a product's picture may be, in pixels.
	leastSide = 200
	// maxSize is the most that one size of a picture may weigh, in bytes. The table of product pictures says it too.
	maxSize = 3 << 20
	// picturesPath begins the addresses of product pictures.
	picturesPath = "/pictures/"
)

// ProductPicture is a picture of a product as it is served: upright, in up to three sizes, and without anything of its file but pixels.
//
// The sizes are JPEG, or PNG where the picture has transparent parts. WebP and AVIF are not written: the encoders for Go that are kept
// either compress without loss only, which makes photos larger than JPEG, or are C compiled to WebAssembly with a runtime that needs
// more memory than the picture.
type ProductPicture struct {
	// ID is a hash of all sizes, in hexadecimal digits.
	ID string
	// Sizes are those of the picture, the smallest first.
	Sizes []Size
}

// Size is a picture in one size.
type Size struct {
	// Kind is image/jpeg or image/png.
	Kind          string
	Width, Height int
	Body          []byte
}

// sides are the longer sides of the sizes that are made. The last one is the most that is served.
func sides() []int { return []int{400, 800, 1600} }

// NewProductPicture decodes the file of a picture and encodes what it shows, in as many sizes as it has pixels for. Error:
// *sale.PictureError.
//
// A call may need some hundred megabytes, and a second or two: the caller bounds how many there are at once.
func NewProductPicture(raw []byte) (*ProductPicture, error) {
	p, err := render(raw)
	if refused := (*refusal)(nil); errors.As(err, &refused) {
		return nil, &sale.PictureError{Field: "picture", Format: refused.format, Args: refused.args}
	}
	return p, err
}

func render(raw []byte) (*ProductPicture, error) {
	if len(raw) > MaxUpload {
		return nil, refuse("has %d bytes; it must have at most %d", len(raw), MaxUpload)
	}
	file, err := inspect(raw)
	if err != nil {
		return nil, err
	}
	switch w, h := file.width, file.height; {
	case max(w, h) < leastSide:
		return nil, refuse("has %d x %d pixels; its longer side must have at least %d", w, h, leastSide)
	case w > 4*h || h > 4*w:
		return nil, refuse("has %d x %d pixels; that is too long and thin", w, h)
	}
	largest := sides()[len(sides())-1]
	shown, err := file.within(largest, largest)
	if err != nil {
		return nil, err
	}
	p := &ProductPicture{}
	for _, side := range sidesOf(max(shown.Rect.Dx(), shown.Rect.Dy())) {
		w, h := fit(shown.Rect.Dx(), shown.Rect.Dy(), side, side)
		size, err := encodeSize(scaled(shown, w, h))
		if err != nil {
			return nil, err
		}
		p.Sizes = append(p.Sizes, size)
	}
	p.ID = idOf(p.Sizes)
	return p, nil
}

// sidesOf are the sides of the sizes of a picture whose longer side is that long. A size that hardly differs from the one below it is
// left out.
func sidesOf(longer int) (list []int) {
	for _, side := range sides() {
		side = min(side, longer)
		if len(list) == 0 || 4*side > 5*list[len(list)-1] {
			list = append(list, side)
		}
	}
	return list
}

func encodeSize(from *image.RGBA) (Size, error) {
	s := Size{Kind: "image/jpeg", Width: from.Rect.Dx(), Height: from.Rect.Dy()}
	var out bytes.Buffer
	var err error
	if from.Opaque() {
		err = jpeg.Encode(&out, from, &jpeg.Options{Quality: 82})
	} else {
		s.Kind = "image/png"
		err = png.Encode(&out, from)
	}
	if err != nil {
		return s, fmt.Errorf("cannot be encoded: %w", err)
	}
	if out.Len() > maxSize {
		return s, refuse("would weigh %d bytes on a page; it must be a simpler picture, or one without transparent parts", out.Len())
	}
	s.Body = out.Bytes()
	return s, nil
}

// idOf is a hash of the sizes, each with its length, so that no two pictures have one.
func idOf(sizes []Size) string {
	h := sha256.New()
	for _, s := range sizes {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(s.Body))))
		h.Write(s.Body)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Image is the picture as a product has it.
func (p *ProductPicture) Image(alt string) sale.Image {
	i := sale.Image{ID: p.ID, Alt: alt}
	for _, s := range p.Sizes {
		i.Sources = append(i.Sources, sale.Source{URL: picturesPath + p.ID + "-" + strconv.Itoa(s.Width) + extensionOf(s.Kind), Width: s.Width, Height: s.Height})
	}
	return i
}

// Weight is what all sizes weigh, in bytes.
func (p *ProductPicture) Weight() (bytes int) {
	for _, s := range p.Sizes {
		bytes += len(s.Body)
	}
	return bytes
}

func extensionOf(kind string) string {
	if kind == "image/png" {
		return ".png"
	}
	return ".jpg"
}

// PictureKey names one size of a picture.
type PictureKey struct {
	ID    string
	Width int
	// Kind is that of the file.
	Kind string
}

// ParsePictureName reads the last part of a picture's address, "<id>-<width>.jpg". It is false for what never is one.
func ParsePictureName(name string) (k PictureKey, ok bool) {
	base, ext, _ := strings.Cut(name, ".")
	id, width, _ := strings.Cut(base, "-")
	n, err := strconv.Atoi(width)
	switch ext {
	case "jpg":
		k.Kind = "image/jpeg"
	case "png":
		k.Kind = "image/png"
	}
	raw, notHex := hex.DecodeString(id)
	k.ID, k.Width = id, n
	ok = k.Kind != "" && err == nil && strconv.Itoa(n) == width && n > 0 && n <= sides()[len(sides())-1] &&
		notHex == nil && len(raw) == 16 && hex.EncodeToString(raw) == id
	return k, ok
}
