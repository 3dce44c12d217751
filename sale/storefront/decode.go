package storefront

import (
	"bytes"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"slices"

	"github.com/bep/imagemeta"
	"golang.org/x/image/webp"
)

const (
	// maxSide and maxPixels bound what is decoded. 16 million pixels are 64 MB of memory as they are worked with; the largest that a
	// decoder needs for them is about four times that, for a progressive JPEG without subsampling.
	maxSide   = 8192
	maxPixels = 16 << 20
	// maxTags bounds how many fields of a file's metadata are looked at for its orientation.
	maxTags = 500
	// webpMoves is the flag of a WebP file that is animated.
	webpMoves = 1 << 1
)

// file is the file of a picture whose header was read, and nothing else. Width and height are those of the upright picture.
type file struct {
	raw           []byte
	kind          kind
	width, height int
	turn          orientation
}

// kind is a format that is read.
type kind struct {
	header func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
	// meta is where the format keeps its orientation; zero for one that has none.
	meta imagemeta.ImageFormat
}

// inspect tells what a file holds, by its contents and not by its name, and refuses what is too large to be decoded.
func inspect(raw []byte) (file, error) {
	f := file{raw: raw}
	var err error
	if f.kind, err = kindOf(raw); err != nil {
		return f, err
	}
	header, err := guarded(func() (image.Config, error) { return f.kind.header(bytes.NewReader(raw)) })
	if err != nil {
		return f, err
	}
	switch w, h := header.Width, header.Height; {
	case w < 1 || h < 1:
		return f, refuse("has no pixels")
	case w > maxSide || h > maxSide || w*h > maxPixels:
		return f, refuse("has %d x %d pixels; it must have at most %d a side and %d in all", w, h, maxSide, maxPixels)
	}
	f.width, f.height, f.turn = header.Width, header.Height, orientationOf(raw, f.kind.meta)
	if f.turn.sideways() {
		f.width, f.height = f.height, f.width
	}
	return f, nil
}

// within decodes the picture and gives it upright, in the largest size of its shape that fits.
func (f *file) within(width, height int) (*image.RGBA, error) {
	decoded, err := guarded(func() (image.Image, error) { return f.kind.decode(bytes.NewReader(f.raw)) })
	if err != nil {
		return nil, err
	}
	b := decoded.Bounds()
	if b.Empty() {
		return nil, refuse("has no pixels")
	}
	if f.turn.sideways() {
		width, height = height, width
	}
	w, h := fit(b.Dx(), b.Dy(), width, height)
	return f.turn.upright(scaled(decoded, w, h)), nil
}

// refusal is why a picture is not taken: a sentence without its subject, in parts, so that it can be said in another language.
type refusal struct {
	format string
	args   []any
}

func (r *refusal) Error() string { return fmt.Sprintf(r.format, r.args...) }

func refuse(format string, args ...any) error { return &refusal{format, args} }

// guarded calls a decoder. One that panics has met a damaged file, as one that fails has.
func guarded[T any](decode func() (T, error)) (made T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = refuse("is damaged: %s", fmt.Sprint(p))
		}
	}()
	if made, err = decode(); err != nil {
		return made, refuse("is damaged: %s", err.Error())
	}
	return made, nil
}

// kindOf goes by how the file begins. Of a GIF the first picture is decoded.
func kindOf(raw []byte) (kind, error) {
	begins := func(with string) bool { return bytes.HasPrefix(raw, []byte(with)) }
	brand := func(list ...string) bool {
		return len(raw) >= 12 && string(raw[4:8]) == "ftyp" && slices.Contains(list, string(raw[8:12]))
	}
	switch {
	case begins("\x89PNG\r\n\x1a\n"):
		return kind{png.DecodeConfig, png.Decode, imagemeta.PNG}, nil
	case begins("\xff\xd8\xff"):
		return kind{jpeg.DecodeConfig, jpeg.Decode, imagemeta.JPEG}, nil
	case begins("RIFF") && len(raw) > 20 && string(raw[8:16]) == "WEBPVP8X" && raw[20]&webpMoves != 0:
		return kind{}, refuse("is an animated WebP; give one picture of it")
	case begins("RIFF") && len(raw) >= 12 && string(raw[8:12]) == "WEBP":
		return kind{webp.DecodeConfig, webp.Decode, imagemeta.WebP}, nil
	case begins("GIF87a"), begins("GIF89a"):
		return kind{header: gif.DecodeConfig, decode: gif.Decode}, nil
	case bytes.Contains(raw[:min(len(raw), 1024)], []byte("<svg")):
		return kind{}, refuse("is an SVG, which can hold scripts; give it as PNG or JPEG")
	case brand("avif", "avis"):
		return kind{}, refuse("is an AVIF file; give it as PNG, JPEG or WebP")
	case brand("heic", "heix", "mif1", "msf1", "heim", "heis"):
		return kind{}, refuse("is a HEIC file, as some phones keep their photos; give it as JPEG or PNG")
	}
	return kind{}, refuse("is neither a PNG, a JPEG, a WebP nor a GIF file")
}
