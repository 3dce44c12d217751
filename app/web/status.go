package web

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"flashsale/sale"
)

// status is the other hot route: the snapshot in memory, written by hand.
func (s *Server) status(c echo.Context) error {
	slug, err := slug(c)
	if err != nil {
		return err
	}
	snap, err := s.cfg.Board.Snapshot(slug)
	if err != nil {
		return err
	}
	s.versions.set(c.Response().Header(), snap.Version)
	buf := s.lines.take()
	defer s.lines.give(buf)
	*buf = append(appendStatus((*buf)[:0], &snap), '\n')
	writeBytes(c.Response(), http.StatusOK, plainJSON, *buf)
	return nil
}

// sales lists every sale with its status.
func (s *Server) sales(c echo.Context) error {
	b := []byte(`{"sales":[`)
	for i, snap := range s.cfg.Board.All() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendStatus(b, &snap)
	}
	writeBytes(c.Response(), http.StatusOK, plainJSON, append(b, "]}\n"...))
	return nil
}

// appendStatus writes a sale's status. currentStock is what the ledger has left; the times left are in
// milliseconds by the ledger's clock. A snapshot that could not be renewed says so with its age.
func appendStatus(b []byte, snap *sale.Snapshot) []byte {
	status := snap.Status()
	b = append(b, `{"status":"`...)
	b = append(b, status...)
	b = append(b, `","currentStock":`...)
	b = appendInt(b, snap.Left())
	b = append(b, `,"maxStock":`...)
	b = appendInt(b, snap.Total)
	b = append(b, `,"startTime":"`...)
	b = appendInstant(b, snap.StartsAt)
	b = append(b, `","endTime":"`...)
	b = appendInstant(b, snap.EndsAt)
	b = append(b, '"')
	b = appendTimesLeft(b, snap, status)
	b = append(b, `,"id":`...)
	b = appendInt(b, snap.ID)
	b = append(b, `,"slug":`...)
	b = appendString(b, snap.Slug)
	b = append(b, `,"sold":`...)
	b = appendInt(b, snap.Taken)
	b = append(b, `,"generation":`...)
	b = appendInt(b, snap.Generation)
	b = append(b, `,"version":`...)
	b = appendInt(b, snap.Version)
	b = append(b, `,"revision":`...)
	b = appendInt(b, snap.Revision)
	b = append(b, `,"allClaimed":`...)
	b = strconv.AppendBool(b, snap.AllClaimed)
	b = append(b, `,"serverTime":"`...)
	b = appendInstant(b, snap.Now)
	b = append(b, '"')
	if snap.Stale {
		b = append(b, `,"stale":true,"ageMs":`...)
		b = appendInt(b, millis(snap.Age))
	}
	return append(b, '}')
}

func appendTimesLeft(b []byte, snap *sale.Snapshot, status sale.Status) []byte {
	if status == sale.Upcoming {
		b = append(b, `,"timeUntilStart":`...)
		b = appendInt(b, millis(snap.TimeUntilStart()))
	}
	if status != sale.Ended {
		b = append(b, `,"timeUntilEnd":`...)
		b = appendInt(b, millis(snap.TimeUntilEnd()))
	}
	return b
}
