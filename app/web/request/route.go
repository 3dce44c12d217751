// Package request is what every handler of app/web needs: who a request is from, whether it wants JSON or a page, the
// reading of its path, query, fields and body, the problems that it can be answered with, and the writing of JSON.
//
// The middleware is one closure per route, made at the start, instead of a chain. A chain with Bind and c.JSON costs a
// third of the throughput of the two routes that carry nearly all of a sale's traffic.
//
// A handler returns an error and writes no problem itself. ProblemOf is the one table from errors to problems, kinds.go
// lists the problems there are. The package decides nothing about a sale and imports no other package of app/web.
package request

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/users/login/limits"
	"flashsale/views/text"
)

// Route is one line of the route table.
type Route struct {
	Method  string
	Path    string
	Handler echo.HandlerFunc
	// Who may use the route. Required.
	Who Who
	// Accounts marks the routes of sign-ins and accounts, which there are none of in demo mode.
	Accounts bool
	// EvenStale lets an operator act while this process cannot know which sessions have ended.
	EvenStale bool
	// Hot routes have no context of their own and sampled log lines.
	Hot bool
	// Traced routes have a span, where there are traces.
	Traced bool
	// Stream routes have no deadline for the whole answer.
	Stream bool
	// Forwarded routes answer also through a proxy in front of a private demo.
	Forwarded bool
	// Secret routes have a secret in their path: no other page is told of it, and no search engine lists it.
	Secret bool
	// Upload routes take a file as their body. They bound it themselves.
	Upload bool
	// Policy names the limit on how often the route may be asked. "": there is none.
	Policy limits.Policy
	// Limit is the time the whole answer may take; 0 means AnswerTime.
	Limit time.Duration
}

const (
	// AnswerTime bounds an ordinary answer, from the first line of the request read to the last byte written.
	AnswerTime = 30 * time.Second
	// OperationTime bounds an operator's act: seeding a million shoppers takes its time.
	OperationTime = 5 * time.Minute
	// UploadTime bounds an upload, over a slow line too, and what is done with the file.
	UploadTime = 2 * time.Minute
)

const (
	// CurrentSale is the prefix under which the current sale answers, as the original's only sale did.
	CurrentSale = "/api/flash-sale"
	// AnySale is the prefix under which every sale answers.
	AnySale = "/api/sales/:slug"
	// SalePage is the address of a sale's page.
	SalePage = "/sales/:slug"
	// AdminSale is the address of a sale for operators.
	AdminSale = "/api/admin/sales/:slug"
)

// ReceiptPath is the address of the receipt with that secret, "" without one.
func ReceiptPath(secret string) string {
	if secret == "" {
		return ""
	}
	return "/receipts/" + secret
}

// Origin begins absolute addresses of this server: the public one when it is known, else the one that the client itself uses.
func Origin(r *http.Request, public string) string {
	if public != "" {
		return strings.TrimSuffix(public, "/")
	}
	if !Secure(r) {
		return "http://" + r.Host
	}
	return "https://" + r.Host
}

// Slug is the sale that a request is about, by the parameter :slug of its route: empty for the current one.
func Slug(c echo.Context) (string, error) {
	if !strings.Contains(c.Path(), "/:slug") {
		return "", nil
	}
	name := Param(c, "slug")
	if name == "" {
		return "", ErrNoSale
	}
	return name, nil
}

// SalePath is the path under which the sale of that slug answers.
func SalePath(slug string) string {
	if slug == "" {
		return CurrentSale
	}
	return "/api/sales/" + slug
}

// Param is a path parameter without escapes. Echo does not decode it when the path has unusual escapes.
func Param(c echo.Context, name string) string {
	v := c.Param(name)
	if c.Request().URL.RawPath == "" {
		return v
	}
	if plain, err := url.PathUnescape(v); err == nil {
		return plain
	}
	return v
}

// QueryValue is a value of the query, "" when it is not given. A query with any part that cannot be
// read is refused: the standard library drops such a part, and a default is then used instead of what the client sent.
func QueryValue(c echo.Context, name string) (value string, given bool, err error) {
	q, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return "", false, BadField("query", "must be correctly encoded name=value pairs, separated by &")
	}
	all, given := q[name]
	if len(all) > 1 {
		return "", false, BadField(name, text.Key("must appear once"))
	}
	return q.Get(name), given, nil
}

// QueryNumber is a number of the query between low and high, or def when it is absent.
func QueryNumber(c echo.Context, name string, low, high, def int) (int, error) {
	v, given, err := QueryValue(c, name)
	if err != nil || !given {
		return def, err
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < low || n > high {
		return 0, notWhole(name, int64(low), int64(high))
	}
	return n, nil
}
