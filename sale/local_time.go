package sale

import (
	"errors"
	"time"
	_ "time/tzdata" // so that every machine knows the zones
)

// ErrZone means that there is no time zone of that name.
var ErrZone = errors.New("no such time zone")

// localLayout is a time as people write it: that of a form's field for date and time, with or without seconds.
const localLayout = "2006-01-02T15:04"

// Zone is the time zone of that name in the IANA's list, such as Europe/Berlin. "Local", which differs by machine, is none.
func Zone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, ErrZone
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, ErrZone
	}
	return zone, nil
}

// LocalTime is what a time that people write means in a zone.
type LocalTime struct {
	// Moments are those that it can mean. There is one as a rule. There are two when the clocks were set back over that hour; and
	// when they were set forward over it, so that no clock shows it, the two that it would be by the offsets before and after.
	Moments []time.Time
	// Skipped is true for a time that no clock in the zone shows.
	Skipped bool
}

// Plain is true when there is nothing to ask.
func (l LocalTime) Plain() bool { return len(l.Moments) == 1 }

// ParseLocalTime reads a time without an offset, like 2026-03-29T02:30, as one of that zone.
func ParseLocalTime(written string, zone *time.Location) (LocalTime, error) {
	clock, err := time.Parse(localLayout, written)
	if err != nil {
		if clock, err = time.Parse(localLayout+":05", written); err != nil {
			return LocalTime{}, err
		}
	}
	// The offsets around that time: no zone changes twice within two days.
	var l LocalTime
	var candidates []time.Time
	for _, near := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, offset := clock.Add(near).In(zone).Zone()
		at := clock.Add(-time.Duration(offset) * time.Second)
		if len(candidates) == 0 || !at.Equal(candidates[0]) {
			candidates = append(candidates, at)
		}
	}
	for _, at := range candidates {
		if WriteLocalTime(at, zone) == clock.Format(localLayout) {
			l.Moments = append(l.Moments, at.UTC())
		}
	}
	if len(l.Moments) == 0 {
		l.Skipped = true
		for _, at := range candidates {
			l.Moments = append(l.Moments, at.UTC())
		}
	}
	return l, nil
}

// WriteLocalTime is a moment as people in that zone write it, without seconds.
func WriteLocalTime(at time.Time, zone *time.Location) string { return at.In(zone).Format(localLayout) }
