package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
)

// ProblemType is the page at the type of a problem, which explains it.
func (hs *Handlers) ProblemType(c echo.Context) error {
	name := request.Param(c, "name")
	for _, k := range request.Kinds() {
		if k.Name == name {
			return c.String(http.StatusOK, explanation(k))
		}
	}
	return request.ErrNotFound
}

func explanation(k *request.Kind) string {
	var b strings.Builder
	b.WriteString(k.Title + " (" + strconv.Itoa(k.Status) + " " + http.StatusText(k.Status) + ")\n\n")
	b.WriteString(k.Message + ".\n\n")
	b.WriteString(k.Explain + "\n")
	return b.String()
}

// Gone answers the original's routes for debugging and load, whatever the method.
func (hs *Handlers) Gone(echo.Context) error { return request.ErrGoneRoute }
