package text

import (
	"strings"
	"unicode"
)

// The arguments of a text in the pseudo language stand between these marks while it is made: what somebody typed keeps its letters.
const (
	argumentBegins = "\uE000"
	argumentEnds   = "\uE001"
)

func pseudoSay(key string, args []any) string {
	if len(args) == 0 {
		return accented(key)
	}
	marked := make([]any, len(args))
	for i, arg := range args {
		if s, ok := arg.(string); ok {
			arg = argumentBegins + s + argumentEnds
		}
		marked[i] = arg
	}
	var out strings.Builder
	for part := range strings.SplitSeq(speakers()[english].printer.Sprintf(key, marked...), argumentBegins) {
		argument, words, inside := strings.Cut(part, argumentEnds)
		if !inside {
			argument, words = "", part
		}
		out.WriteString(argument)
		out.WriteString(accented(words))
	}
	return out.String()
}

// accents has an accented letter for each English one. A text of them can be read, and no English word is in it.
const accents = "áƀćđéƒĝĥíĵķĺɱńóþɋŕšţúṽŵẋýžÁƁĆĐÉƑĜĤÍĴĶĹḾŃÓÞɊŔŠŢÛṼŴẊÝŽ"

// accented is a text with accents. Each third letter stands twice, as most languages need more room than English.
func accented(s string) string {
	table := []rune(accents)
	letters := 0
	var out strings.Builder
	for _, r := range s {
		at := -1
		switch {
		case r >= 'a' && r <= 'z':
			at = int(r - 'a')
		case r >= 'A' && r <= 'Z':
			at = 26 + int(r-'A')
		}
		if at < 0 {
			out.WriteRune(r)
			continue
		}
		out.WriteRune(table[at])
		if letters++; letters%3 == 0 {
			out.WriteRune(unicode.ToLower(table[at]))
		}
	}
	return out.String()
}
