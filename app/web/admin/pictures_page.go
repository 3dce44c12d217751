package admin

import (
	"context"
	"crypto/rand"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"flashsale/app/operator"
	"flashsale/app/web/desk"
	"flashsale/app/web/request"
	"flashsale/sale"
	views "flashsale/views/admin"
	"flashsale/views/text"
)

const (
	fieldPicture = "picture"
	fieldAlt     = "alt"
	// fieldMoved is the picture that a form has moved. The page shows that one again.
	fieldMoved = "moved"
)

func deskPictures(slug string) string { return deskSale(slug) + "/pictures" }

// PicturesPage shows the pictures of a sale's product, with the forms that change them.
func (hs *Handlers) PicturesPage(c echo.Context) error {
	snap, err := hs.snapshot(c)
	if err != nil {
		return err
	}
	page := hs.pictures(c, &snap)
	page.Notice = pictureNotice(desk.Speaking(c.Request()), c.QueryParam("done"))
	return hs.cfg.Desk.Send(c, http.StatusOK, views.PicturesPage(page))
}

func (hs *Handlers) pictures(c echo.Context, s *sale.Snapshot) views.Pictures {
	ctx := desk.Speaking(c.Request())
	page := views.Pictures{
		Desk: hs.desk(c, text.Say(ctx, "Pictures of %s", productName(s))), Slug: s.Slug, Name: productName(s), Key: rand.Text(), Revision: request.RevisionTag(s.Revision),
		Most: sale.MaxPictures, MaxBytes: maxUpload,
		File: views.Input{Name: fieldPicture, Label: text.Say(ctx, "File"), Type: "file", Accept: "image/png,image/jpeg,image/webp,image/gif",
			Hint: text.Say(ctx, "PNG, JPEG, WebP or GIF, of at most 16 MB and 16 million pixels. Only its pixels are kept: no place, no camera, no name.")},
		Text: views.Input{Name: fieldAlt, Label: text.Say(ctx, "What it shows"), Type: "text", MaxLength: strconv.Itoa(sale.MaxAlt), Optional: true,
			Hint: text.Say(ctx, "For those who cannot see it, like: the coat from behind, with its hood up.")},
	}
	if s.Product == nil {
		return page
	}
	list := s.Product.Images.Uploaded()
	if len(list) == 0 {
		page.Other = len(s.Product.Images.Gallery)
	}
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	for i := range list {
		one := pictureOf(&list[i])
		one.Up, one.Down = swapped(ids, i-1), swapped(ids, i)
		page.Pictures = append(page.Pictures, one)
	}
	return page
}

// pictureOf is a picture in its smallest size, with how large it is in its largest.
func pictureOf(i *sale.Image) views.Picture {
	one := views.Picture{ID: i.ID, URL: i.URL, Alt: i.Alt, Text: views.Input{Value: i.Alt}}
	if n := len(i.Sources); n > 0 {
		one.URL = i.Sources[0].URL
		one.Size = strconv.Itoa(i.Sources[n-1].Width) + " × " + strconv.Itoa(i.Sources[n-1].Height)
	}
	return one
}

// swapped is the order in which the pictures at i and i+1 have changed places; empty when there is no such pair.
func swapped(ids []string, i int) string {
	if i < 0 || i+1 >= len(ids) {
		return ""
	}
	order := slices.Clone(ids)
	order[i], order[i+1] = order[i+1], order[i]
	return strings.Join(order, " ")
}

// movedTo is the part of an address that leads to the picture which a form has moved.
func movedTo(c echo.Context, done *operator.PictureChange) string {
	form := desk.KeptForm(c)
	id := form.Get(fieldMoved)
	if !slices.ContainsFunc(done.Pictures, func(i sale.Image) bool { return id != "" && i.ID == id }) {
		return ""
	}
	return "#picture-" + id
}

// pictureNotice is the sentence for what an act did. The query only selects it.
func pictureNotice(ctx context.Context, name string) string {
	switch name {
	case "added":
		return text.Say(ctx, "The picture is added. Everybody who looks at the sale sees it.")
	case "known":
		return text.Say(ctx, "The sale has this picture already. Nothing was changed.")
	case "removed":
		return text.Say(ctx, "The picture is removed.")
	case "described":
		return text.Say(ctx, "The text of the picture is changed.")
	case "arranged":
		return text.Say(ctx, "The pictures have another order. The first one is the main picture.")
	}
	return ""
}

// RemovePicturePage is the step before a picture is taken away.
func (hs *Handlers) RemovePicturePage(c echo.Context) error {
	snap, err := hs.snapshot(c)
	if err != nil {
		return err
	}
	if snap.Product == nil {
		return sale.ErrNoPicture
	}
	one, there := snap.Product.Images.Picture(request.Param(c, "id"))
	if !there {
		return sale.ErrNoPicture
	}
	return hs.cfg.Desk.Send(c, http.StatusOK, views.RemovePicturePage(views.RemovePicture{
		Desk: hs.desk(c, text.Say(desk.Speaking(c.Request()), "Remove this picture?")), Slug: snap.Slug, Name: productName(&snap), Key: rand.Text(),
		Revision: request.RevisionTag(snap.Revision), Picture: pictureOf(&one), Main: snap.Product.Images.Main.ID == one.ID,
	}))
}

// picturesRoute is true for the acts on pictures.
func picturesRoute(c echo.Context) bool {
	return c.Request().Method == http.MethodPost && strings.HasPrefix(c.Path(), request.AdminSale+"/pictures")
}

// refusedPicture shows the page of the pictures again, with why an act was refused at the field that it is about.
func (hs *Handlers) refusedPicture(c echo.Context, p request.Problem) (bool, error) {
	if p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden {
		return false, nil
	}
	snap, err := hs.snapshot(c)
	if err != nil {
		return false, nil //nolint:nilerr // there is no sale to show; the problem's own page says why
	}
	page := hs.pictures(c, &snap)
	form := desk.KeptForm(c)
	if desk.Undecided(p) && form.Get("Idempotency-Key") != "" {
		// It may have been done. The same form with the same key does it at most once.
		page.Key, _, _ = strings.Cut(form.Get("Idempotency-Key"), "-")
	}
	said := p.For(text.From(desk.Speaking(c.Request())))
	words := said.Happened + ". " + said.Now
	if len(p.Errors) > 0 {
		words = said.Happened + "." // what is to be done is part of it
	}
	typed, field := form.Get(fieldAlt), pictureField(p)
	id, uploading := request.Param(c, "id"), c.Path() == request.AdminSale+"/pictures"
	switch {
	case uploading && field == fieldAlt:
		page.Text.Error = words
	case uploading:
		page.File.Error = words
	default:
		page.Problem = words
	}
	if uploading {
		page.Problem, page.Text.Value = text.Say(desk.Speaking(c.Request()), "The picture was not added. Please look at what is marked."), typed
	}
	for i := range page.Pictures {
		if one := &page.Pictures[i]; !uploading && one.ID == id && form.Has(fieldAlt) {
			one.Text.Value = typed
			if field == fieldAlt {
				one.Text.Error = words
			}
		}
	}
	return true, hs.cfg.Desk.Send(c, p.Status, views.PicturesPage(page))
}

// pictureField is the field that a problem is about; empty: none.
func pictureField(p request.Problem) string {
	if len(p.Errors) == 0 {
		return ""
	}
	return p.Errors[0].Field
}
