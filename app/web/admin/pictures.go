package admin

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"flashsale/app/operator"
	"flashsale/app/web/request"
	"flashsale/sale"
)

// uploadPause is after how many seconds a client may come again when too many pictures are under way.
const uploadPause = 2

type picturesDocument struct {
	// Pictures are those of the sale, the main one first.
	Pictures []sale.Image `json:"pictures"`
}

type pictureDocument struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
	// Picture is the one that the act was about.
	Picture *sale.Image `json:"picture,omitempty"`
	picturesDocument
	changed
}

// Pictures lists the pictures that operators gave the product of a sale.
func (hs *Handlers) Pictures(c echo.Context) error {
	slug, err := request.Slug(c)
	if err != nil {
		return err
	}
	snap, err := hs.cfg.Catalog.Snapshot(slug)
	if err != nil {
		return err
	}
	hs.version.Set(c.Response().Header(), snap.Version)
	request.SetRevision(c.Response().Header(), snap.Revision)
	d := picturesDocument{Pictures: []sale.Image{}}
	if snap.Product != nil {
		d.Pictures = snap.Product.Images.Uploaded()
	}
	return request.WriteJSON(c, http.StatusOK, d)
}

// AddPicture takes the file of a picture and gives it to the product of a sale. A process takes few at once.
func (hs *Handlers) AddPicture(c echo.Context) error {
	slug, err := request.Slug(c)
	if err != nil {
		return err
	}
	if !hs.uploads.Acquire() {
		p := request.ErrPicturesBusy.Problem("")
		p.RetryAfter = uploadPause
		return &request.ProblemError{Kind: request.ErrPicturesBusy, Problem: p}
	}
	defer hs.uploads.Release()
	alt, _, err := request.QueryValue(c, "alt")
	if err != nil {
		return err
	}
	u, a, err := hs.upload(c, "picture")
	if err != nil {
		return err
	}
	done, err := hs.cfg.Operations.AddPicture(c.Request().Context(), a, slug, u.file, strings.TrimSpace(cmp.Or(u.fields.Get("alt"), alt)))
	if err != nil {
		return err
	}
	if done.Before.Revision == done.After.Revision {
		return hs.pictured(c, http.StatusOK, &done, "known", "The sale has this picture already")
	}
	return hs.pictured(c, http.StatusCreated, &done, "added", "The picture was added")
}

// RemovePicture takes a picture away.
func (hs *Handlers) RemovePicture(c echo.Context) error {
	slug, a, _, err := hs.saleAct(c, nil)
	if err != nil {
		return err
	}
	done, err := hs.cfg.Operations.RemovePicture(c.Request().Context(), a, slug, request.Param(c, "id"))
	if err != nil {
		return err
	}
	return hs.pictured(c, http.StatusOK, &done, "removed", "The picture was removed")
}

// DescribePicture changes the text that says what a picture shows.
func (hs *Handlers) DescribePicture(c echo.Context) error {
	slug, a, v, err := hs.saleAct(c, request.Spec{"alt": request.Text})
	if err != nil {
		return err
	}
	alt, there := v["alt"].(string)
	if !there {
		return request.BadField("alt", "is missing")
	}
	done, err := hs.cfg.Operations.DescribePicture(c.Request().Context(), a, slug, request.Param(c, "id"), strings.TrimSpace(alt))
	if err != nil {
		return err
	}
	return hs.pictured(c, http.StatusOK, &done, "described", "The text of the picture was changed")
}

// ArrangePictures puts the pictures into the order that the body names.
func (hs *Handlers) ArrangePictures(c echo.Context) error {
	slug, a, v, err := hs.saleAct(c, request.Spec{"order": request.Words})
	if err != nil {
		return err
	}
	order, _ := v["order"].(string)
	done, err := hs.cfg.Operations.ArrangePictures(c.Request().Context(), a, slug, strings.Fields(order))
	if err != nil {
		return err
	}
	return hs.pictured(c, http.StatusOK, &done, "arranged", "The pictures have another order")
}

// pictured answers an act on pictures: a browser is led to their page, which says what was done by its name.
func (hs *Handlers) pictured(c echo.Context, status int, done *operator.PictureChange, name, message string) error {
	hs.version.Set(c.Response().Header(), done.After.Version)
	request.SetRevision(c.Response().Header(), done.After.Revision)
	if request.WantsPage(c.Request()) {
		return c.Redirect(http.StatusSeeOther, deskPictures(done.After.Slug)+"?done="+name+movedTo(c, done))
	}
	d := pictureDocument{Success: true, Message: message, picturesDocument: picturesDocument{append([]sale.Image{}, done.Pictures...)}, changed: changedOf(&done.Change)}
	if done.Picture.ID != "" {
		d.Picture = &done.Picture
	}
	return request.WriteJSON(c, status, d)
}
