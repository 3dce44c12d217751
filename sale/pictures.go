package sale

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxPictures is how many pictures a product may have.
	MaxPictures = 12
	// MaxAlt is the longest text that says what a picture shows, in characters.
	MaxAlt = 200
	// shownWidth is the width of the size that is shown where only one address is possible.
	shownWidth = 800
)

// ErrNoPicture means that the product has no uploaded picture of that id.
var ErrNoPicture = errors.New("no such picture")

// PictureError is a picture, or a change of pictures, that is refused.
type PictureError struct {
	// Field is what is wrong: picture, alt or order.
	Field string
	// Format and Args make a sentence without its subject, as package fmt does; the subject is the field.
	Format string
	Args   []any
}

func (e *PictureError) Error() string { return e.Field + " " + fmt.Sprintf(e.Format, e.Args...) }

// Uploaded are the pictures that operators gave the product, in their order. The first is the main one.
func (i Images) Uploaded() []Image {
	return slices.DeleteFunc(slices.Clone(i.Gallery), func(one Image) bool { return one.ID == "" })
}

// Picture is the uploaded picture of that id.
func (i Images) Picture(id string) (Image, bool) {
	at := indexOf(i.Gallery, id)
	if id == "" || at < 0 {
		return Image{}, false
	}
	return i.Gallery[at], true
}

// With is the images with one more picture at their end. Pictures that were not uploaded give way to the first that is. A picture
// that is there already changes nothing.
func (i Images) With(picture Image) (Images, error) {
	list := i.Uploaded()
	if indexOf(list, picture.ID) >= 0 {
		return i, nil
	}
	if len(list) >= MaxPictures {
		return i, &PictureError{"picture", "is one too many: a sale has at most %d pictures", []any{MaxPictures}}
	}
	if err := CheckAlt(picture.Alt); err != nil {
		return i, err
	}
	return imagesOf(append(list, picture)), nil
}

// Without is the images without that picture. Error: ErrNoPicture.
func (i Images) Without(id string) (Images, error) {
	if _, there := i.Picture(id); !there {
		return i, ErrNoPicture
	}
	return imagesOf(slices.DeleteFunc(i.Uploaded(), func(one Image) bool { return one.ID == id })), nil
}

// Described is the images with another text for one picture. Error: ErrNoPicture, *PictureError.
func (i Images) Described(id, alt string) (Images, error) {
	list := i.Uploaded()
	at := indexOf(list, id)
	if at < 0 {
		return i, ErrNoPicture
	}
	if err := CheckAlt(alt); err != nil {
		return i, err
	}
	list[at].Alt = alt
	return imagesOf(list), nil
}

// Arranged is the images in another order, which names each uploaded picture once. Error: *PictureError.
func (i Images) Arranged(order []string) (Images, error) {
	list, arranged := i.Uploaded(), make([]Image, 0, len(order))
	for _, id := range order {
		at := indexOf(list, id)
		if at < 0 || indexOf(arranged, id) >= 0 {
			break
		}
		arranged = append(arranged, list[at])
	}
	if len(order) != len(list) || len(arranged) != len(list) {
		return i, &PictureError{"order", "must name each picture of the sale once, by its id", nil}
	}
	return imagesOf(arranged), nil
}

// CheckAlt refuses a text that does not stay in its line, or that turns the words around it. Error: *PictureError.
func CheckAlt(alt string) error {
	switch n := utf8.RuneCountInString(alt); {
	case n > MaxAlt:
		return &PictureError{"alt", "has %d characters; it must have at most %d", []any{n, MaxAlt}}
	case !utf8.ValidString(alt) || strings.ContainsFunc(alt, Hidden):
		return &PictureError{"alt", "has a line break or a character that cannot be seen", nil}
	}
	return nil
}

// Hidden characters are control characters and those that change the direction of what follows. Joiners are part of some scripts.
func Hidden(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	return !unicode.IsGraphic(r) && r != nonJoiner && r != joiner || r == '\u2028' || r == '\u2029'
}

func indexOf(list []Image, id string) int {
	return slices.IndexFunc(list, func(one Image) bool { return one.ID == id })
}

// imagesOf puts uploaded pictures into the places that pages and clients know.
func imagesOf(list []Image) Images {
	images := Images{Thumbnails: []Image{}, Gallery: []Image{}}
	for _, one := range list {
		one = one.in(shownWidth)
		images.Gallery = append(images.Gallery, one)
		images.Thumbnails = append(images.Thumbnails, one.in(0))
	}
	if len(images.Gallery) > 0 {
		images.Main = images.Gallery[0]
	}
	return images
}

// in is the picture whose address is that of the largest size up to that width, or of the smallest.
func (i Image) in(width int) Image {
	for at, s := range i.Sources {
		if at == 0 || s.Width <= width {
			i.URL, i.Width, i.Height = s.URL, s.Width, s.Height
		}
	}
	return i
}
