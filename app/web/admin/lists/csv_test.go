package lists

import (
	"encoding/csv"
	"slices"
	"strings"
	"testing"
)

// unguarded is what a program does with the cells of a file.
func unguarded(cell string) string { return strings.TrimPrefix(cell, "'") }

// parsed reads a file as RFC 4180 says, and nothing else: line breaks within quotes stay as they are.
func parsed(t *testing.T, file string) (lines [][]string) {
	t.Helper()
	for line := []string{}; file != ""; {
		cell := ""
		if strings.HasPrefix(file, `"`) {
			for file = file[1:]; ; {
				text, rest, closed := strings.Cut(file, `"`)
				if !closed {
					t.Fatalf("a quote is not closed: %q", file)
				}
				cell, file = cell+text, rest
				if !strings.HasPrefix(file, `"`) {
					break
				}
				cell, file = cell+`"`, file[1:]
			}
		} else {
			end := strings.IndexAny(file, ",\r\n\"")
			cell, file = file[:end], file[end:]
		}
		line = append(line, cell)
		switch {
		case strings.HasPrefix(file, ","):
			file = file[1:]
		case strings.HasPrefix(file, "\r\n"):
			lines, line, file = append(lines, line), []string{}, file[2:]
		default:
			t.Fatalf("after a cell comes %q", file)
		}
	}
	return lines
}

func TestTextsGoThroughCSVAndBack(t *testing.T) {
	t.Parallel()
	texts := []string{
		"", "ann", "=1+1", "+49 30", "-5", "@SUM(A1)", "\tx", "\rx", "\nx", "a\r\nb", "a\nb", "a\rb", "'", "''", "'=1", "=\"x\"", `"`, `""`, `a"b`, ",", "a,b", " a ",
		"Änne Größe", "😀", "עברית", "مرحبا", "\u202eabc", "a;b", "x\ty", "=cmd|' /C calc'!A0", "'@x", "-", "=", "\"=1\"", "null", "\ufeffx",
	}
	var file []byte
	for _, text := range texts {
		file = appendLine(file, text, "between", text, text)
	}
	lines := parsed(t, string(file))
	for i, text := range texts {
		if len(lines) != len(texts) || !slices.Equal(lines[i][1:2], []string{"between"}) || len(lines[i]) != 4 {
			t.Fatalf("%q is the line %q", text, lines[i])
		}
		for _, at := range []int{0, 2, 3} {
			cell := lines[i][at]
			if unguarded(cell) != text {
				t.Errorf("%q came back as %q", text, unguarded(cell))
			}
			if cell != "" && strings.IndexByte("=+-@\t\r", cell[0]) >= 0 {
				t.Errorf("%q is a formula: %q", text, cell)
			}
		}
	}
	// The library reads it too. It turns line breaks within cells into its own.
	read, err := csv.NewReader(strings.NewReader(string(appendLine(nil, texts[1:]...)))).Read()
	if err != nil || len(read) != len(texts)-1 {
		t.Fatalf("%d cells, %v", len(read), err)
	}
	for i, text := range texts[1:] {
		if unguarded(read[i]) != strings.ReplaceAll(text, "\r\n", "\n") {
			t.Errorf("the library reads %q as %q", text, read[i])
		}
	}
}

func FuzzCSV(f *testing.F) {
	f.Add("=1", "a\"b")
	f.Add("\r\n", "'")
	f.Fuzz(func(t *testing.T, a, b string) {
		lines := parsed(t, string(appendLine(appendLine(nil, a, b), b, a)))
		if len(lines) != 2 || len(lines[0]) != 2 || unguarded(lines[0][0]) != a || unguarded(lines[0][1]) != b || unguarded(lines[1][0]) != b {
			t.Errorf("%q, %q came back as %q", a, b, lines)
		}
	})
}
