package storefront

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/png"
	"testing"
)

// bomb is the beginning of a PNG file that claims to be that large, and nothing else.
func bomb(w, h uint32) []byte {
	header := append([]byte("IHDR"), binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)...)
	header = append(header, 8, 6, 0, 0, 0)
	out := append([]byte("\x89PNG\r\n\x1a\n"), 0, 0, 0, 13)
	return binary.BigEndian.AppendUint32(append(out, header...), crc32.ChecksumIEEE(header))
}

// Nothing of a file but its pixels is served: not its name, its comments, or what is hidden behind its end.
func TestPicturesAreEncodedAgain(t *testing.T) {
	t.Parallel()
	raw := append(pngFile(t, 64, 64), []byte("<script>alert(1)</script>")...)
	p, err := newPicture("icon", raw)
	must(t, err)
	if bytes.Contains(p.Body, []byte("script")) {
		t.Error("what follows the picture is kept")
	}
	if _, err := png.Decode(bytes.NewReader(p.Body)); err != nil {
		t.Error(err)
	}
}

func TestPicturesAreMadeSmallAndKeepTransparency(t *testing.T) {
	t.Parallel()
	p, err := newPicture("logo", pngFile(t, 1000, 200))
	must(t, err)
	m, err := png.Decode(bytes.NewReader(p.Body))
	must(t, err)
	if size := m.Bounds().Size(); size != (image.Point{400, 80}) || p.Width != 400 || p.Height != 80 {
		t.Errorf("the logo is %v, %d x %d", size, p.Width, p.Height)
	}
	if _, _, _, a := m.At(10, 10).RGBA(); a != 0 {
		t.Errorf("the left half has opacity %d", a)
	}
	// Its edge is red and partly transparent at most, never darker: transparent pixels have no colour.
	if r, g, _, a := m.At(390, 10).RGBA(); a != 0xffff || r>>8 != 200 || g != 0 {
		t.Errorf("the right half is %d %d %d", r>>8, g, a)
	}
}

func TestFit(t *testing.T) {
	t.Parallel()
	for _, c := range [][6]int{{100, 50, 480, 80, 100, 50}, {960, 120, 480, 80, 480, 60}, {160, 160, 480, 80, 80, 80}, {1200, 1200, 1200, 1200, 1200, 1200}, {5, 2000, 480, 80, 1, 80}} {
		if w, h := fit(c[0], c[1], c[2], c[3]); w != c[4] || h != c[5] {
			t.Errorf("%v: %d x %d", c, w, h)
		}
	}
}

// FuzzPicture: whatever a file holds, it is refused or becomes a picture within the bounds.
func FuzzPicture(f *testing.F) {
	f.Add(pngFile(f, 64, 64))
	f.Add(jpegFile(f, 64, 64))
	f.Add(bomb(60000, 60000))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := newPicture("icon", raw)
		if err != nil {
			return
		}
		if p.Width != p.Height || p.Width > 192 || len(p.Body) > maxServed {
			t.Errorf("%s", p)
		}
	})
}
