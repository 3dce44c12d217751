package web

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// problemPage explains a kind of problem to whoever follows its type.
func (s *Server) problemPage(c echo.Context) error {
	name := param(c, "name")
	for _, k := range kinds() {
		if k.name == name {
			return c.String(http.StatusOK, explanation(k))
		}
	}
	return errNotFound
}

func explanation(k *kind) string {
	var b strings.Builder
	b.WriteString(k.title + " (" + itoa(k.status) + " " + http.StatusText(k.status) + ")\n\n")
	b.WriteString(k.message + ".\n\n")
	b.WriteString(k.explain + "\n")
	return b.String()
}

// gone answers the original's routes for debugging and load, whatever the method.
func (s *Server) gone(echo.Context) error { return errGoneRoute }
