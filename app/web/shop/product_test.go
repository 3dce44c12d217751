package shop

import (
	"regexp"
	"strings"
	"testing"

	"flashsale/sale"
)

func TestPresetLabels(t *testing.T) {
	t.Parallel()
	var got []string
	for _, p := range sale.Presets() {
		got = append(got, presetLabel(p))
	}
	if want := "Small (5), Medium (100), Large (1000), Extreme (10K)"; strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestProductShowsEachPictureOnceUnderItsHashedName(t *testing.T) {
	t.Parallel()
	front := sale.Image{URL: "/static/product/front.svg", Alt: "Front"}
	side := sale.Image{URL: "/static/product/side.svg", Alt: "Side"}
	v := productView(&sale.Product{Images: sale.Images{Main: front, Gallery: []sale.Image{front, side}}})
	hashed := regexp.MustCompile(`^/static/product/(front|side)\.[0-9a-f]{16}\.svg$`)
	if !hashed.MatchString(v.Picture.URL) || v.Picture.Alt != "Front" {
		t.Errorf("the picture is %+v", v.Picture)
	}
	if len(v.Thumbnails) != 1 || !hashed.MatchString(v.Thumbnails[0].URL) || v.Thumbnails[0].Alt != "Side" {
		t.Errorf("beside it are %+v", v.Thumbnails)
	}
	if v.Saved != "" || v.FullPrice != "" {
		t.Error("no discount is shown as one")
	}
}
