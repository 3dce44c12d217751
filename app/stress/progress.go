package stress

import (
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// bar shows how many shoppers are done, on a terminal; elsewhere it is nil and does nothing.
type bar struct{ now *progressbar.ProgressBar }

func newBar(wanted bool) *bar {
	if !wanted || !term.IsTerminal(int(os.Stderr.Fd())) {
		return nil
	}
	return &bar{}
}

func (b *bar) begin(what string, total int) {
	if b == nil {
		return
	}
	b.now = progressbar.NewOptions(total,
		progressbar.OptionSetWriter(os.Stderr),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(),
		progressbar.OptionThrottle(50_000_000), // 50 ms
		progressbar.OptionClearOnFinish(),
	)
}

// step may be called by several goroutines at once.
func (b *bar) step() {
	if b != nil {
		_ = b.now.Add(1)
	}
}

func (b *bar) end() {
	if b != nil {
		_ = b.now.Finish()
	}
}
