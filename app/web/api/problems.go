package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
)

// problemDocument explains a kind of problem to a program.
type problemDocument struct {
	Type        string `json:"type"`
	Title       string `json:"title"`
	Status      int    `json:"status"`
	Message     string `json:"message"`
	Explanation string `json:"explanation"`
}

type problemsDocument struct {
	Problems []problemDocument `json:"problems"`
}

// Problems lists all kinds of problems, for developers.
func (hs *Handlers) Problems(c echo.Context) error {
	kinds := request.Kinds()
	if request.WantsPage(c.Request()) {
		return hs.cfg.Pages.Problems(c, kinds)
	}
	varies(c)
	if request.WantsJSON(c.Request()) {
		list := make([]problemDocument, len(kinds))
		for i, k := range kinds {
			list[i] = problemDocumentOf(k)
		}
		return request.WriteJSON(c, http.StatusOK, problemsDocument{list})
	}
	var b strings.Builder
	for _, k := range kinds {
		b.WriteString(k.Problem("").Type + "\n" + explanation(k) + "\n")
	}
	return c.String(http.StatusOK, b.String())
}

// ProblemType is the page at the type of a problem, which explains it: to a person in a browser, to a program as JSON, else as plain text.
func (hs *Handlers) ProblemType(c echo.Context) error {
	name := request.Param(c, "name")
	for _, k := range request.Kinds() {
		if k.Name != name {
			continue
		}
		if request.WantsPage(c.Request()) {
			return hs.cfg.Pages.Problem(c, k)
		}
		varies(c)
		if request.WantsJSON(c.Request()) {
			return request.WriteJSON(c, http.StatusOK, problemDocumentOf(k))
		}
		return c.String(http.StatusOK, explanation(k))
	}
	return request.ErrNotFound
}

func varies(c echo.Context) { c.Response().Header().Set("Vary", "Accept, HX-Request") }

func problemDocumentOf(k *request.Kind) problemDocument {
	p := k.Problem("")
	return problemDocument{Type: p.Type, Title: p.Title, Status: p.Status, Message: p.Message, Explanation: k.Explain}
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
