package desk

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
)

// formKey is where the context of a request keeps the form that an act was asked by.
const formKey = "flashsale.form"

// KeepForm keeps the form of an act, so that it can be shown again when the act is refused.
func KeepForm(c echo.Context, form url.Values) { c.Set(formKey, form) }

// KeptForm is the form that is kept; nil when there is none.
func KeptForm(c echo.Context) url.Values {
	form, _ := c.Get(formKey).(url.Values)
	return form
}

// RefusedForm is the form that an act was asked by, when a page with it can say why the act was refused. It is false for every other
// request, and for those who may not act.
func RefusedForm(c echo.Context, p request.Problem) (url.Values, bool) {
	form := KeptForm(c)
	return form, len(form) > 0 && p.Status != http.StatusUnauthorized && p.Status != http.StatusNotFound
}

// Undecided is true when the act that was refused may yet be done. The same form with the same key does it at most once.
func Undecided(p request.Problem) bool {
	return p.Status >= http.StatusInternalServerError || p.Type == request.ErrKeyRunning.Problem("").Type
}

// Sentence is a problem for people.
func Sentence(p request.Problem) string { return strings.TrimRight(p.Detail, ".") + "." }
