package storefront

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/color/palette"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"runtime"
	"strings"
	"testing"

	"flashsale/sale"
)

// halves is a picture whose upper half is red and whose lower half is blue.
func halves(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(m, image.Rect(0, 0, w, h/2), image.NewUniform(color.RGBA{R: 220, A: 255}), image.Point{}, draw.Src)
	draw.Draw(m, image.Rect(0, h/2, w, h), image.NewUniform(color.RGBA{B: 220, A: 255}), image.Point{}, draw.Src)
	return m
}

func halvesFile(t testing.TB, w, h int) []byte {
	t.Helper()
	var out bytes.Buffer
	must(t, jpeg.Encode(&out, halves(w, h), nil))
	return out.Bytes()
}

// behindStart puts a segment of a JPEG directly behind its start.
func behindStart(file []byte, marker byte, body []byte) []byte {
	segment := binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(body)+2))
	return bytes.Join([][]byte{file[:2], segment, body, file[2:]}, nil)
}

// held says in EXIF how the camera was held, with a place and the name of its owner beside it.
func held(file []byte, orientation byte) []byte {
	exif := []byte("Exif\x00\x00II*\x00\x08\x00\x00\x00\x02\x00" +
		"\x12\x01\x03\x00\x01\x00\x00\x00" + string(orientation) + "\x00\x00\x00" +
		"\x0e\x01\x02\x00\x12\x00\x00\x00\x26\x00\x00\x00" + "\x00\x00\x00\x00" + "52.5N 13.4E secret\x00")
	return behindStart(file, 0xe1, exif)
}

func decoded(t testing.TB, s Size) image.Image {
	t.Helper()
	m, kind, err := image.Decode(bytes.NewReader(s.Body))
	must(t, err)
	if b := m.Bounds(); b.Dx() != s.Width || b.Dy() != s.Height || "image/"+kind != s.Kind {
		t.Fatalf("a size says %s %d x %d and is %s %v", s.Kind, s.Width, s.Height, kind, b)
	}
	return m
}

func made(t testing.TB, raw []byte) *ProductPicture {
	t.Helper()
	p, err := NewProductPicture(raw)
	must(t, err)
	return p
}

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

// A phone keeps a photo as its sensor saw it and says in EXIF how it was held.
func TestAPictureIsTurnedUpright(t *testing.T) {
	t.Parallel()
	// Where the red half of the file is once the picture is upright: at the top, at the right, and so on.
	for turn, red := range map[byte]image.Point{0: {200, 20}, 1: {200, 20}, 2: {200, 20}, 3: {200, 280}, 4: {200, 280}, 5: {20, 200}, 6: {280, 200}, 7: {280, 200}, 8: {20, 200}, 9: {200, 20}} {
		p := made(t, held(halvesFile(t, 400, 300), turn))
		s := p.Sizes[0]
		if wide := turn < 5 || turn > 8; wide != (s.Width == 400 && s.Height == 300) {
			t.Errorf("orientation %d is %d x %d", turn, s.Width, s.Height)
			continue
		}
		m := decoded(t, s)
		if r, _, b, _ := m.At(red.X, red.Y).RGBA(); r < b {
			t.Errorf("orientation %d: the red half is not at %v", turn, red)
		}
		if r, _, b, _ := m.At(s.Width-1-red.X, s.Height-1-red.Y).RGBA(); b < r {
			t.Errorf("orientation %d: the blue half is not opposite to %v", turn, red)
		}
	}
}

