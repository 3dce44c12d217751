package storefront

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"testing"
	"testing/fstest"
	"time"

	"flashsale/app/embedded/embeddedtest"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// drawn is a picture whose left half is transparent and whose right half is red.
func drawn(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := w / 2; x < w; x++ {
			m.Set(x, y, color.NRGBA{R: 200, A: 255})
		}
	}
	return m
}

func pngFile(t testing.TB, w, h int) []byte {
	t.Helper()
	var out bytes.Buffer
	must(t, png.Encode(&out, drawn(w, h)))
	return out.Bytes()
}

func jpegFile(t testing.TB, w, h int) []byte {
	t.Helper()
	var out bytes.Buffer
	must(t, jpeg.Encode(&out, drawn(w, h), nil))
	return out.Bytes()
}

// complete is a file with everything that a brand can have.
const complete = `{"name": "Nordlicht", "logo": "logo.png", "icon": "pictures/icon.png", "share": "share.jpg",
	"accent": "#0b4fd8", "surface": "#f7f9fc", "ink": "#10131a", "accentText": "#FFFFFF", "font": "inter",
	"links": {"contact": "https://example.com/contact?a=b#c", "terms": "/terms"},
	"texts": {"upcoming": "Doors open at noon & not before.", "sold-out": "All gone.", "active": "Go!", "paused": "One moment.", "ended": "Until spring."}}`

func pictures(t testing.TB) fstest.MapFS {
	t.Helper()
	return fstest.MapFS{
		"logo.png": {Data: pngFile(t, 960, 120)}, "pictures/icon.png": {Data: pngFile(t, 512, 512)}, "share.jpg": {Data: jpegFile(t, 2400, 1260)},
	}
}

func completeBrand(t testing.TB) *Brand {
	t.Helper()
	b, err := Read([]byte(complete), pictures(t))
	must(t, err)
	return b
}
