package request

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"
)

// A route that is added below a sale is about that sale, whatever its prefix.
func TestARouteWithASlugIsAboutThatSale(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ route, path, slug string }{
		{CurrentSale + "/status", "/api/flash-sale/status", ""},
		{AnySale + "/status", "/api/sales/spring/status", "spring"},
		{AdminSale, "/api/admin/sales/spring", "spring"},
		{AdminSale + "/orders", "/api/admin/sales/spring/orders", "spring"},
		{"/api/admin/pause", "/api/admin/pause", ""},
	} {
		e := echo.New()
		var slug string
		e.GET(c.route, func(c echo.Context) (err error) { slug, err = Slug(c); return err })
		e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, c.path, nil))
		if slug != c.slug {
			t.Errorf("%s is about the sale %q, want %q", c.path, slug, c.slug)
		}
	}
}

func TestAnEmptySlugIsNoSale(t *testing.T) {
	t.Parallel()
	c := echo.New().NewContext(httptest.NewRequest(http.MethodGet, "/api/sales//status", nil), httptest.NewRecorder())
	c.SetPath(AnySale + "/status")
	if _, err := Slug(c); !errors.Is(err, ErrNoSale) {
		t.Errorf("an empty slug: %v", err)
	}
}
