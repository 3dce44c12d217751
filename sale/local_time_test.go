package sale

import (
	"errors"
	"slices"
	"testing"
	"time"
)

func TestALocalTimeIsOneMomentExceptWhereClocksAreSet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		zone, written string
		skipped       bool
		want          []string
	}{
		{"Europe/Berlin", "2026-07-01T10:00", false, []string{"2026-07-01T08:00:00Z"}},
		{"Europe/Berlin", "2026-03-29T02:30", true, []string{"2026-03-29T01:30:00Z", "2026-03-29T00:30:00Z"}},
		{"Europe/Berlin", "2026-03-29T03:00", false, []string{"2026-03-29T01:00:00Z"}},
		{"Europe/Berlin", "2026-10-25T02:30", false, []string{"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"}},
		{"Europe/Berlin", "2026-10-25T03:00", false, []string{"2026-10-25T02:00:00Z"}},
		{"Europe/Berlin", "2026-10-25T01:59", false, []string{"2026-10-24T23:59:00Z"}},
		{"Australia/Lord_Howe", "2026-04-05T01:45", false, []string{"2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z"}},
		{"America/New_York", "2026-11-01T01:15:30", false, []string{"2026-11-01T05:15:30Z", "2026-11-01T06:15:30Z"}},
		{"UTC", "2026-03-29T02:30", false, []string{"2026-03-29T02:30:00Z"}},
		{"Asia/Kathmandu", "2026-01-01T00:00", false, []string{"2025-12-31T18:15:00Z"}},
	} {
		zone, err := Zone(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		l, err := ParseLocalTime(c.written, zone)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, at := range l.Moments {
			got = append(got, at.Format(time.RFC3339))
		}
		if !slices.Equal(got, c.want) || l.Skipped != c.skipped || l.Plain() != (len(c.want) == 1) {
			t.Errorf("%s in %s is %v, skipped %v", c.written, c.zone, got, l.Skipped)
		}
	}
	for _, none := range []string{"", "tomorrow", "2026-02-30T10:00", "2026-01-01 10:00", "2026-01-01T10:00Z"} {
		if _, err := ParseLocalTime(none, time.UTC); err == nil {
			t.Errorf("%q is taken for a time", none)
		}
	}
}

func TestAZoneIsOneOfTheList(t *testing.T) {
	t.Parallel()
	for _, none := range []string{"", "Local", "Mars/Olympus", "../etc/passwd", "+02:00"} {
		if _, err := Zone(none); !errors.Is(err, ErrZone) {
			t.Errorf("%q is a zone: %v", none, err)
		}
	}
}
