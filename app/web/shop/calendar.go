package shop

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// calendarTime is the layout of a DATE-TIME in UTC (RFC 5545, 3.3.5).
const calendarTime = "20060102T150405Z"

// calendar is an iCalendar object of these content lines.
func calendar(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		fold(&b, line)
	}
	return b.String()
}

// calendarText escapes a TEXT value (RFC 5545, 3.3.11). Control characters have no place in one.
func calendarText(s string) string {
	s = strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\r\n", `\n`, "\n", `\n`, "\r", `\n`).Replace(strings.ToValidUTF8(s, "\uFFFD"))
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
}

// fold writes a content line in pieces of at most 75 octets, of which none ends within a character (RFC 5545, 3.1).
func fold(b *strings.Builder, line string) {
	const most = 75
	room := most
	for _, r := range line {
		if room < utf8.RuneLen(r) {
			b.WriteString("\r\n ")
			room = most - 1
		}
		b.WriteRune(r)
		room -= utf8.RuneLen(r)
	}
	b.WriteString("\r\n")
}
