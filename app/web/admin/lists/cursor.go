package lists

import (
	"encoding/base64"
	"encoding/binary"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
)

const (
	cursorField = "cursor"
	// defaultListSize and maxListSize are how many rows a page of a list has.
	defaultListSize = 50
	maxListSize     = 200
)

// listKind tells the cursors of the lists apart. Its values are in addresses that people keep.
type listKind byte

const (
	orderCursor   listKind = 'o'
	auditCursor   listKind = 'a'
	shopperCursor listKind = 's'
)

// cursor says which page of a list is meant: that which begins after a row, or, with back, ends before it. A row is named by a number
// and a text, whose meaning is the list's; zero and "" are the end of the list. Nothing of it is secret, and no value does harm: it
// is checked, and then an argument of a statement.
type cursor struct {
	back   bool
	number int64
	text   string
}

// first is true for the first page of a list.
func (at cursor) first() bool { return at == cursor{} }

// encode writes a cursor for an address.
func (at cursor) encode(kind listKind) string {
	raw := []byte{byte(kind), 0}
	if at.back {
		raw[1] = 1
	}
	raw = binary.BigEndian.AppendUint64(raw, uint64(at.number))
	return base64.RawURLEncoding.EncodeToString(append(raw, at.text...))
}

// cursorOf reads the cursor of a request. It takes only what encode writes.
func cursorOf(c echo.Context, kind listKind) (cursor, error) {
	text, given, err := request.QueryValue(c, cursorField)
	if err != nil || !given {
		return cursor{}, err
	}
	const head = 2 + 8
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") || len(raw) < head || listKind(raw[0]) != kind || raw[1] > 1 {
		return cursor{}, badCursor()
	}
	at := cursor{back: raw[1] == 1, number: int64(binary.BigEndian.Uint64(raw[2:head])), text: string(raw[head:])}
	if at.number < 0 || at.first() {
		return cursor{}, badCursor()
	}
	return at, nil
}

func badCursor() error {
	return request.BadField(cursorField, "is none of this list: follow the links of an answer, or leave it out for the first page")
}

// pageLinks are the addresses of other pages of a list.
type pageLinks struct {
	First string `json:"first,omitzero"`
	Prev  string `json:"prev,omitzero"`
	Next  string `json:"next,omitzero"`
	Last  string `json:"last,omitzero"`
}

// linksOf are those of a page between two rows: earlier and later say whether there may be others before and after it. The
// links keep everything else of the query.
func linksOf(c echo.Context, kind listKind, begin, end cursor, earlier, later bool) pageLinks {
	query := c.Request().URL.Query()
	to := func(at cursor) string {
		query.Del(cursorField)
		if !at.first() {
			query.Set(cursorField, at.encode(kind))
		}
		return (&url.URL{Path: c.Request().URL.Path, RawQuery: query.Encode()}).String()
	}
	var l pageLinks
	if earlier {
		begin.back = true
		l.First, l.Prev = to(cursor{}), to(begin)
	}
	if later {
		end.back = false
		l.Next, l.Last = to(end), to(cursor{back: true})
	}
	return l
}

// set sends the links as a Link field too (RFC 8288).
func (l pageLinks) set(c echo.Context) {
	var all []string
	for _, one := range []struct{ rel, to string }{{"first", l.First}, {"prev", l.Prev}, {"next", l.Next}, {"last", l.Last}} {
		if one.to != "" {
			all = append(all, "<"+one.to+`>; rel="`+one.rel+`"`)
		}
	}
	if len(all) > 0 {
		c.Response().Header().Set("Link", strings.Join(all, ", "))
	}
}
