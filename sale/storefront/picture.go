package storefront

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io/fs"
)

const (
	// maxPictureFile is the largest file of a picture that is read, in bytes.
	maxPictureFile = 8 << 20
	// maxServed is the most that one picture of a page may weigh, in bytes. The table of pictures says it too.
	maxServed = 1 << 20
)

// Picture is a picture as it is served.
type Picture struct {
	// Name is logo, icon or share.
	Name string
	// Kind is image/png or image/jpeg.
	Kind          string
	Width, Height int
	Body          []byte
}

// String describes a picture to an operator.
func (p *Picture) String() string {
	return fmt.Sprintf("%s: %s, %d x %d pixels, %d bytes", p.Name, p.Kind, p.Width, p.Height, len(p.Body))
}

// size is what a picture has to be, and is made.
type size struct {
	// least is the shortest that the longer side may be, and width and height are the most that is served.
	least, width, height int
	square               bool
}

func sizeOf(name string) size {
	switch name {
	case "icon":
		return size{least: 32, width: 192, height: 192, square: true}
	case "share":
		return size{least: 600, width: 1200, height: 1200}
	}
	return size{least: 28, width: 480, height: 80}
}

// readPicture reads a file and encodes what it shows again.
func readPicture(field, name string, dir fs.FS) (*Picture, error) {
	if !fs.ValidPath(name) {
		return nil, fmt.Errorf("%s is %.60q; it must be the path of a file beside the brand's, or below", field, name)
	}
	about, err := fs.Stat(dir, name)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", field, err)
	}
	if !about.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is %.60q, which is no file", field, name)
	}
	if about.Size() > maxPictureFile {
		return nil, fmt.Errorf("%s has %d bytes; it must have at most %d", field, about.Size(), maxPictureFile)
	}
	raw, err := fs.ReadFile(dir, name)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", field, err)
	}
	p, err := newPicture(field, raw)
	if err != nil {
		return nil, fmt.Errorf("%s %w", field, err)
	}
	return p, nil
}

// newPicture decodes a picture, makes it small enough and encodes it again. Its pixels are counted before they are decoded.
func newPicture(name string, raw []byte) (*Picture, error) {
	file, err := inspect(raw)
	if err != nil {
		return nil, err
	}
	want := sizeOf(name)
	switch w, h := file.width, file.height; {
	case max(w, h) < want.least:
		return nil, fmt.Errorf("has %d x %d pixels; its longer side must have at least %d", w, h, want.least)
	case want.square && w != h:
		return nil, fmt.Errorf("has %d x %d pixels; it must be square", w, h)
	case w > 12*h || h > 4*w:
		return nil, fmt.Errorf("has %d x %d pixels; that is too long and thin", w, h)
	}
	shown, err := file.within(want.width, want.height)
	if err != nil {
		return nil, err
	}
	return encode(name, shown)
}

// encode writes PNG, and JPEG for a picture to share, which is a photo more often and which nobody shows transparent.
func encode(name string, from *image.RGBA) (*Picture, error) {
	p := &Picture{Name: name, Kind: "image/png", Width: from.Bounds().Dx(), Height: from.Bounds().Dy()}
	var out bytes.Buffer
	var err error
	if name == "share" {
		p.Kind = "image/jpeg"
		opaque := image.NewRGBA(from.Bounds())
		draw.Draw(opaque, opaque.Bounds(), image.White, image.Point{}, draw.Src)
		draw.Draw(opaque, opaque.Bounds(), from, from.Bounds().Min, draw.Over)
		err = jpeg.Encode(&out, opaque, &jpeg.Options{Quality: 85})
	} else {
		err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, from)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot be encoded: %w", err)
	}
	if out.Len() > maxServed {
		return nil, fmt.Errorf("would weigh %d bytes on a page; it must be a simpler picture, of at most %d", out.Len(), maxServed)
	}
	p.Body = out.Bytes()
	return p, nil
}
