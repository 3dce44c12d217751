package storefront

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io/fs"
)

const (
	// maxPictureFile is the largest file of a picture that is read, in bytes.
	maxPictureFile = 8 << 20
	// maxSide and maxPixels bound what is decoded: 16 million pixels are 64 MB of memory.
	maxSide   = 8192
	maxPixels = 16 << 20
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
	kind, err := kindOf(raw)
	if err != nil {
		return nil, err
	}
	header, err := kind.header(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("is damaged: %w", err)
	}
	want := sizeOf(name)
	switch w, h := header.Width, header.Height; {
	case w > maxSide || h > maxSide || w*h > maxPixels:
		return nil, fmt.Errorf("has %d x %d pixels; it must have at most %d a side and %d in all", w, h, maxSide, maxPixels)
	case max(w, h) < want.least:
		return nil, fmt.Errorf("has %d x %d pixels; its longer side must have at least %d", w, h, want.least)
	case want.square && w != h:
		return nil, fmt.Errorf("has %d x %d pixels; it must be square", w, h)
	case w > 12*h || h > 4*w:
		return nil, fmt.Errorf("has %d x %d pixels; that is too long and thin", w, h)
	}
	decoded, err := kind.decode(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("is damaged: %w", err)
	}
	return encode(name, shrink(decoded, want.width, want.height))
}

// kind is a format that is read.
type kind struct {
	header func(*bytes.Reader) (image.Config, error)
	decode func(*bytes.Reader) (image.Image, error)
}

// kindOf goes by the contents, not by the name of a file.
func kindOf(raw []byte) (kind, error) {
	switch {
	case bytes.HasPrefix(raw, []byte("\x89PNG\r\n\x1a\n")):
		return kind{
			func(r *bytes.Reader) (image.Config, error) { return png.DecodeConfig(r) },
			func(r *bytes.Reader) (image.Image, error) { return png.Decode(r) },
		}, nil
	case bytes.HasPrefix(raw, []byte("\xff\xd8\xff")):
		return kind{
			func(r *bytes.Reader) (image.Config, error) { return jpeg.DecodeConfig(r) },
			func(r *bytes.Reader) (image.Image, error) { return jpeg.Decode(r) },
		}, nil
	case bytes.Contains(raw[:min(len(raw), 1024)], []byte("<svg")):
		return kind{}, errors.New("is an SVG, which can hold scripts; give it as PNG or JPEG")
	}
	return kind{}, errors.New("is neither a PNG nor a JPEG file")
}

// shrink makes a picture fit, and keeps its shape. Each pixel is the mean of those that it stands for.
func shrink(from image.Image, width, height int) *image.NRGBA {
	b := from.Bounds()
	source := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(source, source.Bounds(), from, b.Min, draw.Src)
	w, h := fit(b.Dx(), b.Dy(), width, height)
	to := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			to.Set(x, y, mean(source, image.Rect(x*b.Dx()/w, y*b.Dy()/h, (x+1)*b.Dx()/w, (y+1)*b.Dy()/h)))
		}
	}
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

// mean of pixels whose colours are multiplied by their opacity already, as transparent ones must not count.
func mean(of *image.RGBA, area image.Rectangle) color.RGBA {
	var r, g, b, a, n int
	for y := area.Min.Y; y < area.Max.Y; y++ {
		line := of.Pix[of.PixOffset(area.Min.X, y) : of.PixOffset(area.Max.X-1, y)+4]
		for i := 0; i < len(line); i += 4 {
			r, g, b, a, n = r+int(line[i]), g+int(line[i+1]), b+int(line[i+2]), a+int(line[i+3]), n+1
		}
	}
	round := func(sum int) uint8 { return uint8((sum + n/2) / n) }
	return color.RGBA{round(r), round(g), round(b), round(a)}
}

// encode writes PNG, and JPEG for a picture to share, which is a photo more often and which nobody shows transparent.
func encode(name string, from *image.NRGBA) (*Picture, error) {
	p := &Picture{Name: name, Kind: "image/png", Width: from.Bounds().Dx(), Height: from.Bounds().Dy()}
	var out bytes.Buffer
	var err error
	if name == "share" {
		p.Kind = "image/jpeg"
		opaque := image.NewRGBA(from.Bounds())
		draw.Draw(opaque, opaque.Bounds(), image.White, image.Point{}, draw.Src)
		draw.Draw(opaque, opaque.Bounds(), from, image.Point{}, draw.Over)
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
