package api

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/sale"
)

// Status answers the second hot route: the snapshot in memory, written by hand.
func (hs *Handlers) Status(c echo.Context) error {
	slug, err := request.Slug(c)
	if err != nil {
		return err
	}
	snap, err := hs.cfg.Catalog.Snapshot(slug)
	if err != nil {
		return err
	}
	if hs.hidden(c, &snap) {
		return sale.ErrNoSale
	}
	hs.version.Set(c.Response().Header(), snap.Version)
	buf := hs.lines.take()
	defer hs.lines.give(buf)
	*buf = append(appendStatus((*buf)[:0], &snap), '\n')
	request.WriteBytes(c.Response(), http.StatusOK, request.PlainJSON, *buf)
	return nil
}

// hidden is true for a draft, unless somebody of the team asks.
func (hs *Handlers) hidden(c echo.Context, s *sale.Snapshot) bool {
	if s.State != sale.Draft {
		return false
	}
	who := hs.cfg.Principals.Of(c.Request())
	return !who.MaySee(s)
}

// Sales lists every sale with its status.
func (hs *Handlers) Sales(c echo.Context) error {
	b := []byte(`{"sales":[`)
	begun := len(b)
	for _, snap := range hs.cfg.Catalog.All() {
		if hs.hidden(c, &snap) {
			continue
		}
		if len(b) > begun {
			b = append(b, ',')
		}
		b = appendStatus(b, &snap)
	}
	request.WriteBytes(c.Response(), http.StatusOK, request.PlainJSON, append(b, "]}\n"...))
	return nil
}

// appendStatus writes a sale's status. currentStock is what the ledger has left. The times left are in
// milliseconds by the ledger's clock, as is soldOutAfter, how long the units lasted. A snapshot that could not be renewed is marked stale and has its age.
func appendStatus(b []byte, snap *sale.Snapshot) []byte {
	status := snap.Status()
	b = append(b, `{"status":"`...)
	b = append(b, status...)
	b = append(b, `","currentStock":`...)
	b = request.AppendInt(b, snap.Left())
	b = append(b, `,"maxStock":`...)
	b = request.AppendInt(b, snap.Total)
	b = append(b, `,"startTime":"`...)
	b = request.AppendInstant(b, snap.StartsAt)
	b = append(b, `","endTime":"`...)
	b = request.AppendInstant(b, snap.EndsAt)
	b = append(b, '"')
	b = appendTimesLeft(b, snap, status)
	b = append(b, `,"id":`...)
	b = request.AppendInt(b, snap.ID)
	b = append(b, `,"slug":`...)
	b = request.AppendString(b, snap.Slug)
	b = append(b, `,"sold":`...)
	b = request.AppendInt(b, snap.Taken)
	b = append(b, `,"generation":`...)
	b = request.AppendInt(b, snap.Generation)
	b = append(b, `,"version":`...)
	b = request.AppendInt(b, snap.Version)
	b = append(b, `,"revision":`...)
	b = request.AppendInt(b, snap.Revision)
	b = append(b, `,"allClaimed":`...)
	b = strconv.AppendBool(b, snap.AllClaimed)
	b = append(b, `,"serverTime":"`...)
	b = request.AppendInstant(b, snap.Now)
	b = append(b, '"')
	if snap.Message != "" {
		b = append(b, `,"message":`...)
		b = request.AppendString(b, snap.Message)
	}
	if at := snap.Sellout.At; !at.IsZero() {
		b = append(b, `,"soldOutAt":"`...)
		b = request.AppendInstant(b, at)
		b = append(b, `","soldOutAfter":`...)
		b = request.AppendInt(b, millis(snap.Sellout.Took()))
	}
	if snap.Stale {
		b = append(b, `,"stale":true,"ageMs":`...)
		b = request.AppendInt(b, millis(snap.Age))
	}
	return append(b, '}')
}

func appendTimesLeft(b []byte, snap *sale.Snapshot, status sale.Status) []byte {
	if status == sale.Upcoming {
		b = append(b, `,"timeUntilStart":`...)
		b = request.AppendInt(b, millis(snap.TimeUntilStart()))
	}
	if status != sale.Ended {
		b = append(b, `,"timeUntilEnd":`...)
		b = request.AppendInt(b, millis(snap.TimeUntilEnd()))
	}
	return b
}
