package embedded

import (
	"fmt"
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// newProgress counts the bytes written to it: as a bar on a terminal, else as a line for each quarter.
// size is -1 when it is not known.
func newProgress(to io.Writer, what string, size int64) io.Writer {
	if f, ok := to.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return progressbar.NewOptions64(size,
			progressbar.OptionSetWriter(f),
			progressbar.OptionSetDescription(what),
			progressbar.OptionShowBytes(true),
			progressbar.OptionSetWidth(30),
			progressbar.OptionOnCompletion(func() { _, _ = fmt.Fprintln(f) }),
		)
	}
	_, _ = fmt.Fprintf(to, "%s (%.1f MB)\n", what, float64(max(size, 0))/1e6)
	return &lines{to: to, what: what, size: size}
}

// lines writes a line for each quarter of size.
type lines struct {
	to   io.Writer
	what string
	size int64
	done int64
	told int64 // quarters
}

func (l *lines) Write(b []byte) (int, error) {
	l.done += int64(len(b))
	if l.size <= 0 {
		return len(b), nil
	}
	if quarter := 4 * l.done / l.size; quarter > l.told {
		l.told = quarter
		_, _ = fmt.Fprintf(l.to, "%s: %d%%\n", l.what, 25*quarter)
	}
	return len(b), nil
}
