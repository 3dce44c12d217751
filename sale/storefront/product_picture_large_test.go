//go:build !race

// These tests compute for long in one goroutine, in which the race detector finds nothing and makes each of them ten times as long.

package storefront

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/png"
	"strings"
	"testing"

	"flashsale/sale"
)

func TestAPictureIsMadeInAsManySizesAsItHasPixelsFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		w, h int
		want [][2]int
	}{
		{2000, 1500, [][2]int{{400, 300}, {800, 600}, {1600, 1200}}},
		{1500, 2000, [][2]int{{300, 400}, {600, 800}, {1200, 1600}}},
		{1000, 750, [][2]int{{400, 300}, {800, 600}}},
		{1100, 550, [][2]int{{400, 200}, {800, 400}, {1100, 550}}},
		{300, 200, [][2]int{{300, 200}}},
	} {
		p := made(t, halvesFile(t, c.w, c.h))
		var got [][2]int
		for _, s := range p.Sizes {
			decoded(t, s)
			got = append(got, [2]int{s.Width, s.Height})
		}
		if len(got) != len(c.want) {
			t.Errorf("%d x %d is made in %v", c.w, c.h, got)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%d x %d is made in %v, want %v", c.w, c.h, got, c.want)
			}
		}
	}
}

func TestRefusedFilesOfPictures(t *testing.T) {
	t.Parallel()
	whole := halvesFile(t, 800, 600)
	large := bytes.Clone(whole)
	at := bytes.Index(large, []byte{0xff, 0xc0}) // SOF0: its length, its precision, then height and width
	binary.BigEndian.PutUint16(large[at+5:], 10_000)
	binary.BigEndian.PutUint16(large[at+7:], 10_000)
	noise := image.NewNRGBA(image.Rect(0, 0, 1100, 1100))
	for i, seed := 0, uint32(1); i < len(noise.Pix); i++ {
		seed = seed*1664525 + 1013904223
		noise.Pix[i] = byte(seed >> 24)
	}
	var heavy bytes.Buffer
	must(t, (&png.Encoder{CompressionLevel: png.NoCompression}).Encode(&heavy, noise))
	for name, c := range map[string]struct {
		raw  []byte
		says string
	}{
		"nothing":                   {nil, "is neither a PNG, a JPEG, a WebP nor a GIF file"},
		"a page":                    {[]byte("<html></html>"), "is neither a PNG"},
		"an SVG with a script":      {[]byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>`), "is an SVG, which can hold scripts"},
		"an SVG behind a comment":   {[]byte("<!--" + strings.Repeat("x", 2000) + `--><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), "is neither a PNG"},
		"an SVG behind a mark":      {[]byte("\xef\xbb\xbf <!DOCTYPE svg><svg onload=alert(1)>"), "is an SVG"},
		"a packed SVG":              {[]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00"), "is neither a PNG"},
		"an AVIF":                   {[]byte("\x00\x00\x00\x20ftypavif\x00\x00\x00\x00"), "is an AVIF file; give it as PNG, JPEG or WebP"},
		"a HEIC":                    {[]byte("\x00\x00\x00\x20ftypheic\x00\x00\x00\x00"), "is a HEIC file"},
		"an animated WebP":          {[]byte("RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00"), "is an animated WebP"},
		"a PNG that claims much":    {bomb(60_000, 60_000), "has 60000 x 60000 pixels; it must have at most"},
		"a PNG of no pixels":        {bomb(0, 60_000), "is damaged"},
		"100 megapixels of a JPEG":  {large, "has 10000 x 10000 pixels; it must have at most 8192 a side and 16777216 in all"},
		"half of a JPEG":            {whole[:len(whole)/2], "is damaged"},
		"the start of a GIF":        {[]byte("GIF89a\x20\x03\x58\x02\x00\x00\x00"), "is damaged"},
		"a GIF that claims much":    {[]byte("GIF89a\xff\xff\xff\xff\x00\x00\x00"), "has 65535 x 65535 pixels"},
		"a WebP that claims much":   {[]byte("RIFF\xff\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x10\x00\x00\x00\xff\x3f\x00\xff\x3f\x00"), "has 16384 x 16384 pixels"},
		"a PNG that inflates":       {inflating(t, 400, 300, 4096), "is damaged"},
		"a small one":               {halvesFile(t, 199, 150), "has 199 x 150 pixels; its longer side must have at least 200"},
		"a thin one":                {halvesFile(t, 1000, 200), "has 1000 x 200 pixels; that is too long and thin"},
		"more bytes than it may":    {make([]byte, MaxUpload+1), "has 16777217 bytes; it must have at most 16777216"},
		"transparent noise":         {heavy.Bytes(), "would weigh"},
		"a film without a picture":  {[]byte("GIF89a\x20\x03\x58\x02\x00\x00\x00;"), "is damaged"},
		"a JPEG that never starts":  {[]byte("\xff\xd8\xff\xd9"), "is damaged"},
		"a WebP that has no chunks": {[]byte("RIFF\x04\x00\x00\x00WEBP"), "is damaged"},
	} {
		_, err := NewProductPicture(c.raw)
		if refused := (*sale.PictureError)(nil); !errors.As(err, &refused) || refused.Field != "picture" || !strings.Contains(err.Error(), "picture "+c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// inflating is a small file of a PNG with 16 bits a colour, whose pixels are side x side zeros, and whose header says w x h.
func inflating(t testing.TB, w, h uint32, side int) []byte {
	t.Helper()
	var packed bytes.Buffer
	z, err := zlib.NewWriterLevel(&packed, zlib.BestSpeed)
	must(t, err)
	line := make([]byte, 1+8*side)
	for range side {
		_, err := z.Write(line)
		must(t, err)
	}
	must(t, z.Close())
	file := bomb(w, h)
	header := file[12:] // the chunk IHDR with its checksum
	header[12] = 16
	binary.BigEndian.PutUint32(header[17:], crc32.ChecksumIEEE(header[:17]))
	for _, chunk := range []struct {
		name string
		body []byte
	}{{"IDAT", packed.Bytes()}, {"IEND", nil}} {
		whole := append([]byte(chunk.name), chunk.body...)
		file = append(binary.BigEndian.AppendUint32(file, uint32(len(chunk.body))), whole...)
		file = binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(whole))
	}
	return file
}

// The largest files that are decoded at all, and those that pretend: not parallel, because it counts what the process allocates.
func TestAPictureNeedsABoundedMemory(t *testing.T) { //nolint:paralleltest // see above
	for name, raw := range map[string][]byte{
		"16 million pixels":             halvesFile(t, 4096, 4096),
		"16 million deep pixels":        inflating(t, 4096, 4096, 4096),
		"a progressive one":             progressive(halvesFile(t, 64, 64), 4096),
		"a header of 100 megapixels":    bomb(10_000, 10_000),
		"much more pixels than it says": inflating(t, 400, 300, 4096),
	} {
		if n := allocated(func() { _, _ = NewProductPicture(raw) }); n > mostMemory {
			t.Errorf("%s allocates %d MB", name, n>>20)
		} else {
			t.Logf("%s allocates %d MB", name, n>>20)
		}
	}
}

func TestAddressesOfPictures(t *testing.T) {
	t.Parallel()
	p := made(t, halvesFile(t, 2000, 1500))
	i := p.Image("Two halves")
	if len(i.Sources) != 3 || i.Alt != "Two halves" || i.ID != p.ID {
		t.Fatalf("%+v", i)
	}
	for at, s := range i.Sources {
		k, ok := ParsePictureName(strings.TrimPrefix(s.URL, picturesPath))
		if want := (PictureKey{p.ID, p.Sizes[at].Width, "image/jpeg"}); !ok || k != want {
			t.Errorf("%s is %+v", s.URL, k)
		}
	}
	for _, wrong := range []string{
		"", "x", p.ID, p.ID + "-400", p.ID + "-400.gif", p.ID + "-0.jpg", p.ID + "-1601.jpg", p.ID + "-0400.jpg", p.ID + "-+400.jpg", p.ID + "-400.jpg.png",
		strings.ToUpper(p.ID) + "-400.jpg", p.ID[2:] + "-400.jpg", p.ID + "00-400.jpg", "../" + p.ID + "-400.jpg", p.ID + "-99999999999999999999.jpg", p.ID + "-400-800.jpg",
	} {
		if k, ok := ParsePictureName(wrong); ok {
			t.Errorf("%q is %+v", wrong, k)
		}
	}
}
