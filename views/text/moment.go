package text

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/text/message"
	"golang.org/x/text/number"
)

// Moment is a time in words, in UTC and with its seconds, because a sale starts at an announced one: "2 January 2006, 15:04:05 UTC".
func Moment(ctx context.Context, t time.Time) string {
	return From(ctx).Moment(t)
}

// Moment is a time in words in this language, as the function of that name has it.
func (l Language) Moment(t time.Time) string { return l.inWords(t, time.TimeOnly) }

// Minute is Moment without the seconds.
func Minute(ctx context.Context, t time.Time) string {
	return From(ctx).inWords(t, "15:04")
}

// Day is the day of a time in words, in UTC: "2 January 2006".
func Day(ctx context.Context, t time.Time) string {
	l := known()[From(ctx).at]
	t = t.UTC()
	return fmt.Sprintf(l.day, t.Day(), l.months[t.Month()-1], t.Year())
}

func (l Language) inWords(t time.Time, clock string) string {
	k := known()[l.at]
	t = t.UTC()
	return fmt.Sprintf(k.moment, t.Day(), k.months[t.Month()-1], t.Year(), t.Format(clock))
}

// Number is a whole number as the language writes it: "1,000,000". What a script reads stays bare digits and does not come from here.
func Number(ctx context.Context, n int64) string {
	return From(ctx).printer().Sprint(number.Decimal(n))
}

func (l Language) printer() *message.Printer {
	if l.at == pseudo {
		return speakers()[english].printer
	}
	return speakers()[l.at].printer
}

func englishMonths() (names [12]string) {
	for m := range names {
		names[m] = time.Month(m + 1).String()
	}
	return names
}

func germanMonths() [12]string {
	return [12]string{
		"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember",
	}
}

func accentedMonths(names [12]string) [12]string {
	for m := range names {
		names[m] = accented(names[m])
	}
	return names
}
