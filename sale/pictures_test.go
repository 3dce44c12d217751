package sale

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func picture(id string) Image {
	return Image{ID: id, Alt: "shows " + id, Sources: []Source{{id + "-400", 400, 300}, {id + "-800", 800, 600}, {id + "-1600", 1600, 1200}}}
}

func ids(i Images) string {
	var list []string
	for _, one := range i.Uploaded() {
		list = append(list, one.ID)
	}
	return strings.Join(list, " ")
}

func with(t *testing.T, i Images, list ...string) Images {
	t.Helper()
	for _, id := range list {
		var err error
		if i, err = i.With(picture(id)); err != nil {
			t.Fatal(err)
		}
	}
	return i
}

func TestImagesOfAProduct(t *testing.T) {
	t.Parallel()
	drawn := Image{URL: "/static/front.svg", Alt: "front"}
	before := Images{Main: drawn, Thumbnails: []Image{drawn}, Gallery: []Image{drawn}}
	i := with(t, before, "a", "b", "c", "b")
	if ids(i) != "a b c" || len(i.Gallery) != 3 || len(i.Thumbnails) != 3 {
		t.Fatalf("%+v", i)
	}
	if m := i.Main; m.URL != "a-800" || m.Width != 800 || m.Height != 600 || i.Gallery[0].URL != m.URL || i.Thumbnails[2].URL != "c-400" || i.Thumbnails[2].Width != 400 {
		t.Errorf("the main picture is %+v, the last thumbnail %+v", m, i.Thumbnails[2])
	}
	if ids(before) != "" || before.Main.URL != "/static/front.svg" {
		t.Error("the images of before have changed")
	}
	i, err := i.Arranged([]string{"c", "a", "b"})
	if err != nil || ids(i) != "c a b" || i.Main.ID != "c" {
		t.Errorf("arranged: %q, main %q (%v)", ids(i), i.Main.ID, err)
	}
	for _, wrong := range [][]string{nil, {"c", "a"}, {"c", "a", "a"}, {"c", "a", "b", "b"}, {"c", "a", "x"}, {"c", "a", ""}} {
		if got, err := i.Arranged(wrong); err == nil || ids(got) != "c a b" {
			t.Errorf("%q is an order: %q", wrong, ids(got))
		}
	}
	i, err = i.Described("a", "another text")
	if one, _ := i.Picture("a"); err != nil || one.Alt != "another text" || i.Thumbnails[1].Alt != "another text" {
		t.Errorf("%+v (%v)", one, err)
	}
	if i, err = i.Without("c"); err != nil || ids(i) != "a b" || i.Main.ID != "a" {
		t.Errorf("without: %q (%v)", ids(i), err)
	}
	for _, id := range []string{"c", ""} {
		_, gone := i.Without(id)
		_, undescribed := i.Described(id, "x")
		if !errors.Is(gone, ErrNoPicture) || !errors.Is(undescribed, ErrNoPicture) {
			t.Errorf("%q: %v, %v", id, gone, undescribed)
		}
	}
	i, _ = i.Without("a")
	if i, err = i.Without("b"); err != nil || i.Main.URL != "" || i.Gallery == nil {
		t.Errorf("the last one gone: %+v (%v)", i, err)
	}
}

func TestAProductHasAtMostTwelvePictures(t *testing.T) {
	t.Parallel()
	var i Images
	for n := range MaxPictures {
		i = with(t, i, fmt.Sprint("p", n))
	}
	if _, err := i.With(picture("more")); err == nil || !strings.Contains(err.Error(), "a sale has at most 12 pictures") {
		t.Error(err)
	}
}

func TestTextsOfPictures(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"": true, "A lamp & its <shade>": true, "مصباح": true, strings.Repeat("ü", MaxAlt): true,
		strings.Repeat("ü", MaxAlt+1): false, "two\nlines": false, "turned \u202e around": false, "\xff": false,
	} {
		if err := CheckAlt(text); (err == nil) != ok {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

// The version before reads the same column: it knows url and alt, and ignores the rest.
func TestImagesAreReadByTheVersionBefore(t *testing.T) {
	t.Parallel()
	raw, err := json.Marshal(with(t, Images{}, "a", "b"))
	if err != nil {
		t.Fatal(err)
	}
	type image struct{ URL, Alt string }
	var old struct {
		Main                image
		Thumbnails, Gallery []image
	}
	if err := json.Unmarshal(raw, &old); err != nil || old.Main != (image{"a-800", "shows a"}) || len(old.Gallery) != 2 || old.Thumbnails[1].URL != "b-400" {
		t.Errorf("%+v (%v)", old, err)
	}
	// And this one reads what that one has written.
	var i Images
	if err := json.Unmarshal([]byte(`{"main":{"url":"/x.svg","alt":"x"},"thumbnails":[],"gallery":[{"url":"/x.svg","alt":"x"}]}`), &i); err != nil || i.Main.URL != "/x.svg" || len(i.Uploaded()) != 0 {
		t.Errorf("%+v (%v)", i, err)
	}
	kept := Image{URL: "/x.svg", Alt: "x"}
	if raw, _ := json.Marshal(kept); string(raw) != `{"url":"/x.svg","alt":"x"}` {
		t.Errorf("%s", raw)
	}
	if slices.ContainsFunc(i.Gallery, func(one Image) bool { return one.ID != "" }) {
		t.Error("a picture has an id from nowhere")
	}
}