// Nothing of a file but its pixels is served, whatever else it is at the same time.
func TestAPolyglotLosesEverythingButItsPixels(t *testing.T) {
	t.Parallel()
	const html, script = "<html><script>alert(document.cookie)</script></html>", "*/=1;alert(document.cookie)//"
	plain := halvesFile(t, 400, 300)
	var moving bytes.Buffer
	must(t, gif.Encode(&moving, halves(400, 300), nil))
	files := map[string][]byte{
		"a JPEG with a page in its comment": behindStart(plain, 0xfe, []byte(html)),
		"a JPEG with a page behind its end": append(bytes.Clone(plain), html...),
		"a JPEG with a place and a name":    held(plain, 1),
		"a JPEG with an archive":            append(behindStart(plain, 0xe2, []byte("ICC_PROFILE\x00\x01\x01"+html)), "PK\x03\x04"...),
		"a GIF that is a script":            append(bytes.Clone(moving.Bytes()), script...),
		"a PNG with a page behind its end":  append(pngFile(t, 400, 300), html...),
	}
	rose, err := os.ReadFile("testdata/rose.webp")
	must(t, err)
	files["a WebP with a page behind its end"] = append(rose, html...)
	for name, raw := range files {
		for _, s := range made(t, raw).Sizes {
			for _, trace := range []string{"script", "alert", "html", "cookie", "secret", "Exif", "ICC", "PK\x03\x04"} {
				if bytes.Contains(s.Body, []byte(trace)) {
					t.Errorf("%s: %q is served", name, trace)
				}
			}
		}
	}
	if a, b := made(t, plain), made(t, files["a JPEG with a page in its comment"]); a.ID != b.ID {
		t.Error("the same pixels are two pictures")
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	rose, err := os.ReadFile("testdata/rose.webp")
	must(t, err)
	webp := made(t, rose)
	if s := webp.Sizes[0]; s.Kind != "image/png" || s.Width != 400 || s.Height != 301 {
		t.Errorf("a transparent WebP becomes %s %d x %d", s.Kind, s.Width, s.Height)
	}
	// Of ten thousand pictures that move the first is taken, and the others are not decoded.
	frame := image.NewPaletted(image.Rect(0, 0, 400, 300), palette.WebSafe)
	film := &gif.GIF{Image: []*image.Paletted{frame}, Delay: []int{0}, Config: image.Config{Width: 400, Height: 300, ColorModel: color.Palette(palette.WebSafe)}}
	dot := image.NewPaletted(image.Rect(0, 0, 1, 1), color.Palette{color.Black, color.White})
	for range 9_999 {
		film.Image, film.Delay = append(film.Image, dot), append(film.Delay, 0)
	}
	var out bytes.Buffer
	must(t, gif.EncodeAll(&out, film))
	if p := made(t, out.Bytes()); len(p.Sizes) != 1 || p.Sizes[0].Kind != "image/jpeg" {
		t.Errorf("a film becomes %d sizes", len(p.Sizes))
	}
	// Metadata that fills all the room a JPEG has for it.
	huge := held(halvesFile(t, 400, 300), 6)
	for range 100 {
		huge = behindStart(huge, 0xe1, append([]byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff"), bytes.Repeat([]byte{1}, 60_000)...))
	}
	if p := made(t, huge); len(p.Sizes) != 1 {
		t.Error("a JPEG with six megabytes of metadata has lost its picture")
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

// progressive makes of a JPEG one that claims to be progressive, without subsampling, and that large.
func progressive(file []byte, side uint16) []byte {
	out := bytes.Clone(file)
	at := bytes.Index(out, []byte{0xff, 0xc0})
	out[at+1] = 0xc2
	binary.BigEndian.PutUint16(out[at+5:], side)
	binary.BigEndian.PutUint16(out[at+7:], side)
	out[at+11] = 0x11
	scan := bytes.Index(out, []byte{0xff, 0xda})
	out[scan+12] = 0 // the scan has the first coefficient of each block
	return out
}

// mostMemory is what one picture may allocate in all while it is made. What it needs at one moment is less.
const mostMemory = 400 << 20

func allocated(of func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	of()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
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

// Whatever a file holds, it is refused or becomes a picture within the bounds, and never costs more memory than the largest.
func FuzzProductPicture(f *testing.F) {
	rose, err := os.ReadFile("testdata/rose.webp")
	must(f, err)
	var moving bytes.Buffer
	must(f, gif.Encode(&moving, halves(200, 150), nil))
	for _, seed := range [][]byte{rose, moving.Bytes(), pngFile(f, 200, 150), held(halvesFile(f, 200, 150), 6), progressive(halvesFile(f, 200, 150), 200), bomb(60_000, 60_000)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var p *ProductPicture
		var err error
		n := allocated(func() { p, err = NewProductPicture(raw) })
		if n > 2*mostMemory { // other tests may run meanwhile
			t.Errorf("allocates %d MB", n>>20)
		}
		if err != nil {
			return
		}
		for _, s := range p.Sizes {
			if s.Width < 1 || s.Width > 1600 || s.Height < 1 || s.Height > 1600 || len(s.Body) > maxSize {
				t.Errorf("a size is %d x %d with %d bytes", s.Width, s.Height, len(s.Body))
			}
		}
	})
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
