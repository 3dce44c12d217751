package lists

import (
	"math"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
)

// queryTime is a time of the query, zero when it is not given.
func queryTime(c echo.Context, name string) (time.Time, error) {
	text, given, err := request.QueryValue(c, name)
	if err != nil || !given || text == "" {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() < 1971 || t.Year() > 9998 {
		return time.Time{}, request.BadField(name, "must be a time with a zone, like 2026-11-27T10:00:00Z")
	}
	return t.UTC(), nil
}

// queryTimes are the times from and to of the query.
func queryTimes(c echo.Context) (from, until time.Time, err error) {
	if from, err = queryTime(c, "from"); err == nil {
		until, err = queryTime(c, "to")
	}
	return from, until, err
}

// queryOne is a value of the query that is one of a few, or "" when it is not given.
func queryOne(c echo.Context, name, want string, values ...string) (string, error) {
	text, _, err := request.QueryValue(c, name)
	if err != nil || text == "" {
		return "", err
	}
	for _, v := range values {
		if text == v {
			return v, nil
		}
	}
	return "", request.BadField(name, want)
}

// queryText is a value of the query that is compared with texts in the database.
func queryText(c echo.Context, name string) (string, error) {
	const most = 200
	text, _, err := request.QueryValue(c, name)
	if err == nil && text != "" && !request.PlainText(text, most) {
		err = request.BadField(name, "must be 1 to 200 characters of plain text")
	}
	return text, err
}

// queryName is what a name begins with, as it was given and in normal form.
func queryName(c echo.Context, name string) (text, normal string, err error) {
	if text, _, err = request.QueryValue(c, name); err != nil || text == "" {
		return text, "", err
	}
	normal, err = request.NormalName(text, name)
	return text, normal, err
}

func queryListSize(c echo.Context) (int, error) {
	return request.QueryNumber(c, "limit", 1, maxListSize, defaultListSize)
}

func queryUnit(c echo.Context) (int64, error) {
	n, err := request.QueryNumber(c, "unit", 1, math.MaxInt, 0)
	return int64(n), err
}
