package session

import (
	"net/url"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
)

const fieldNext = "next"

// nextOf is the path to go on to, of the query or of a form, or "" when there is none that leads to this origin.
func nextOf(raw string) string {
	if !request.LocalPath(raw) {
		return ""
	}
	return raw
}

// asked is the path of the query to go on to.
func asked(c echo.Context) string { return nextOf(c.QueryParam(fieldNext)) }

// carrying is a path with the one to go on to afterwards.
func carrying(path, next string) string {
	if next == "" {
		return path
	}
	return path + "?" + url.Values{fieldNext: {next}}.Encode()
}

// onward is where a form leads that succeeded.
func onward(next string) string {
	if next == "" {
		return "/account"
	}
	return next
}
