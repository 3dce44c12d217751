package shop

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/sale/storefront"
)

// pictures is storefront.ProductPictures: the pictures of products.
type pictures interface {
	// Find gives one size of a picture. Error: sale.ErrNoPicture. shown says whether a sale shows the picture of an id.
	Find(ctx context.Context, k storefront.PictureKey, shown func(id string) bool) (*storefront.Size, error)
}

// sales is checkout.Catalog: the sales' snapshots, from memory.
type sales interface{ All() []sale.Snapshot }

// Pictures serves the pictures of products. An address has a hash of the picture, so that browsers keep it for ever.
type Pictures struct {
	from  pictures
	sales sales
}

// NewPictures serves what from has. It asks the sales which pictures they show.
func NewPictures(from pictures, sales sales) *Pictures { return &Pictures{from, sales} }

// Routes is that of the pictures.
func (p *Pictures) Routes() []request.Route {
	return []request.Route{{Method: http.MethodGet, Path: "/pictures/:name", Handler: p.Serve, Forwarded: true, Who: request.Anybody}}
}

// Serve answers with one size of a picture, without cookies and without a query when the picture is in memory.
func (p *Pictures) Serve(c echo.Context) error {
	name := request.Param(c, "name")
	key, ok := storefront.ParsePictureName(name)
	if !ok || p.from == nil {
		return request.ErrNotFound
	}
	r := c.Request()
	size, err := p.from.Find(r.Context(), key, p.shown)
	if errors.Is(err, sale.ErrNoPicture) {
		return request.ErrNotFound
	}
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Type", size.Kind)
	h.Set("Etag", `"`+name+`"`)
	// Nothing may run there, be loaded or be shown in a frame, whatever a browser takes the picture for.
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	http.ServeContent(c.Response(), r, "", time.Time{}, bytes.NewReader(size.Body))
	return nil
}

// shown is true when a sale shows the picture of that id, as far as this process knows.
func (p *Pictures) shown(id string) bool {
	return slices.ContainsFunc(p.sales.All(), func(s sale.Snapshot) bool {
		if s.Product == nil {
			return false
		}
		_, there := s.Product.Images.Picture(id)
		return there
	})
}
