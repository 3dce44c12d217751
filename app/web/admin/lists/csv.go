package lists

import "strings"

// A CSV file here is as RFC 4180 says: lines end with CR LF, a cell with a comma, a quote or a line break is in quotes, and a quote
// within them is doubled.
//
// A spreadsheet takes a cell that begins with = + - or @, or with a tab or a carriage return before them, for a formula, and a name can
// begin so. Such a cell gets an apostrophe in front, and so does one that begins with an apostrophe: whoever reads the file with a
// program takes one apostrophe away from each cell that begins with one, and has the text as it was.

// appendCell writes a cell.
func appendCell(b []byte, text string) []byte {
	guarded := text != "" && strings.IndexByte("=+-@\t\r'", text[0]) >= 0
	if !strings.ContainsAny(text, ",\"\r\n") {
		if guarded {
			b = append(b, '\'')
		}
		return append(b, text...)
	}
	b = append(b, '"')
	if guarded {
		b = append(b, '\'')
	}
	for i := range len(text) {
		if text[i] == '"' {
			b = append(b, '"')
		}
		b = append(b, text[i])
	}
	return append(b, '"')
}

// appendLine writes cells, and the end of their line.
func appendLine(b []byte, cells ...string) []byte {
	for i, cell := range cells {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendCell(b, cell)
	}
	return append(b, "\r\n"...)
}

// byteOrderMark tells a spreadsheet that a file is in UTF-8.
const byteOrderMark = "\ufeff"
