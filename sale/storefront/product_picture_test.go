package storefront

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/color/palette"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"os"
	"runtime"
	"testing"
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
